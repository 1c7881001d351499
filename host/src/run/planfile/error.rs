use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::json_lines::LineFault;

/// Why a plan can't be kept, or one that was kept can't be applied. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    #[error("{} is there already", .path.display())]
    Exists { path: PathBuf },
    #[error("the plan {} could not be {action}", .path.display())]
    File {
        path: PathBuf,
        action: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{} is no plan", .path.display())]
    Foreign { path: PathBuf },
    #[error("{} was made by rollcall {rollcall} in format {format}, and this one knows format {known}",
        .path.display())]
    Newer { path: PathBuf, rollcall: String, format: u32, known: u32 },
    #[error("{} is incomplete: its end is missing", .path.display())]
    Torn { path: PathBuf },
    #[error("{} is not as it was made: its checksum is wrong", .path.display())]
    Changed { path: PathBuf },
    #[error("line {line} of {} can't be read: {reason}", .path.display())]
    Line { path: PathBuf, line: u64, reason: String },
    #[error("{} is a plan of connector {connector}, which this configuration does not have", .path.display())]
    Connector { path: PathBuf, connector: String },
    #[error("{} is a plan for another directory", .path.display())]
    Directory { path: PathBuf },
    #[error("{} was made when connector {connector} had another {differs}", .path.display())]
    Settings { path: PathBuf, connector: String, differs: String },
    #[error("{} was applied already, by run {run}", .path.display())]
    Applied { path: PathBuf, connector: String, run: i64 },
    #[error("{} was made at {made}, and run {run} has read connector {connector} since", .path.display())]
    Outdated { path: PathBuf, connector: String, made: Timestamp, run: i64 },
    #[error("{} of {} no longer {}: nothing was applied", changes(.changed.len()), .path.display(),
        if .changed.len() == 1 { "fits" } else { "fit" })]
    Conflicts { path: PathBuf, connector: String, changed: Vec<String> },
}

fn changes(number: usize) -> String {
    if number == 1 { "1 change".to_owned() } else { format!("{number} changes") }
}

impl PlanFileError {
    pub(super) fn of(path: PathBuf) -> impl Fn(LineFault) -> Self {
        move |fault| {
            let path = path.clone();
            match fault {
                LineFault::File { action, source } => Self::File { path, action, source },
                LineFault::Torn => Self::Torn { path },
                LineFault::Changed => Self::Changed { path },
                LineFault::Line { number, reason } => Self::Line { path, line: number, reason },
            }
        }
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        let anew = |connector: &str| format!("`rollcall plan {connector} --out FILE` makes one of today");
        Some(match self {
            Self::Exists { .. } => "name another file, or overwrite it with `--force`".into(),
            Self::File { action: "opened" | "read", .. } => "check the file's name".into(),
            Self::File { .. } => "check that the folder exists, may be written to and has space left".into(),
            Self::Foreign { .. } => "`rollcall plan NAME --out FILE` makes one".into(),
            Self::Newer { rollcall, .. } => format!("use rollcall {rollcall} or later"),
            Self::Torn { .. } => "its transfer was cut short: copy it again, or plan anew".into(),
            Self::Changed { .. } | Self::Line { .. } => "copy it again, or plan anew".into(),
            Self::Connector { .. } => {
                "apply it with the configuration that it was made by: `--config FILE`".into()
            }
            Self::Directory { .. } => {
                "a plan is for the directory that it was made from: `--database FILE` names another one"
                    .into()
            }
            Self::Settings { connector, .. } | Self::Applied { connector, .. } => anew(connector),
            Self::Outdated { connector, .. } => anew(connector),
            Self::Conflicts { connector, .. } => {
                format!("`--skip-changed` applies the others; {}", anew(connector))
            }
        })
    }

    /// One line for each change that no longer fits.
    pub fn changed(&self) -> &[String] {
        match self {
            Self::Conflicts { changed, .. } => changed,
            _ => &[],
        }
    }
}
