use std::io;
use std::path::PathBuf;

use super::scrub::SHORTEST;

/// Why a run can't be recorded, or a recording not be repeated.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    #[error("{} is there already", .path.display())]
    Exists { path: PathBuf },
    #[error("the recording {} could not be {action}", .path.display())]
    File {
        path: PathBuf,
        action: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("connector {connector} can't be recorded: its secret has fewer than {SHORTEST} characters")]
    ShortSecret { connector: String },
    #[error("{} is no recording of a run", .path.display())]
    Foreign { path: PathBuf },
    #[error("{} was recorded by rollcall {rollcall} in format {format}, and this one knows format {known}",
        .path.display())]
    Newer { path: PathBuf, rollcall: String, format: u32, known: u32 },
    #[error("{} is incomplete: its end is missing", .path.display())]
    Torn { path: PathBuf },
    #[error("{} is not as it was recorded: its checksum is wrong", .path.display())]
    Changed { path: PathBuf },
    #[error("line {line} of {} can't be read: {reason}", .path.display())]
    Line { path: PathBuf, line: u64, reason: String },
    #[error("{} is a recording of {what} {recorded}, not of {wanted}", .path.display())]
    Other { path: PathBuf, what: &'static str, recorded: String, wanted: String },
    /// The plugin asks for what was not asked for when the run was recorded.
    #[error("the recording {} has no answer to {request}", .path.display())]
    Missing {
        path: PathBuf,
        /// Method and path, with the query: it may be all that differs.
        request: String,
        /// Why the recorded run itself came no further.
        failed: Option<String>,
        /// What is not as it was.
        differs: Vec<String>,
    },
}

impl CassetteError {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            CassetteError::Exists { .. } => "name another file, or overwrite it with `--force`".into(),
            CassetteError::File { action: "opened" | "read", .. } => "check the file's name".into(),
            CassetteError::File { .. } => {
                "check that the folder exists, may be written to and has space left".into()
            }
            CassetteError::ShortSecret { .. } => {
                "so short a secret can't be kept out of a recording; use a longer one".into()
            }
            CassetteError::Foreign { .. } => "`--record FILE` makes one".into(),
            CassetteError::Newer { rollcall, .. } => format!("use rollcall {rollcall} or later"),
            CassetteError::Torn { .. } => {
                "its recording or its transfer was cut short; record or copy it again".into()
            }
            CassetteError::Changed { .. } | CassetteError::Line { .. } => {
                "copy it again, or record anew".into()
            }
            CassetteError::Other { what, recorded, .. } => format!("repeat it with {what} {recorded}"),
            CassetteError::Missing { failed: Some(failed), .. } => {
                format!("the recorded run came no further: {failed}")
            }
            CassetteError::Missing { differs, .. } if !differs.is_empty() => {
                format!("since it was recorded there is another {}", listed(differs))
            }
            CassetteError::Missing { .. } => {
                "plugin, settings and transforms are those of the recording: report it to the plugin's author"
                    .into()
            }
        })
    }
}

/// `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and another {last}", first.join(", another ")),
    }
}
