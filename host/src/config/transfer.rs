//! Connectors as one file that goes to another machine: out of `rollcall.toml`, and into it.
//!
//! The file is TOML or JSON: `connector.NAME` as in `rollcall.toml`, and, if asked for, the secrets themselves under
//! `secrets.NAME`, by the place in the connector that says where each is, such as `credential`. It knows no database: what
//! a connector brought stays where it is.
//!
//! On import a secret becomes a file for its owner only, beside the configuration, which then names it. The configuration
//! changes where it has to, and keeps its comments and its layout everywhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};
use toml_edit::{DocumentMut, Item, TableLike};

use super::check::is_name;
use super::edit::{self, EditError};
use super::fault::ConfigError;
use super::load::{Config, folder, list, read};
use crate::http::SecretSource;
use crate::whole_file::{self, Place};

const CONNECTORS: &str = "connector";
const SECRETS: &str = "secrets";

/// Why nothing was exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error("failed to read {}: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{} has no connectors", path.display())]
    Nothing { path: PathBuf },
    #[error("{} has a secret for {place} of connector `{name}`, where none is named", path.display())]
    StraySecret { path: PathBuf, name: String, place: String },
    #[error("{} would be changed: {}", path.display(), list(differing.keys().map(String::as_str)))]
    Differs { path: PathBuf, differing: BTreeMap<String, Vec<Difference>> },
    #[error("failed to write the secret of connector `{name}` to {}", path.display())]
    Secret { path: PathBuf, name: String, source: io::Error },
}

impl TransferError {
    pub fn hint(&self) -> Option<String> {
        match self {
            TransferError::Config(error) => error.hint(),
            TransferError::Edit(error) => error.hint(),
            TransferError::Unreadable { .. } => {
                Some("it has to be what `rollcall config export` wrote, or a rollcall.toml".into())
            }
            TransferError::Nothing { .. } => Some("each is a table `[connector.NAME]`".into()),
            TransferError::StraySecret { .. } => {
                Some("export it again, or take the secret out of the file".into())
            }
            TransferError::Differs { .. } => {
                Some("nothing was changed; `--replace` takes the file's for what is there".into())
            }
            TransferError::Secret { .. } => {
                Some("the configuration was not changed; check that its folder is writable".into())
            }
        }
    }

    /// What differs, for people.
    pub fn detail(&self) -> Option<String> {
        match self {
            TransferError::Config(error) => error.detail(),
            TransferError::Edit(EditError::Config(error)) => error.detail(),
            TransferError::Differs { differing, .. } => {
                let lines = differing.iter().flat_map(|(name, differences)| {
                    differences.iter().map(move |difference| format!("  {name}: {difference}"))
                });
                Some(lines.collect::<Vec<_>>().join("\n"))
            }
            _ => None,
        }
    }
}

/// One key that has another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Dotted, within the connector.
    pub key: String,
    /// As TOML; nothing where there is none.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, "{} {} → {}", self.key, shown(&self.before), shown(&self.after))
    }
}

/// Connectors on their way.
#[derive(Default)]
pub struct Bundle {
    pub connectors: BTreeMap<String, Table>,
    /// By connector, then by place.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// What else the file had, which is not imported.
    pub others: Vec<String>,
}

/// Where a connector says that a secret is, by dotted place; not where a program prints it, which is no secret.
pub fn secret_places(connector: &Table, base: &Path) -> BTreeMap<String, SecretSource> {
    let mut found = BTreeMap::new();
    if let Some(Value::Table(credential)) = connector.get("credential") {
        places(credential, "credential", base, &mut found);
    }
    found
}

fn places(table: &Table, at: &str, base: &Path, found: &mut BTreeMap<String, SecretSource>) {
    if let Some(Value::String(name)) = table.get("env") {
        found.insert(at.to_owned(), SecretSource::Env(name.clone()));
    }
    if let Some(Value::String(file)) = table.get("file") {
        found.insert(at.to_owned(), SecretSource::File(base.join(file)));
    }
    for (key, value) in table {
        if let Value::Table(table) = value {
            places(table, &format!("{at}.{key}"), base, found);
        }
    }
}

