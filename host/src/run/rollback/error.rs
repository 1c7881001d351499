use crate::directory::StoreError;
use crate::run::error::RunError;

/// Why a run is not undone. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    #[error("there is no run {run} in this directory")]
    NoRun { run: i64 },
    #[error("what run {run} changed was pruned at {at}")]
    Pruned { run: i64, at: String },
    #[error("run {run} changed nothing ({outcome})")]
    ChangedNothing { run: i64, outcome: String },
    #[error("run {run} was undone already, by run {by}")]
    Undone { run: i64, by: i64 },
    #[error("nothing that run {run} changed can be undone any more")]
    NothingLeft { run: i64, stays: Vec<String> },
    #[error("run {run} changed nothing of {name:?}")]
    Unknown { run: i64, name: String },
    #[error("{} that run {run} made {} changed later: nothing was undone", changes(.changed.len()),
        if .changed.len() == 1 { "was" } else { "were" })]
    ChangedLater { run: i64, changed: Vec<String> },
    #[error("undoing run {run} {}", .sentences.join("; "))]
    OverLimits { run: i64, sentences: Vec<String> },
    #[error(transparent)]
    Run(#[from] RunError),
}

fn changes(number: usize) -> String {
    if number == 1 { "1 change".to_owned() } else { format!("{number} changes") }
}

impl From<StoreError> for RollbackError {
    fn from(error: StoreError) -> Self {
        RollbackError::Run(error.into())
    }
}

impl RollbackError {
    /// What an admin can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoRun { .. } => "`rollcall runs` lists them; `--directory NAME` looks at another directory".into(),
            Self::Pruned { .. } => "a backup from before it can be restored: `rollcall restore FILE`".into(),
            Self::ChangedNothing { .. } => "`rollcall runs` tells how many changes each run made".into(),
            Self::Undone { by, .. } => format!("`rollcall run {by}` shows it; `rollcall rollback {by}` takes that back"),
            Self::NothingLeft { run, stays } if stays.is_empty() => {
                format!("all is as it was before; `rollcall run {run}` shows what it changed")
            }
            Self::NothingLeft { .. } => "undo the later runs first".into(),
            Self::Unknown { run, .. } => format!("`rollcall run {run} --changes` shows the names"),
            Self::ChangedLater { .. } => {
                "`--merge` leaves these as they are and undoes the rest; undo the later runs first to undo all of it"
                    .into()
            }
            Self::OverLimits { .. } => {
                "look at it with `--dry-run`; `--override-limits` undoes it all the same, `--only NAME` a part of it"
                    .into()
            }
            Self::Run(error) => return error.hint(),
        })
    }

    /// One line for each thing that stays.
    pub fn stays(&self) -> &[String] {
        match self {
            Self::ChangedLater { changed, .. } => changed,
            Self::NothingLeft { stays, .. } => stays,
            _ => &[],
        }
    }
}
