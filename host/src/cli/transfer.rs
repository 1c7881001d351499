//! `rollcall config export | import`: connectors as one file.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::config::check_connector;
use super::exit::Exit;
use super::global::Global;
use super::human::plural;
use super::installed;
use super::interrupt::block_on;
use super::output::Output;
use super::report::Failure;
use crate::config::Config;
use crate::config::transfer::{Bundle, Import, TransferError, secret_places};
use crate::whole_file::{self, Place};

/// Print connectors as one file, for another machine. Secrets stay where they are, unless asked for.
///
/// The file is valid for `rollcall config import`, and without secrets a configuration by itself.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall config export > connectors.toml\n  \
    rollcall config export acme --format json\n  \
    rollcall config export --with-secrets --out connectors.toml")]
pub(super) struct ExportArguments {
    /// Only these connectors.
    names: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Put the secrets themselves into the file, from the variables and files that the connectors name.
    #[arg(long, requires = "out")]
    with_secrets: bool,
    /// Write this file, for its owner only; an existing one stays as it is.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Toml,
    Json,
}

/// Take connectors over from a file that `config export` wrote, or from another rollcall.toml.
///
/// Everything is checked as in the configuration itself, which keeps its comments and its layout. A secret in the file is
/// written to a file of its own beside the configuration, for its owner only.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall config import connectors.toml --dry-run\n  \
    rollcall config import connectors.toml --replace")]
pub(super) struct ImportArguments {
    /// The file, TOML or JSON.
    file: PathBuf,
    /// Let the file's connectors take the place of those of the same names.
    #[arg(long)]
    replace: bool,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn export(arguments: &ExportArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let mut bundle = Bundle::export(&config, &arguments.names)?;
    if arguments.with_secrets {
        read_secrets(&config, &mut bundle)?;
    }
    let text = || match arguments.format {
        Format::Toml => bundle.toml(),
        Format::Json => format!("{:#}\n", bundle.json()),
    };
    let Some(out) = &arguments.out else {
        // A file for another machine, whoever reads it.
        let whole = text();
        output.view(|| whole.trim_end().to_owned(), || bundle.json())?;
        return Ok(Exit::Done);
    };
    whole_file::write(out, &[text().as_bytes()], Place::NewPrivate).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "name another file, or move that one away",
            _ => "check that its folder exists, is writable and has space left",
        };
        Failure::new(Exit::Failed, format!("failed to write {}", out.display()))
            .because(&error)
            .with_hint(Some(hint))
    })?;
    let (file, names) = (out.display().to_string(), bundle.connectors.keys().collect::<Vec<_>>());
    let secrets = bundle.secrets.values().map(|of| of.len() as u64).sum::<u64>();
    output.result(
        || format!("Wrote {} to {file}.", plural(names.len() as u64, "connector", "connectors")),
        || json!({ "file": file, "connectors": names, "secrets": secrets }),
    )?;
    if secrets > 0 {
        let number = plural(secrets, "secret", "secrets");
        output.note(&format!(
            "warning: {file} holds {number}: whoever reads it can act as these connectors. Remove it when it was imported."
        ));
    }
    Ok(Exit::Done)
}

/// A secret that a program prints stays where it is.
fn read_secrets(config: &Config, bundle: &mut Bundle) -> Result<(), Failure> {
    let base = config.file().parent().unwrap_or(Path::new(""));
    let places: Vec<_> = bundle
        .connectors
        .iter()
        .flat_map(|(name, connector)| {
            secret_places(connector, base).into_iter().map(|(place, source)| (name.clone(), place, source))
        })
        .collect();
    let secrets = block_on(|_| async {
        let mut secrets = Vec::new();
        for (name, place, source) in places {
            let secret = source.read().await.map_err(|error| {
                Failure::new(Exit::Failed, format!("failed to export the secret of connector {name}"))
                    .because(&error)
                    .with_hint(error.hint())
            })?;
            secrets.push((name, place, secret));
        }
        Ok(secrets)
    })?;
    for (name, place, secret) in secrets {
        bundle.secrets.entry(name).or_default().insert(place, secret.to_string());
    }
    Ok(())
}

pub(super) fn import(arguments: &ImportArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let bundle = Bundle::read(&arguments.file)?;
    let import = Import::prepare(&global.config, &bundle, arguments.replace)?;
    let library = installed::library(&import.config.plugins)?;
    for name in import.added.iter().chain(import.replaced.keys()) {
        check_connector(&import.config, &library, name)?;
    }
    if !arguments.dry_run {
        import.write()?;
    }
    if !bundle.others.is_empty() {
        let others = bundle.others.join(", ");
        output.note(&format!("Only connectors are imported: of {}, not {others}.", arguments.file.display()));
    }
    let file = global.config.display().to_string();
    output.result(|| text(&import, &file, arguments.dry_run), || shown(&import, &file, arguments.dry_run))?;
    Ok(Exit::Done)
}

fn text(import: &Import, file: &str, dry_run: bool) -> String {
    let verb = if dry_run { " would be" } else { "" };
    let Import { added, replaced, unchanged, secrets, .. } = import;
    let mut text = format!(
        "{file}: {}{verb} added, {}{verb} replaced, {} unchanged.",
        plural(added.len() as u64, "connector", "connectors"),
        replaced.len(),
        unchanged.len()
    );
    for name in added {
        text.push_str(&format!("\n  + {name}"));
    }
    for (name, differences) in replaced {
        for difference in differences {
            text.push_str(&format!("\n  ~ {name}: {difference}"));
        }
    }
    for (name, path, _) in secrets {
        let verb = if dry_run { "would be" } else { "is" };
        text.push_str(&format!("\n  The secret of {name} {verb} in {}.", path.display()));
    }
    text
}

fn shown(import: &Import, file: &str, dry_run: bool) -> serde_json::Value {
    let replaced = import.replaced.iter().map(|(name, differences)| {
        let differences = differences.iter().map(|difference| {
            json!({ "key": difference.key, "before": difference.before, "after": difference.after })
        });
        json!({ "name": name, "differences": differences.collect::<Vec<_>>() })
    });
    let secrets = import
        .secrets
        .iter()
        .map(|(name, path, _)| json!({ "connector": name, "file": path.display().to_string() }));
    json!({
        "file": file,
        "dryRun": dry_run,
        "added": import.added,
        "replaced": replaced.collect::<Vec<_>>(),
        "unchanged": import.unchanged,
        "secrets": secrets.collect::<Vec<_>>(),
    })
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        let exit = match error {
            TransferError::Secret { .. } | TransferError::Edit(_) => Exit::Failed,
            _ => Exit::Usage,
        };
        let error = match error {
            TransferError::Config(error) => return error.into(),
            TransferError::Edit(error) => return error.into(),
            error => error,
        };
        Failure::of(exit, &error).with_detail(error.detail()).with_hint(error.hint())
    }
}
