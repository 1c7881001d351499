use std::fs;
use std::io;
use std::path::Path;

use super::finding::Finding;
use crate::cli::human::{bytes, plural};
use crate::cli::installed;
use crate::config::Config;
use crate::directory::{Health, SqliteStore, Store, StoreResult, Writing};
use crate::model::PluginKind;
use crate::plugin::{Library, Place, UnusableError};
use crate::run::WorkFolder;

/// What a run writes besides the database, at the least: staged changes and pages of a small organisation.
const LEAST_SPACE: u64 = 100 << 20;

/// The plugins that there are; `None` where none can be used.
pub(super) fn plugins(config: &Config, findings: &mut Vec<Finding>) -> Option<Library> {
    let library = match installed::find(&config.plugins) {
        Ok(library) => library,
        Err(failure) => {
            findings.push(Finding::failed("plugins", &failure));
            return None;
        }
    };
    let (mut built_in, mut files, mut sources) = (0, 0, 0);
    for plugin in library.list() {
        match plugin.place {
            Place::BuiltIn => built_in += 1,
            Place::File(_) => files += 1,
        }
        sources += u64::from(plugin.manifest.kind == PluginKind::Source);
    }
    let mut saw = format!("{built_in} built in");
    if let Some(folder) = &config.plugins.path {
        saw.push_str(&format!(", {} in {}", plural(files, "file", "files"), folder.display()));
    }
    findings.push(match sources {
        0 => Finding::warning("plugins", format!("{saw}; none of them is a source")),
        _ => Finding::ok("plugins", saw),
    });
    for file in library.unusable() {
        let saw = format!("{} can't be used as a plugin: {}", file.path.display(), file.error);
        let hint = match &file.error {
            UnusableError::Manifest(error) => error.hint(),
            UnusableError::Read(_) => None,
        };
        findings.push(Finding { hint, ..Finding::warning("plugins", saw) });
    }
    Some(library)
}

/// The database, the folder of runs beside it, and what is left of the disk that both are on.
pub(super) fn storage(path: &Path, findings: &mut Vec<Finding>) {
    let size = database(path, findings);
    findings.push(work_folder(path));
    findings.extend(disk(path, size));
}

/// Gives its size in bytes.
fn database(path: &Path, findings: &mut Vec<Finding>) -> u64 {
    const CHECK: &str = "database";
    let shown = path.display();
    let opened = SqliteStore::open_existing(path).and_then(|store| match store {
        None => Ok(None),
        Some(mut store) => {
            let health = store.health()?;
            // What is damaged may not be countable.
            let totals: StoreResult<(u64, u64, u64)> = store.read().and_then(|reader| reader.totals(None));
            Ok(Some((health, totals)))
        }
    });
    let (health, totals) = match opened {
        Ok(Some(found)) => found,
        Ok(None) => {
            findings.push(match writable(&folder_of(path)) {
                Ok(()) => {
                    Finding::ok(CHECK, format!("there is none at {shown} yet; the first sync makes it"))
                }
                Err(error) => {
                    let saw = format!("there is none at {shown} yet, and it can't be made there: {error}");
                    Finding::problem(CHECK, saw).with_hint(
                        "make the folder writable, or name another file with `path` under `[directory]`",
                    )
                }
            });
            return 0;
        }
        Err(error) => {
            findings.push(Finding::failed(CHECK, &error.into()));
            return 0;
        }
    };
    let Health { version, size, damage, writing } = health;
    if !damage.is_empty() {
        let saw = format!("{shown} is damaged: {}", damage.join("; "));
        findings.push(Finding::problem(CHECK, saw).with_hint(
            "restore a backup, or move the file away and sync again: the next run then reads everything anew",
        ));
    }
    if let Writing::Impossible(error) = writing {
        findings.push(Finding::failed(CHECK, &error.into()));
    } else if damage.is_empty() {
        let holds = match totals {
            Ok((users, groups, memberships)) => format!(
                "{}, {}, {}",
                plural(users, "user", "users"),
                plural(groups, "group", "groups"),
                plural(memberships, "membership", "memberships")
            ),
            Err(error) => error.to_string(),
        };
        let now = if matches!(writing, Writing::Busy) { "; a run is writing to it now" } else { "" };
        findings.push(Finding::ok(
            CHECK,
            format!("{shown} is sound: {holds}; {}, version {version}{now}", bytes(size)),
        ));
    }
    if let Some(who) = others_may_read(path) {
        let saw = format!("{who} can read {shown}, which holds personal data");
        findings.push(Finding::warning(CHECK, saw).with_hint(format!("run `chmod 600 {shown}`")));
    }
    size
}

fn work_folder(database: &Path) -> Finding {
    const CHECK: &str = "work folder";
    let path = WorkFolder::path_beside(database);
    let shown = path.display();
    if !path.exists() {
        return match writable(&folder_of(database)) {
            Ok(()) => Finding::ok(CHECK, format!("there is none at {shown} yet; the first sync makes it")),
            Err(error) => Finding::problem(CHECK, format!("{shown} can't be made: {error}"))
                .with_hint("make the folder of the database writable"),
        };
    }
    if let Err(error) = writable(&path) {
        let saw = format!("nothing can be written into {shown}: {error}");
        return Finding::problem(CHECK, saw)
            .with_hint(format!("give {shown} to the user who runs Rollcall, or remove it"));
    }
    if let Some(who) = others_may_read(&path) {
        let saw = format!("{who} can look into {shown}, where personal data lies during a run");
        return Finding::warning(CHECK, saw).with_hint(format!("run `chmod 700 {shown}`"));
    }
    let spools = fs::read_dir(&path).into_iter().flatten().flatten();
    let waiting: u64 = spools
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "spool"))
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum();
    Finding::ok(
        CHECK,
        match waiting {
            0 => format!("{shown}"),
            waiting => format!("{shown}, with {} of a run that was not finished", bytes(waiting)),
        },
    )
}

/// Nothing where the system doesn't tell.
fn disk(database: &Path, size: u64) -> Option<Finding> {
    const CHECK: &str = "disk";
    let free = free_space(&folder_of(database))?;
    // A run may write all of it anew before it lets the old go.
    let wanted = size + LEAST_SPACE;
    let told = format!("{} are free beside the database", bytes(free));
    let hint = "free some space, or move the database with `path` under `[directory]`";
    Some(match free {
        0..LEAST_SPACE => Finding::problem(CHECK, format!("only {told}")).with_hint(hint),
        free if free < wanted => {
            let saw = format!("{told}; a run that changes everything writes up to {}", bytes(wanted));
            Finding::warning(CHECK, saw).with_hint(hint)
        }
        _ => Finding::ok(CHECK, told),
    })
}

#[cfg(unix)]
fn free_space(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_space(_folder: &Path) -> Option<u64> {
    None
}

/// Nothing where only its owner can, or where the system has no such modes.
#[cfg(unix)]
fn others_may_read(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).ok()?.permissions().mode();
    match mode & 0o077 {
        0 => None,
        mode if mode & 0o007 != 0 => Some("every user of this machine"),
        _ => Some("its group"),
    }
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> Option<&'static str> {
    None
}

fn folder_of(file: &Path) -> std::path::PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => ".".into(),
    }
}

/// Tries it: modes don't tell of read-only and full file systems.
fn writable(folder: &Path) -> io::Result<()> {
    tempfile::tempfile_in(folder).map(drop)
}
