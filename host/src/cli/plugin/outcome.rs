use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::iter;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::settings::Setting;
use crate::cli::human::bytes;
use crate::model::{Manifest, PluginKind};
use crate::plugin::{Anatomy, Item};

/// What a `plugin` command found or made.
#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Outcome {
    List { plugins: Vec<ListedPlugin>, unusable: Vec<UnusableFile> },
    Inspect(Box<Inspected>),
    Check(Checked),
    Build(BuiltPlugin),
    Verify(Compared),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedPlugin {
    pub name: String,
    pub version: String,
    pub kind: PluginKind,
    pub summary: String,
    /// `built-in` or the file.
    pub place: String,
    pub built_in: bool,
    pub overrides_built_in: bool,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnusableFile {
    pub path: String,
    pub reason: String,
    pub hint: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspected {
    pub place: String,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
    pub manifest: Option<Manifest>,
    /// Why there is no manifest.
    pub problem: Option<String>,
    pub settings: Vec<Setting>,
    pub anatomy: Anatomy,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Checked {
    pub name: String,
    pub version: String,
    pub kind: PluginKind,
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Whether it imports WASI, and so runs in an empty context under a timeout.
    pub wasi: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuiltPlugin {
    pub name: String,
    pub version: String,
    pub file: String,
    /// Bytes.
    pub size: u64,
    pub sha256: String,
    pub recorded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    pub name: String,
    pub sha256: String,
    /// The hash of the sources, which is the recorded one.
    pub sources: String,
    /// Built again, and the same byte for byte.
    pub same_bytes: bool,
    /// Why it was not built again.
    pub not_compared: Option<String>,
}

impl Outcome {
    /// For people, without a final line break.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let written = match self {
            Self::List { plugins, unusable } => list(&mut out, plugins, unusable),
            Self::Inspect(found) => inspected(&mut out, found),
            Self::Check(found) => checked(&mut out, found),
            Self::Build(built) => made(&mut out, built),
            Self::Verify(compared) => verified(&mut out, compared),
        };
        written.expect("a string takes any text");
        out.truncate(out.trim_end().len());
        out
    }
}

type Written = std::fmt::Result;

fn list(out: &mut String, plugins: &[ListedPlugin], unusable: &[UnusableFile]) -> Written {
    if plugins.is_empty() {
        writeln!(out, "There are no plugins. `[plugins] path` names a folder of .wasm files.")?;
    } else {
        let rows = plugins.iter().map(|plugin| {
            let place = match plugin.overrides_built_in {
                true => format!("{} (instead of the built-in)", plugin.place),
                false => plugin.place.clone(),
            };
            [
                plugin.name.clone(),
                plugin.version.clone(),
                plugin.kind.to_string(),
                place,
                plugin.summary.clone(),
            ]
        });
        writeln!(out, "{}", table(["NAME", "VERSION", "KIND", "FROM", "SUMMARY"], rows))?;
    }
    for file in unusable {
        writeln!(out, "\n{} can't be used: {}", file.path, file.reason)?;
        if let Some(hint) = &file.hint {
            writeln!(out, "  hint: {hint}")?;
        }
    }
    Ok(())
}

fn inspected(out: &mut String, found: &Inspected) -> Written {
    match (&found.manifest, &found.problem) {
        (Some(manifest), _) => {
            writeln!(
                out,
                "{} {}, a {} for API {}",
                manifest.name, manifest.version, manifest.kind, manifest.api
            )?;
            writeln!(out, "{}\n", manifest.summary)?;
        }
        (None, Some(problem)) => {
            writeln!(out, "This is a component but no plugin for this host: {problem}\n")?
        }
        (None, None) => {}
    }
    let mut facts = vec![
        ["from".to_owned(), found.place.clone()],
        ["size".to_owned(), bytes(found.size)],
        ["sha256".to_owned(), found.sha256.clone()],
    ];
    facts.extend(found.anatomy.imports.iter().map(|item| ["imports".to_owned(), described(item)]));
    facts.extend(found.anatomy.exports.iter().map(|item| ["exports".to_owned(), described(item)]));
    facts.extend(found.manifest.as_ref().into_iter().flat_map(source_facts));
    writeln!(out, "{}", columns(facts))?;
    if found.manifest.is_some() {
        if found.settings.is_empty() {
            writeln!(out, "\nIt has no settings.")?;
        } else {
            writeln!(out, "\nSETTINGS")?;
            found.settings.iter().try_for_each(|one| setting(out, one))?;
        }
    }
    let mut sizes: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for section in &found.anatomy.sections {
        let (count, size) = sizes.entry(&section.name).or_default();
        *count += 1;
        *size += section.bytes as u64;
    }
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, (_, size))| Reverse(*size));
    let rows =
        sizes.into_iter().map(|(name, (count, size))| [name.to_owned(), count.to_string(), bytes(size)]);
    writeln!(out, "\n{}", table(["SECTION", "COUNT", "SIZE"], rows))
}