impl Bundle {
    /// The connectors of these names, or all, as the file has them.
    pub fn export(config: &Config, names: &[String]) -> Result<Self, TransferError> {
        let mut file: Table = parsed(config.file(), &config.source.text)?;
        let Some(Value::Table(mut connectors)) = file.remove(CONNECTORS) else {
            return Err(TransferError::Nothing { path: config.file().to_owned() });
        };
        let mut bundle = Self::default();
        for name in names {
            config.connector(name)?;
        }
        let wanted: Vec<&String> =
            if names.is_empty() { config.connectors.keys().collect() } else { names.iter().collect() };
        for name in wanted {
            if let Some(Value::Table(connector)) = connectors.remove(name) {
                bundle.connectors.insert(name.clone(), connector);
            }
        }
        Ok(bundle)
    }

    fn whole(&self) -> Table {
        let tables = |of: &BTreeMap<String, Table>| {
            of.iter().map(|(name, table)| (name.clone(), Value::Table(table.clone()))).collect::<Table>()
        };
        let mut whole = Table::new();
        whole.insert(CONNECTORS.to_owned(), Value::Table(tables(&self.connectors)));
        if !self.secrets.is_empty() {
            let secrets = self.secrets.iter().map(|(name, secrets)| {
                let secrets = secrets.iter().map(|(at, text)| (at.clone(), Value::from(text.as_str())));
                (name.clone(), Value::Table(secrets.collect()))
            });
            whole.insert(SECRETS.to_owned(), Value::Table(secrets.collect()));
        }
        whole
    }

    pub fn toml(&self) -> String {
        let head = "# Connectors of Rollcall: `rollcall config import FILE` takes them over.\n\n";
        format!("{head}{}", text_of(&self.whole()))
    }

    pub fn json(&self) -> serde_json::Value {
        json(Value::Table(self.whole()))
    }

    /// Reads and checks a file as `rollcall.toml` is checked. JSON is what begins with a brace.
    pub fn read(path: &Path) -> Result<Self, TransferError> {
        let text = read(path)?;
        let is_json = text.trim_start().starts_with('{');
        let unreadable = |reason: String| TransferError::Unreadable { path: path.to_owned(), reason };
        let whole = match is_json {
            false => parsed(path, &text)?,
            true => {
                let json: serde_json::Value =
                    serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
                Table::try_from(json).map_err(|error| unreadable(error.to_string()))?
            }
        };
        // The mistakes are shown at their lines where the file has lines of TOML.
        let plain = match is_json {
            false => edit::without(&text, SECRETS),
            true => None,
        };
        let plain = plain.unwrap_or_else(|| {
            let mut rest = whole.clone();
            rest.remove(SECRETS);
            text_of(&rest)
        });
        Config::parse(path, &with_directories(plain, &whole))?;
        let mut bundle = Self::default();
        for (key, value) in whole {
            match (key.as_str(), value) {
                (CONNECTORS, Value::Table(connectors)) => {
                    for (name, connector) in connectors {
                        if let Value::Table(connector) = connector {
                            bundle.connectors.insert(name, connector);
                        }
                    }
                }
                (SECRETS, secrets) => {
                    let wrong = "`secrets` has to hold texts, by connector and place".to_owned();
                    bundle.secrets = secrets.try_into().map_err(|_| unreadable(wrong))?;
                }
                _ => bundle.others.push(key),
            }
        }
        if bundle.connectors.is_empty() {
            return Err(TransferError::Nothing { path: path.to_owned() });
        }
        for (name, secrets) in &bundle.secrets {
            let places = bundle.connectors.get(name).map(|of| secret_places(of, Path::new("")));
            let known = |place: &String| places.as_ref().is_some_and(|places| places.contains_key(place));
            if let Some(place) = secrets.keys().find(|place| !known(place)) {
                let (path, name, place) = (path.to_owned(), name.clone(), place.clone());
                return Err(TransferError::StraySecret { path, name, place });
            }
        }
        Ok(bundle)
    }
}

