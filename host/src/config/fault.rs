use std::fmt;
use std::io;
use std::ops::Range;
use std::path::PathBuf;

use super::position::{At, Step, excerpt, line_and_column, locate};

/// Why there is no configuration to work with.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("there is no configuration at {}", path.display())]
    Missing { path: PathBuf },
    #[error("failed to read the configuration {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// At least one.
    #[error("{}", title(faults))]
    Wrong { faults: Vec<Fault> },
    /// The command names a connector that the file does not have.
    #[error("{} has no connector `{name}`", path.display())]
    NoConnector { path: PathBuf, name: String, hint: String },
    /// The command names a directory that the file does not have.
    #[error("{} has no directory `{name}`", path.display())]
    NoDirectory { path: PathBuf, name: String, hint: String },
    /// A command that goes over all directories was given one file.
    #[error("`--database` names one file, and there are several directories: {directories}")]
    OneDatabase { directories: String },
}

impl ConfigError {
    /// The mistakes in the file's order.
    pub fn wrong(mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| (fault.line, fault.column));
        ConfigError::Wrong { faults }
    }

    pub fn hint(&self) -> Option<String> {
        match self {
            ConfigError::Missing { .. } => Some(
                "`rollcall init` makes one; `--config FILE` or the variable ROLLCALL_CONFIG names another"
                    .to_owned(),
            ),
            ConfigError::Unreadable { source, .. } if source.kind() == io::ErrorKind::InvalidData => {
                Some("save it as UTF-8 text".to_owned())
            }
            ConfigError::Unreadable { .. } => None,
            ConfigError::Wrong { faults } => match faults.as_slice() {
                [fault] => fault.hint.clone(),
                _ => None,
            },
            ConfigError::NoConnector { hint, .. } | ConfigError::NoDirectory { hint, .. } => {
                Some(hint.clone())
            }
            ConfigError::OneDatabase { .. } => Some(
                "leave it out; `path` in [directory] and in [directory.NAME] says where each is".to_owned(),
            ),
        }
    }

    /// The lines in question, for people: the excerpt of a single fault, or every fault whole.
    pub fn detail(&self) -> Option<String> {
        match self {
            ConfigError::Wrong { faults } => match faults.as_slice() {
                [fault] => Some(fault.excerpt.clone()).filter(|excerpt| !excerpt.is_empty()),
                faults => Some(faults.iter().map(Fault::block).collect::<Vec<_>>().join("\n")),
            },
            _ => None,
        }
    }

    /// One line a fault when there are several, for programs.
    pub fn causes(&self) -> Vec<String> {
        match self {
            ConfigError::Wrong { faults } if faults.len() > 1 => {
                faults.iter().map(Fault::to_string).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn title(faults: &[Fault]) -> String {
    match faults {
        [fault] => fault.to_string(),
        faults => {
            let file = faults.first().map(|fault| fault.file.display().to_string()).unwrap_or_default();
            format!("{file} has {} mistakes", faults.len())
        }
    }
}

/// One mistake in the file. Shown as `rollcall.toml:4:1: what is wrong`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub file: PathBuf,
    /// From 1; 0 when the file does not have the place.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    pub message: String,
    /// The line with a mark; secrets are hidden in it.
    pub excerpt: String,
    pub hint: Option<String>,
}

impl Fault {
    fn block(&self) -> String {
        let mut block = format!("\n{self}\n{}", self.excerpt);
        if let Some(hint) = &self.hint {
            block.push_str("\nhint: ");
            block.push_str(hint);
        }
        block
    }
}

impl From<Fault> for ConfigError {
    fn from(fault: Fault) -> Self {
        ConfigError::Wrong { faults: vec![fault] }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { file, line, column, message, .. } = self;
        match line {
            0 => write!(f, "{}: {message}", file.display()),
            line => write!(f, "{}:{line}:{column}: {message}", file.display()),
        }
    }
}

/// The text that faults point into.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub file: PathBuf,
    pub text: String,
}

impl Source {
    pub fn fault(&self, path: &[Step], at: At, message: String, hint: Option<String>) -> Fault {
        self.fault_at(locate(&self.text, path, at), message, hint, false)
    }

    /// Like [`fault`](Source::fault), of a value that may be a secret.
    pub fn concealed(&self, path: &[Step], message: String, hint: Option<String>) -> Fault {
        self.fault_at(locate(&self.text, path, At::Value), message, hint, true)
    }

    /// Like [`fault`](Source::fault), of the bytes `part` of a text value; of all of it where the file writes it with
    /// escapes.
    pub fn fault_within(
        &self,
        path: &[Step],
        (text, part): (&str, Range<usize>),
        message: String,
        hint: Option<String>,
    ) -> Fault {
        let whole = locate(&self.text, path, At::Value);
        let inner = whole.clone().and_then(|whole| {
            let start = whole.start + 1;
            let plain = self.text.get(start..whole.end.checked_sub(1)?)? == text;
            plain.then_some(start + part.start..start + part.end)
        });
        self.fault_at(inner.or(whole), message, hint, false)
    }

    pub fn fault_at(
        &self,
        span: Option<Range<usize>>,
        message: String,
        hint: Option<String>,
        conceal: bool,
    ) -> Fault {
        let file = self.file.clone();
        match span {
            Some(span) => {
                let (line, column) = line_and_column(&self.text, span.start);
                Fault { file, line, column, message, excerpt: excerpt(&self.text, span, conceal), hint }
            }
            None => Fault { file, line: 0, column: 0, message, excerpt: String::new(), hint },
        }
    }
}
