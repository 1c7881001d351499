use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{change, shown};
use crate::cli::directory::DirectoryArguments;
use crate::cli::exit::Exit;
use crate::cli::held_view::ShownHeld;
use crate::cli::output::Output;
use crate::cli::plan::ShownChange;
use crate::cli::report::Failure;
use crate::cli::{changes_csv, job};
use crate::config::{Config, Directory};
use crate::directory::{SqliteStore, Store};
use crate::run::ReportedProblem;
use crate::run::local::{
    self, Adoption, Draft, LocalError, LocalPlan, Mistake, Table, adoption_of, foresee, read_table,
};

/// Make local users of a file, or bring those of an earlier import in step with it.
///
/// The file holds comma-separated values in UTF-8, and its first line the names of the columns: userName, which has to
/// be there, displayName, givenName, familyName, email, active (true or false), groups (local groups, with `;` between
/// them; those that are not there are made). Any other column is an attribute. What the file has no column for is left
/// as it is, and so is who is not in it. If anything is wrong, all of it is told and nothing is imported.
///
/// A dry run also tells whom of the file's people each connector of the directory would mean, by user name or else by
/// e-mail address, as of its last sync: so it shows what would become of an application's existing people before a
/// connector takes over.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall local import people.csv --dry-run\n  \
    rollcall local import people.csv\n  \
    rollcall local import people.csv --dry-run --csv > changes.csv\n\n\
    Exit codes: 0 done, 1 failed, 2 usage, configuration or file, 4 the import of a dry run would be refused.")]
pub(in crate::cli) struct ImportArguments {
    /// The file; `-` for standard input.
    file: PathBuf,
    /// Show what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print only the changes, as comma-separated values.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    directory: DirectoryArguments,
}

pub(super) fn run(arguments: &ImportArguments, config: &Config, output: Output) -> Result<Exit, Failure> {
    let directory = arguments.directory.of(config, None)?;
    let (file, table) = {
        let (file, bytes) = read(&arguments.file)?;
        let table = read_table(&bytes).map_err(|mistakes| refused(&file, mistakes))?;
        (file, table)
    };
    let (plan, adoption) = match arguments.dry_run {
        true => dry_run(directory, &table)?,
        false => {
            // It takes the table along: what is in the draft need not be there twice.
            let edit = move |draft: &mut Draft<'_>| import(draft, &file, &table);
            (change(directory, &mut job::store(directory)?, edit)?, Vec::new())
        }
    };
    match arguments.csv {
        true => {
            let changes: Vec<ShownChange> = plan.changes.iter().map(ShownChange::from).collect();
            changes_csv::print(output, (&changes, &shown::memberships(&plan)), &ShownHeld::default())?;
        }
        false => output.view(|| shown::import(&plan, &adoption), || shown::json(&plan, &adoption))?,
    }
    Ok(plan.report.outcome.into())
}

/// The file's name for people, and what it holds.
fn read(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let (name, bytes) = match file == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes))
        }
        false => (file.display().to_string(), fs::read(file)),
    };
    match bytes {
        Ok(bytes) => Ok((name, bytes)),
        Err(error) => Err(Failure::new(Exit::Failed, format!("failed to read {name}")).because(&error)),
    }
}

fn refused(file: &str, mistakes: Vec<Mistake>) -> LocalError {
    LocalError::File { file: file.to_owned(), mistakes }
}

fn import(draft: &mut Draft<'_>, file: &str, table: &Table) -> Result<(), Failure> {
    match local::import(draft, table)? {
        taken if taken.is_empty() => Ok(()),
        taken => Err(refused(file, taken).into()),
    }
}

/// Names that connectors have are the preview's, and no reason to show nothing of it.
fn dry_run(directory: &Directory, table: &Table) -> Result<(LocalPlan, Vec<Adoption>), Failure> {
    let mut store = job::store(directory)?;
    let mut taken = Vec::new();
    let mut plan = foresee(&mut store, |draft| -> Result<(), LocalError> {
        taken = local::import(draft, table)?;
        Ok(())
    })?;
    for Mistake { line, message, hint, .. } in taken {
        plan.add_problem(ReportedProblem {
            kind: "line".to_owned(),
            id: Some(line.to_string()),
            name: None,
            code: "name-taken".to_owned(),
            message,
            hint,
        });
    }
    Ok((plan, adoptions(directory, &mut store, table)?))
}

fn adoptions(
    directory: &Directory,
    store: &mut SqliteStore,
    table: &Table,
) -> Result<Vec<Adoption>, Failure> {
    let mut all = Vec::new();
    for name in &directory.order {
        let connector = store.connector(name)?;
        all.push(adoption_of(store.read()?.as_ref(), connector, name, table)?);
    }
    Ok(all)
}
