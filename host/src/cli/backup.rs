//! `rollcall backup` and `rollcall restore`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::human::{bytes, plural};
use super::job::existing_store;
use super::output::Output;
use super::report::Failure;
use super::runs::since;
use crate::clock;
use crate::directory::{BackupError, Contents, Restored, SqliteStore};
use crate::run::WorkFolder;

/// Write a copy of the directory with its history into a file, while runs and the service go on.
///
/// The file is there whole or not at all, is checked after it was written, and is for its owner only: it holds the data of
/// all people. Tokens are not in it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall backup rollcall-backup.db\n  \
    rollcall backup /backups/rollcall.db --force")]
pub(super) struct BackupArguments {
    /// The file to write.
    file: PathBuf,
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Overwrite the file.
    #[arg(long)]
    force: bool,
}

/// Put a backup into the place of the directory.
///
/// The backup is checked first. What was there is kept beside it. Refused while a run or the service is at work. What a run
/// has read and not applied is read anew. The next sync brings the directory in step again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall restore rollcall-backup.db\n  \
    rollcall restore rollcall-backup.db --force")]
pub(super) struct RestoreArguments {
    /// The backup.
    file: PathBuf,
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Go back behind runs that the backup does not have.
    #[arg(long)]
    force: bool,
}

pub(super) fn backup(arguments: &BackupArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let store = existing_store(arguments.directory.of(&config, None)?)?;
    let contents = store.backup(&arguments.file, arguments.force)?;
    let file = arguments.file.display().to_string();
    output.result(
        || format!("Wrote {file}: {}.", told(&contents)),
        || json!({ "file": file, "contents": contents }),
    )?;
    Ok(Exit::Done)
}

pub(super) fn restore(
    arguments: &RestoreArguments,
    global: &Global,
    output: Output,
) -> Result<Exit, Failure> {
    let config = global.load()?;
    let directory = arguments.directory.of(&config, None)?;
    let (backup, database) = (&arguments.file, &directory.path);
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let what = format!("the folder {} of the directory is not there", folder.display());
        return Err(Failure::new(Exit::Failed, what).with_hint(Some("make it first")));
    }
    let work = WorkFolder::beside(database)?;
    let _alone = work.lock_all(database, directory.order.iter().map(String::as_str))?;
    let forget = || work.forget_readings();
    let restored = crate::directory::restore(backup, database, arguments.force, clock::now(), forget)?;
    // A backup of an earlier version is brought up to this one.
    drop(SqliteStore::open(database)?);
    let Restored { contents, replaced } = restored;
    let replaced = replaced.map(|path| path.display().to_string());
    let file = database.display().to_string();
    output.result(
        || {
            let mut text = format!("Restored {file} from {}: {}.", backup.display(), told(&contents));
            if let Some(replaced) = &replaced {
                text.push_str(&format!("\nWhat was there is {replaced}."));
            }
            text
        },
        || json!({ "file": file, "replaced": replaced, "contents": contents }),
    )?;
    Ok(Exit::Done)
}

fn told(contents: &Contents) -> String {
    let users = plural(contents.users, "user", "users");
    let groups = plural(contents.groups, "group", "groups");
    let runs = plural(contents.runs, "run", "runs");
    let last = contents.last_run_at.as_deref().map(|at| format!(", the last one {}", since(at)));
    format!("{users}, {groups}, {runs}{}; {}", last.unwrap_or_default(), bytes(contents.bytes))
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let exit = match error {
            BackupError::Exists { .. } | BackupError::Itself { .. } | BackupError::Missing { .. } => {
                Exit::Usage
            }
            _ => Exit::Failed,
        };
        Failure::of(exit, &error).with_hint(error.hint())
    }
}
