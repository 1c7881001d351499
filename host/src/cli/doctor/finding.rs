use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::cli::exit::Exit;
use crate::cli::human::wrap;
use crate::cli::report::Failure;

/// What one check saw.
#[derive(Debug, Clone, Serialize)]
pub(in crate::cli) struct Finding {
    /// Null for what all connectors share.
    pub connector: Option<String>,
    pub check: &'static str,
    pub state: State,
    pub saw: String,
    /// Why, the nearest first.
    pub causes: Vec<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Lines of a file, for people.
    #[serde(skip)]
    pub detail: Option<String>,
    /// Of a problem.
    #[serde(skip)]
    pub exit: Exit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum State {
    Ok,
    /// A sync can work all the same.
    Warning,
    /// A sync can't work, or not as it should.
    Problem,
    /// Not checked: another problem is in the way, or nobody wanted it.
    Skipped,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Problem => "problem",
            State::Skipped => "-",
        }
    }

    fn style(self) -> Style {
        match self {
            State::Ok => AnsiColor::Green.on_default(),
            State::Warning => AnsiColor::Yellow.on_default().bold(),
            State::Problem => AnsiColor::Red.on_default().bold(),
            State::Skipped => Style::new().dimmed(),
        }
    }
}

impl Finding {
    fn new(check: &'static str, state: State, saw: impl Into<String>) -> Self {
        Self {
            connector: None,
            check,
            state,
            saw: saw.into(),
            causes: Vec::new(),
            hint: None,
            detail: None,
            exit: Exit::Failed,
        }
    }

    pub fn ok(check: &'static str, saw: impl Into<String>) -> Self {
        Self::new(check, State::Ok, saw)
    }

    pub fn warning(check: &'static str, saw: impl Into<String>) -> Self {
        Self::new(check, State::Warning, saw)
    }

    pub fn problem(check: &'static str, saw: impl Into<String>) -> Self {
        Self::new(check, State::Problem, saw)
    }

    pub fn skipped(check: &'static str, why: &str) -> Self {
        Self::new(check, State::Skipped, format!("not checked: {why}"))
    }

    /// What a command would fail with.
    pub fn failed(check: &'static str, failure: &Failure) -> Self {
        Self {
            causes: failure.causes().to_vec(),
            hint: failure.hint().map(str::to_owned),
            detail: failure.detail().map(str::to_owned),
            exit: failure.exit(),
            ..Self::problem(check, failure.what())
        }
    }

    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub fn about(self, connector: &str) -> Self {
        Self { connector: Some(connector.to_owned()), ..self }
    }
}

/// One line a finding and more where it has more to say, under the connector that it is about; broken between words
/// where it is wider than `width`.
pub(super) fn text<'a>(findings: impl Iterator<Item = &'a Finding>, width: Option<u16>) -> String {
    const HINT: Style = AnsiColor::Cyan.on_default().bold();
    const WORD: usize = "problem".len();
    const CHECK: usize = "configuration".len();
    let indent = " ".repeat(WORD + CHECK + 4);
    let least = indent.len() + 30;
    let width = width.map_or(usize::MAX, |width| usize::from(width).max(least) - indent.len());
    let broken = |text: &str| wrap(&clean(text), width).replace('\n', &format!("\n{indent}"));
    let mut text = String::new();
    let mut about: Option<&str> = None;
    for finding in findings {
        if finding.connector.as_deref() != about {
            about = finding.connector.as_deref();
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}{}\n", about.unwrap_or_default()));
        }
        let (style, word) = (finding.state.style(), finding.state.word());
        let saw = broken(&finding.saw);
        text.push_str(&format!("{style}{word:WORD$}{style:#}  {:CHECK$}  {saw}\n", finding.check));
        match &finding.detail {
            Some(detail) => detail.lines().for_each(|line| text.push_str(&format!("{indent}{line}\n"))),
            None => finding.causes.iter().for_each(|cause| {
                text.push_str(&format!("{indent}{}\n", broken(&format!("caused by: {cause}"))));
            }),
        }
        if let Some(hint) = &finding.hint {
            let hint = broken(&format!("hint: {hint}")).replacen("hint:", &format!("{HINT}hint:{HINT:#}"), 1);
            text.push_str(&format!("{indent}{hint}\n"));
        }
    }
    text
}

/// What a provider says is not for the terminal to obey.
fn clean(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_read_well() {
        let failure = Failure::new(Exit::Usage, "failed to find the plugins")
            .because(&std::io::Error::other("no\u{1b}[2J folder"))
            .with_hint(Some("make the folder, or correct `path` under `[plugins]`"));
        let findings = [
            Finding::ok("configuration", "rollcall.toml is valid"),
            Finding::failed("plugins", &failure),
            Finding::skipped("database", "nobody asked"),
            Finding::warning("clock", "5 min ahead").about("acme").with_hint("set it"),
            Finding::ok("plugin", "okta").about("other"),
        ];
        let plain = |width| anstream::adapter::strip_str(&text(findings.iter(), width)).to_string();
        insta::assert_snapshot!(format!("{}\n\n{}", plain(None), plain(Some(64))));
        assert_eq!(findings[1].exit, Exit::Usage);
    }
}
