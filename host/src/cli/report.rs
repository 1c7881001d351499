//! What failed, why, and what to do.
//!
//! ```text
//! error: failed to test connector `acme`
//!   caused by: no answer from acme.okta.com
//!   caused by: connection refused
//! hint: check `endpoint` in [connector.acme]
//! ```
//!
//! With `--json` it is one object on stdout, like any result, so that a script has one place to look:
//! `{"error": {"message": "…", "causes": ["…"], "hint": "…"}}`. The hint is null when there is none.

use std::error::Error;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::exit::Exit;
use crate::config::{ConfigError, edit::EditError};

/// Why a command did not do its work. Made at the edge, from the errors of the layers below.
#[derive(Debug)]
pub struct Failure {
    what: String,
    /// Lines that belong to `what`, for people: an excerpt of a file.
    detail: Option<String>,
    /// The nearest first.
    causes: Vec<String>,
    hint: Option<String>,
    exit: Exit,
    silent: bool,
}

impl Failure {
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { what: what.into(), detail: None, causes: Vec::new(), hint: None, exit, silent: false }
    }

    /// The command line is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// The error's own text and those of its sources, none repeated.
    pub fn of(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, error.to_string()).with_causes_of(error)
    }

    /// Nothing is printed: whoever has to know knows.
    pub fn silent(exit: Exit) -> Self {
        Self { silent: true, ..Self::new(exit, "") }
    }

    /// `what` failed because of `error`.
    pub fn because(self, error: &dyn Error) -> Self {
        let mut failure = self;
        failure.causes.push(error.to_string());
        failure.with_causes_of(error)
    }

    pub fn with_hint(mut self, hint: Option<impl Into<String>>) -> Self {
        self.hint = hint.map(Into::into);
        self
    }

    pub fn with_detail(mut self, detail: Option<String>) -> Self {
        self.detail = detail;
        self
    }

    /// What programs are told beside, as causes; people see it in the detail.
    pub fn add_causes(&mut self, causes: &[String]) {
        self.causes.extend_from_slice(causes);
    }

    /// The same failure as a step of something larger.
    pub fn within(mut self, what: impl Into<String>) -> Self {
        self.causes.insert(0, std::mem::replace(&mut self.what, what.into()));
        self
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }

    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(super) fn what(&self) -> &str {
        &self.what
    }

    pub(super) fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    pub(super) fn causes(&self) -> &[String] {
        &self.causes
    }

    fn with_causes_of(mut self, error: &dyn Error) -> Self {
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            // Many errors end in their source's text, and many sources in another's.
            let told = self.causes.last().unwrap_or(&self.what);
            if !text.is_empty() && !told.contains(&text) {
                self.causes.push(text);
            }
            source = cause.source();
        }
        self
    }

    /// For people, with styles that a stream which can't show them strips.
    pub fn text(&self) -> String {
        const ERROR: Style = AnsiColor::Red.on_default().bold();
        const HINT: Style = AnsiColor::Cyan.on_default().bold();
        let mut out = format!("{ERROR}error:{ERROR:#} {}", self.what);
        if let Some(detail) = &self.detail {
            write!(out, "\n{detail}").expect("a string takes any text");
        } else {
            for cause in &self.causes {
                let cause = cause.trim_end().replace('\n', "\n    ");
                write!(out, "\n  caused by: {cause}").expect("a string takes any text");
            }
        }
        if let Some(hint) = &self.hint {
            write!(out, "\n{HINT}hint:{HINT:#} {hint}").expect("a string takes any text");
        }
        out
    }

    /// For a log: what, why and what to do, without styles.
    pub(super) fn plain(&self) -> String {
        let text = anstream::adapter::strip_str(&self.text()).to_string();
        text.strip_prefix("error: ").map(str::to_owned).unwrap_or(text)
    }

    /// For programs.
    pub fn json(&self) -> impl Serialize + '_ {
        Object { error: Body { message: &self.what, causes: &self.causes, hint: self.hint.as_deref() } }
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent
    }
}

#[derive(Serialize)]
struct Object<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    causes: &'a [String],
    hint: Option<&'a str>,
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let mut failure = Self::of(Exit::Usage, &error).with_hint(error.hint()).with_detail(error.detail());
        failure.causes.extend(error.causes());
        failure
    }
}

impl From<EditError> for Failure {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Config(error) => error.into(),
            EditError::Unwritten { .. } => Self::of(Exit::Failed, &error).with_hint(error.hint()),
            _ => Self::of(Exit::Usage, &error).with_hint(error.hint()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Link {
        text: &'static str,
        source: Option<Box<Link>>,
    }

    fn chain(texts: &[&'static str]) -> Link {
        let (text, rest) = texts.split_first().expect("a chain has a link");
        Link { text, source: (!rest.is_empty()).then(|| Box::new(chain(rest))) }
    }

    fn plain(failure: &Failure) -> String {
        anstream::adapter::strip_str(&failure.text()).to_string()
    }

    fn json(failure: &Failure) -> serde_json::Value {
        serde_json::to_value(failure.json()).unwrap()
    }

    #[test]
    fn what_why_and_what_to_do() {
        let error = chain(&[
            "failed to read users of connector `acme`",
            "no answer from acme.okta.com: connection refused",
            "connection refused",
            "os error 111\nsecond line",
        ]);
        let failure =
            Failure::of(Exit::Failed, &error).with_hint(Some("check `endpoint` in [connector.acme]"));
        insta::assert_snapshot!(plain(&failure), @r"
        error: failed to read users of connector `acme`
          caused by: no answer from acme.okta.com: connection refused
          caused by: os error 111
            second line
        hint: check `endpoint` in [connector.acme]
        ");
        insta::assert_json_snapshot!(failure.json(), @r#"
        {
          "error": {
            "message": "failed to read users of connector `acme`",
            "causes": [
              "no answer from acme.okta.com: connection refused",
              "os error 111\nsecond line"
            ],
            "hint": "check `endpoint` in [connector.acme]"
          }
        }
        "#);
        assert!(failure.text().starts_with("\u{1b}["), "styled where it can be");
    }

    #[test]
    fn because_and_within_put_the_nearest_first() {
        let failure =
            Failure::new(Exit::Failed, "failed to test").because(&chain(&["a", "b"])).within("failed to add");
        assert_eq!(
            plain(&failure),
            "error: failed to add\n  caused by: failed to test\n  caused by: a\n  caused by: b"
        );
        assert_eq!(json(&Failure::usage("bad"))["error"]["hint"], serde_json::Value::Null);
    }

    #[test]
    fn a_configuration_error_shows_the_line() {
        let error = crate::config::Config::parse("rollcall.toml".as_ref(), "[conector.acme]\n").unwrap_err();
        let failure = Failure::from(error);
        assert_eq!(failure.exit(), Exit::Usage);
        insta::assert_snapshot!(plain(&failure), @r"
        error: rollcall.toml:1:2: unknown key `conector` at the top level
          |
        1 | [conector.acme]
          |  ^^^^^^^^
        hint: did you mean `connector`?
        ");
    }

    #[test]
    fn several_mistakes_are_causes_for_programs() {
        let text = "[directory]\npath = \"\"\n[plugins]\npath = \"\"\n";
        let failure =
            Failure::from(crate::config::Config::parse("rollcall.toml".as_ref(), text).unwrap_err());
        assert_eq!(json(&failure)["error"]["message"], "rollcall.toml has 2 mistakes");
        assert_eq!(json(&failure)["error"]["causes"][1], "rollcall.toml:4:8: a path can't be empty");
        assert_eq!(plain(&failure).matches("a path can't be empty").count(), 2);
    }
}