fn setting(out: &mut String, setting: &Setting) -> Written {
    let required = if setting.required { ", required" } else { "" };
    writeln!(out, "  {}: {}{required}", setting.key, setting.kind)?;
    let default = setting.default.as_ref().map(|default| format!("Default: {default}"));
    for text in iter::once(setting.help.clone()).chain(default) {
        paragraph(out, &text)?;
    }
    Ok(())
}

/// Indented, in lines of at most 100 letters; a longer word has a line of its own.
fn paragraph(out: &mut String, text: &str) -> Written {
    const INDENT: &str = "      ";
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = word.replace(char::is_control, " ");
        if !line.is_empty() && INDENT.len() + line.chars().count() + 1 + word.chars().count() > 100 {
            writeln!(out, "{INDENT}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += &word;
    }
    if line.is_empty() { Ok(()) } else { writeln!(out, "{INDENT}{line}") }
}

fn source_facts(manifest: &Manifest) -> Vec<[String; 2]> {
    let mut facts = Vec::new();
    let mut fact = |name: &str, value: String| facts.push([name.to_owned(), value]);
    if let Some(endpoint) = &manifest.endpoint {
        fact("endpoint", format!("{}, such as {}", endpoint.label, endpoint.example));
    }
    if let Some(http) = &manifest.http {
        let methods: Vec<&str> = http.methods.iter().map(|method| method.as_str()).collect();
        fact("requests", format!("{} {}", methods.join(", "), http.paths.join(", ")));
        fact("reads headers", http.response_headers.join(", "));
    }
    for rule in &manifest.credential {
        fact("credential", format!("{} ({})", rule.label(), rule.scheme()));
    }
    facts
}

fn described(item: &Item) -> String {
    match item.functions.is_empty() {
        true if item.is_only_types() => format!("{item} (types)"),
        true => item.to_string(),
        false => format!("{item} ({})", item.functions.join(", ")),
    }
}

fn checked(out: &mut String, found: &Checked) -> Written {
    writeln!(out, "{} {} may run: a {} of {}", found.name, found.version, found.kind, bytes(found.size))?;
    if found.wasi {
        writeln!(out, "It imports WASI, so it runs in an empty context under a timeout.")?;
    }
    writeln!(out, "sha256 {}", found.sha256)
}

fn made(out: &mut String, built: &BuiltPlugin) -> Written {
    writeln!(out, "{} {} is built: {}, {}", built.name, built.version, built.file, bytes(built.size))?;
    writeln!(out, "sha256 {}", built.sha256)
}

fn verified(out: &mut String, compared: &Compared) -> Written {
    writeln!(out, "{} is up to date: sources {}", compared.name, compared.sources)?;
    match &compared.not_compared {
        None => writeln!(out, "Built again, it is the same byte for byte."),
        Some(reason) => writeln!(out, "It was not built again to compare its bytes: {reason}."),
    }
}

fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let header = header.map(str::to_owned);
    columns(iter::once(header).chain(rows))
}

/// Columns two spaces apart. A control character of a plugin's own text is not for the terminal.
fn columns<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    for row in rows {
        table.add_row(row.map(|cell| cell.replace(char::is_control, " ")));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}