/// What an import would do to the configuration.
pub struct Import {
    path: PathBuf,
    /// The text there is; nothing where there is no file yet.
    old: Option<String>,
    new: String,
    pub config: Config,
    pub added: Vec<String>,
    /// With what differs.
    pub replaced: BTreeMap<String, Vec<Difference>>,
    pub unchanged: Vec<String>,
    /// Files of secrets, by connector, and what goes into each.
    pub secrets: Vec<(String, PathBuf, String)>,
}

impl Import {
    /// Changes nothing yet. Without `replace`, a connector that is there already has to be the same.
    pub fn prepare(path: &Path, bundle: &Bundle, replace: bool) -> Result<Self, TransferError> {
        let old = match read(path) {
            Ok(text) => Some(text),
            Err(ConfigError::Missing { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let text = old.clone().unwrap_or_default();
        let before = Config::parse(path, &text)?;
        let there = match parsed(path, &text)?.remove(CONNECTORS) {
            Some(Value::Table(there)) => there,
            _ => Table::new(),
        };
        let mut import = Self {
            path: path.to_owned(),
            old,
            new: text,
            config: before.clone(),
            added: Vec::new(),
            replaced: BTreeMap::new(),
            unchanged: Vec::new(),
            secrets: Vec::new(),
        };
        let mut wanted = BTreeMap::new();
        for (name, connector) in &bundle.connectors {
            let mut connector = connector.clone();
            if let Some(directory) = connector.get("directory").and_then(Value::as_str) {
                before.directory(Some(directory))?;
            }
            for (place, secret) in bundle.secrets.get(name).into_iter().flatten() {
                let file = match there
                    .get(name)
                    .and_then(Value::as_table)
                    .and_then(|now| same(path, now, place, secret))
                {
                    Some(file) => file,
                    None => import.secret_file(name, place, secret),
                };
                point_to(&mut connector, place, &file);
            }
            match there.get(name) {
                None => {
                    import.new = appended(&import.new, name, &connector);
                    import.added.push(name.clone());
                }
                Some(Value::Table(current)) if *current != connector => {
                    let differences = differences(current, &connector);
                    import.new = replaced(path, &import.new, name, current, &connector)?;
                    import.replaced.insert(name.clone(), differences);
                }
                Some(_) => import.unchanged.push(name.clone()),
            }
            wanted.insert(name.clone(), connector);
        }
        if !import.replaced.is_empty() && !replace {
            return Err(TransferError::Differs { path: path.to_owned(), differing: import.replaced });
        }
        import.config = import.checked(&before, &wanted)?;
        Ok(import)
    }

    /// The new text says what was meant, and of everything else what it said before.
    fn checked(&self, before: &Config, wanted: &BTreeMap<String, Table>) -> Result<Config, TransferError> {
        let name = || wanted.keys().next().cloned().unwrap_or_default();
        let broken =
            |source| EditError::Unsafe { path: self.path.clone(), name: name(), what: "import", source };
        let config = Config::parse(&self.path, &self.new).map_err(|error| broken(Some(Box::new(error))))?;
        let now = parsed(&self.path, &self.new)?;
        let meant = wanted.iter().all(|(name, connector)| {
            now.get(CONNECTORS).and_then(|now| now.get(name)) == Some(&Value::Table(connector.clone()))
        });
        let others = |config: &Config| {
            let mut others = config.connectors.clone();
            others.retain(|name, _| !wanted.contains_key(name));
            others
        };
        if !meant || others(&config) != others(before) {
            return Err(broken(None).into());
        }
        Ok(config)
    }

    /// A free name beside the configuration, or that of a file that holds this already.
    fn secret_file(&mut self, name: &str, place: &str, secret: &str) -> String {
        let part = match place.rsplit_once('.') {
            Some((_, last)) => last,
            None => "secret",
        };
        let mut nth = 1;
        loop {
            let file = if nth == 1 { format!("{name}-{part}") } else { format!("{name}-{part}-{nth}") };
            let path = folder(&self.path).join(&file);
            match fs::read_to_string(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.secrets.push((name.to_owned(), path, secret.to_owned()));
                    return file;
                }
                Ok(there) if there == secret => return file,
                _ => nth += 1,
            }
        }
    }

    /// Secrets first: whenever it is stopped, the configuration is the old one or the new one, and names what is there.
    pub fn write(&self) -> Result<(), TransferError> {
        for (name, path, secret) in &self.secrets {
            whole_file::write(path, &[secret.as_bytes()], Place::NewPrivate)
                .map_err(|source| TransferError::Secret { path: path.clone(), name: name.clone(), source })?;
        }
        match &self.old {
            None => edit::create(&self.path, &self.new).map(drop)?,
            Some(old) if *old == self.new => {}
            Some(_) => edit::replace(&self.path, &self.new)?,
        }
        Ok(())
    }
}

/// Connectors fill directories of the configuration into which they are imported, which the file need not have.
fn with_directories(mut text: String, whole: &Table) -> String {
    let there = whole.get("directory").and_then(Value::as_table);
    let connectors = whole.get(CONNECTORS).and_then(Value::as_table);
    let connectors = connectors.into_iter().flat_map(Table::values);
    let used: BTreeSet<&str> =
        connectors.filter_map(|connector| connector.get("directory").and_then(Value::as_str)).collect();
    let missing = |name: &str| is_name(name) && there.is_none_or(|there| !there.contains_key(name));
    for name in used.into_iter().filter(|name| missing(name)) {
        text.push_str(&format!("\n[directory.{name}]\npath = \"{name}.db\"\n"));
    }
    text
}

fn parsed(path: &Path, text: &str) -> Result<Table, TransferError> {
    toml::from_str(text).or_else(|error: toml::de::Error| {
        // As any mistake in such a file: with line and excerpt.
        Config::parse(path, text)?;
        Err(TransferError::Unreadable { path: path.to_owned(), reason: error.message().to_owned() })
    })
}

fn text_of(table: &Table) -> String {
    toml::to_string(table).expect("what was TOML can be written as TOML")
}

/// Dates are texts.
fn json(value: Value) -> serde_json::Value {
    match value {
        Value::Datetime(date) => date.to_string().into(),
        Value::Table(table) => {
            table.into_iter().map(|(key, value)| (key, json(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(json).collect::<Vec<_>>().into(),
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Boolean(is) => is.into(),
    }
}

/// The file that a place names already, where it holds this secret.
fn same(config: &Path, connector: &Table, place: &str, secret: &str) -> Option<String> {
    let mut table = Some(connector);
    for step in place.split('.') {
        table = table.and_then(|table| table.get(step)).and_then(Value::as_table);
    }
    let file = table?.get("file")?.as_str()?;
    let held = fs::read_to_string(folder(config).join(file)).ok()?;
    (held.trim_end_matches(['\r', '\n']) == secret).then(|| file.to_owned())
}

/// The place names a file instead of whatever it named.
fn point_to(connector: &mut Table, place: &str, file: &str) {
    let mut table = Some(connector);
    for step in place.split('.') {
        table = table.and_then(|table| table.get_mut(step)).and_then(Value::as_table_mut);
    }
    if let Some(table) = table {
        table.remove("env");
        table.insert("file".to_owned(), Value::from(file));
    }
}

fn differences(before: &Table, after: &Table) -> Vec<Difference> {
    let (before, after) = (flat(before), flat(after));
    let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    differing
        .map(|key| Difference {
            key: key.clone(),
            before: before.get(key).cloned(),
            after: after.get(key).cloned(),
        })
        .collect()
}

/// Dotted keys with their values as TOML; the arguments of programs, which may hold a secret, are not shown.
fn flat(table: &Table) -> BTreeMap<String, String> {
    fn into(value: &Value, at: String, flat: &mut BTreeMap<String, String>) {
        match value {
            Value::Table(table) => {
                for (key, value) in table {
                    let dot = if at.is_empty() { "" } else { "." };
                    into(value, format!("{at}{dot}{key}"), flat);
                }
            }
            Value::Array(words) if at.ends_with(".command") => {
                let shown = words.first().map(ToString::to_string).unwrap_or_default();
                // Told apart, and not told.
                let rest = blake3::hash(value.to_string().as_bytes()).to_hex();
                flat.insert(at, format!("[{shown}, … ({})]", &rest[..8]));
            }
            other => drop(flat.insert(at, other.to_string())),
        }
    }
    let mut found = BTreeMap::new();
    into(&Value::Table(table.clone()), String::new(), &mut found);
    found
}

/// At the end, after an empty line.
fn appended(text: &str, name: &str, connector: &Table) -> String {
    let tables = Table::from_iter([(name.to_owned(), Value::Table(connector.clone()))]);
    edit::appended(text, &text_of(&Table::from_iter([(CONNECTORS.to_owned(), Value::Table(tables))])))
}

/// Only the values that differ.
fn replaced(
    path: &Path,
    text: &str,
    name: &str,
    current: &Table,
    wanted: &Table,
) -> Result<String, TransferError> {
    let refuse =
        || EditError::Unsafe { path: path.to_owned(), name: name.to_owned(), what: "import", source: None };
    let mut document: DocumentMut = text.parse().map_err(|_| refuse())?;
    let connector = document.get_mut(CONNECTORS).and_then(|item| item.get_mut(name)).ok_or_else(refuse)?;
    let inline = connector.is_inline_table();
    let table = connector.as_table_like_mut().ok_or_else(refuse)?;
    merge(table, inline, current, wanted);
    Ok(document.to_string())
}

fn merge(table: &mut dyn TableLike, inline: bool, current: &Table, wanted: &Table) {
    for key in current.keys().filter(|key| !wanted.contains_key(*key)) {
        table.remove(key);
    }
    for (key, value) in wanted {
        let there = current.get(key);
        if there == Some(value) {
            continue;
        }
        if let (Some(Value::Table(current)), Value::Table(wanted)) = (there, value)
            && let Some(item) = table.get_mut(key)
        {
            let inline = item.is_inline_table();
            if let Some(inner) = item.as_table_like_mut() {
                merge(inner, inline, current, wanted);
                continue;
            }
        }
        let mut new = item(key, value);
        if inline && let Ok(value) = std::mem::take(&mut new).into_value() {
            new = Item::Value(value);
        }
        match (table.get_mut(key).and_then(Item::as_value_mut), new.as_value_mut()) {
            // With the comment that stands behind it.
            (Some(old), Some(new)) => {
                *new.decor_mut() = old.decor().clone();
                *old = new.clone();
            }
            _ => drop(table.insert(key, new)),
        }
    }
}

/// As it would be written.
fn item(key: &str, value: &Value) -> Item {
    let text = text_of(&Table::from_iter([(key.to_owned(), value.clone())]));
    let document: Option<DocumentMut> = text.parse().ok();
    let mut item = document.and_then(|mut document| document.remove(key)).unwrap_or_default();
    place_after_its_parent(&mut item);
    item
}

/// Tables remember where they stood in the text that they were read from. These go where they are put, after an empty
/// line.
fn place_after_its_parent(item: &mut Item) {
    let place = |table: &mut toml_edit::Table| {
        table.set_position(None);
        if !table.is_implicit() && !table.is_dotted() {
            table.decor_mut().set_prefix("\n");
        }
        table.iter_mut().for_each(|(_, item)| place_after_its_parent(item));
    };
    match item {
        Item::Table(table) => place(table),
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(place),
        Item::Value(_) | Item::None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        toml::from_str(text).unwrap()
    }

    const WANTED: &str = r#"
        plugin = "okta"
        endpoint = "b.okta.com"
        credential = { env = "NEW" }
        settings.groups.include = ["a"]
        [http]
        share = 0.25
        [[transform]]
        plugin = "rules"
        settings.attributes = ["x"]
    "#;

    /// However somebody writes a connector, what it is to be comes of it, and comments stay where values do.
    #[test]
    fn a_connector_in_any_notation_is_replaced_value_by_value() {
        let common = "plugin = \"okta\", endpoint = \"a.okta.com\", credential = { env = \"OLD\" }";
        for text in [
            "# top\n[connector.a] # head\nplugin = \"okta\" # what\nendpoint = \"a.okta.com\" # where\n\
             credential = { env = \"OLD\" } # key\n# about http\n[connector.a.http]\nparallel = 2\nshare = 0.5 # half\n\
             [[connector.a.transform]]\nplugin = \"other\"\n# end\n"
                .to_owned(),
            format!("# top\nconnector.a = {{ {common} }} # key\n"),
            format!("# top\n[connector]\na = {{ {common}, http = {{ share = 0.5 }} }} # key\n"),
            "# top\n[connector]\na.plugin = \"okta\"\na.endpoint = \"a.okta.com\" # where\na.credential.env = \"OLD\" # key\n"
                .to_owned(),
        ] {
            let path = Path::new("rollcall.toml");
            let whole = table(&text);
            let current = whole["connector"]["a"].as_table().unwrap();
            let new = replaced(path, &text, "a", current, &table(WANTED)).unwrap();
            assert_eq!(table(&new)["connector"]["a"], Value::Table(table(WANTED)), "{new}");
            assert!(new.starts_with("# top\n"), "{new}");
            for comment in ["# where", "# key", "# half", "# about http"] {
                assert_eq!(new.contains(comment), text.contains(comment), "{comment}: {new}");
            }
            Config::parse(path, &new).unwrap();
        }
    }

    #[test]
    fn differences_are_told_by_key_and_arguments_of_programs_are_not() {
        let before = table("endpoint = \"a\"\nhttp.share = 1\ncredential.command = [\"pass\", \"one\"]\n");
        let after = table("endpoint = \"a\"\nsettings.x = true\ncredential.command = [\"pass\", \"two\"]\n");
        let told: Vec<String> = differences(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told[0].starts_with("credential.command [\"pass\", … (") && !told[0].contains("two"),
            "{told:?}"
        );
        assert_eq!(told[1..], ["http.share 1 → nothing", "settings.x nothing → true"]);
    }

    #[test]
    fn a_secret_of_a_part_of_a_credential_finds_its_place() {
        let mut connector =
            table("[credential]\nclient-id = \"0oa\"\n[credential.private-key]\nenv = \"KEY\"\n");
        let places = secret_places(&connector, Path::new("/etc"));
        assert_eq!(places.into_keys().collect::<Vec<_>>(), ["credential.private-key"]);
        point_to(&mut connector, "credential.private-key", "acme-private-key");
        assert_eq!(
            connector,
            table(
                "[credential]\nclient-id = \"0oa\"\n[credential.private-key]\nfile = \"acme-private-key\"\n"
            )
        );
        let command = table("credential.command = [\"pass\", \"x\"]\n");
        assert_eq!(secret_places(&command, Path::new("")).len(), 0);
    }

    #[test]
    fn what_is_blanked_leaves_every_other_line_where_it_is() {
        let text = "[secrets.a]\ncredential = \"\"\"\nx\ny\"\"\"\n\n[connector.a]\nplugin = 7 # secret\n";
        let without = edit::without(text, SECRETS).unwrap();
        assert_eq!(without.len(), text.len());
        assert_eq!(without.trim_start(), "[connector.a]\nplugin = 7 # secret\n");
        assert_eq!(without.lines().count(), text.lines().count());
        assert_eq!(edit::without("secrets.a.credential = 'x'\n", SECRETS), None);
    }
}
