//! Changes to `rollcall.toml` that leave every other line, comment and blank line as it is.
//!
//! A connector is added at the end, after an empty line, and taken out with what belongs to it: its tables, the
//! comment lines directly above a header, and those directly below its last key. Taking out what was just added
//! gives the file back byte for byte.
//!
//! The new text is checked as a configuration before it replaces the file, and it replaces the file in one step
//! ([`crate::whole_file`]), so that neither a mistake nor a crash leaves a broken one behind.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml_edit::{Document, DocumentMut, Item, Table};

use super::fault::ConfigError;
use super::load::{Config, read};
use super::template::{NewConnector, block};
use crate::whole_file::{self, Place};

/// Why the file was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    #[error("{} has a connector `{name}` already", path.display())]
    Duplicate { path: PathBuf, name: String },
    /// The text that the edit would make is wrong, or means something else besides the change.
    #[error("failed to {what} `{name}` in {} without breaking it", path.display())]
    Unsafe { path: PathBuf, name: String, what: &'static str, source: Option<Box<ConfigError>> },
    #[error("failed to write {}", path.display())]
    Unwritten { path: PathBuf, source: io::Error },
}

impl EditError {
    pub fn hint(&self) -> Option<String> {
        match self {
            EditError::Config(error) => error.hint(),
            EditError::Exists { .. } => Some("`rollcall connector add` adds a connector to it".to_owned()),
            EditError::Duplicate { .. } => Some(
                "give another `--name`, or take that one out with `rollcall connector remove`".to_owned(),
            ),
            EditError::Unsafe { .. } => Some(
                "nothing was changed; edit the file by hand: each connector is a table `[connector.NAME]`"
                    .into(),
            ),
            EditError::Unwritten { .. } => {
                Some("nothing was changed; check that its folder is writable and has space left".to_owned())
            }
        }
    }
}

/// Makes a new file of `text`; an existing one is never overwritten.
pub fn create(path: &Path, text: &str) -> Result<Config, EditError> {
    let config = Config::parse(path, text)?;
    match whole_file::write(path, &[text.as_bytes()], Place::New) {
        Ok(()) => Ok(config),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(EditError::Exists { path: path.to_owned() })
        }
        Err(source) => Err(EditError::Unwritten { path: path.to_owned(), source }),
    }
}

/// Adds a connector and returns the new configuration.
pub fn add(path: &Path, connector: &NewConnector) -> Result<Config, EditError> {
    let text = read(path)?;
    let config = with(path, &text, connector)?;
    replace(path, &added(&text, connector))?;
    Ok(config)
}

/// What [`add`] would make of the file, which stays as it is.
pub fn preview(path: &Path, connector: &NewConnector) -> Result<Config, EditError> {
    with(path, &read(path)?, connector)
}

/// Takes a connector out and returns the new configuration.
pub fn remove(path: &Path, name: &str) -> Result<Config, EditError> {
    let text = read(path)?;
    let old = Config::parse(path, &text)?;
    old.connector(name)?;
    let refuse =
        |source| EditError::Unsafe { path: path.to_owned(), name: name.to_owned(), what: "remove", source };
    let new = removed(&text, name).ok_or_else(|| refuse(None))?;
    let config = Config::parse(path, &new).map_err(|error| refuse(Some(Box::new(error))))?;
    let mut expected = old.connectors.clone();
    expected.remove(name);
    if config.connectors != expected {
        return Err(refuse(None));
    }
    replace(path, &new)?;
    Ok(config)
}

fn with(path: &Path, text: &str, connector: &NewConnector) -> Result<Config, EditError> {
    let (path, name) = (path.to_owned(), connector.name.clone());
    let old = Config::parse(&path, text)?;
    if old.connectors.contains_key(&name) {
        return Err(EditError::Duplicate { path, name });
    }
    let config = match Config::parse(&path, &added(text, connector)) {
        Ok(config) => config,
        Err(error) => {
            return Err(EditError::Unsafe { path, name, what: "add", source: Some(Box::new(error)) });
        }
    };
    let mut others = config.connectors.clone();
    others.remove(&name);
    if others != old.connectors {
        return Err(EditError::Unsafe { path, name, what: "add", source: None });
    }
    Ok(config)
}

fn added(text: &str, connector: &NewConnector) -> String {
    appended(text, &block(connector))
}

/// With these tables at its end, after an empty line, in the file's own line endings.
pub(super) fn appended(text: &str, tables: &str) -> String {
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let mut addition = format!("{gap}{tables}");
    if text.contains("\r\n") {
        addition = addition.replace('\n', "\r\n");
    }
    format!("{text}{addition}")
}

/// The text with blanks where the tables under `key` are, so that everything else has its line and column. `None` where
/// it is written in another way than as tables.
pub(super) fn without(text: &str, key: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let Some(item) = document.get(key) else { return Some(text.to_owned()) };
    if !item.as_table().is_some_and(|table| {
        !table.is_dotted() && table.iter().all(|(_, item)| item.as_table().is_some_and(|it| !it.is_dotted()))
    }) {
        return None;
    }
    let mut sections = Vec::new();
    collect(document.as_table(), &mut Vec::new(), &mut sections);
    let mut new = text.as_bytes().to_vec();
    for section in sections.iter().filter(|section| section.path.first().is_some_and(|first| first == key)) {
        for byte in &mut new[section.header.start..section.end] {
            if !matches!(*byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    }
    String::from_utf8(new).ok()
}

/// `None` when the text has no such connector.
fn removed(text: &str, name: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let connectors = document.get("connector")?;
    let whole_tables = connectors.as_table().is_some_and(|connectors| {
        !connectors.is_dotted()
            && connectors.get(name).and_then(Item::as_table).is_some_and(|it| !it.is_dotted())
    });
    if !whole_tables {
        // Dotted keys or an inline table.
        let mut document: DocumentMut = text.parse().ok()?;
        document.get_mut("connector")?.as_table_like_mut()?.remove(name)?;
        return Some(document.to_string());
    }
    let mut sections = Vec::new();
    collect(document.as_table(), &mut Vec::new(), &mut sections);
    sections.sort_by_key(|section| section.header.start);
    let mut new = text.to_owned();
    for (position, section) in sections.iter().enumerate().rev() {
        if section.path.starts_with(&["connector".to_owned(), name.to_owned()]) {
            let floor = position.checked_sub(1).map_or(0, |before| line_end(text, sections[before].end));
            cut(&mut new, section, floor);
        }
    }
    Some(new)
}

/// A header with the keys under it.
struct Section {
    path: Vec<String>,
    header: Range<usize>,
    /// Where the last value under the header ends.
    end: usize,
}

fn collect(table: &Table, path: &mut Vec<String>, sections: &mut Vec<Section>) {
    if let (Some(header), false, false) = (table.span(), path.is_empty(), table.is_dotted()) {
        let end = last_value(table).map_or(header.end, |end| end.max(header.end));
        sections.push(Section { path: path.clone(), header, end });
    }
    for (key, item) in table {
        path.push(key.to_owned());
        match item {
            Item::Table(table) => collect(table, path, sections),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|table| collect(table, path, sections)),
            Item::Value(_) | Item::None => {}
        }
        path.pop();
    }
}

fn last_value(table: &Table) -> Option<usize> {
    table
        .iter()
        .filter_map(|(_, item)| match item {
            Item::Value(value) => value.span().map(|span| span.end),
            Item::Table(table) if table.is_dotted() => last_value(table),
            _ => None,
        })
        .max()
}

/// Takes a section with its comments out of `text`. `floor` is the end of the section above.
fn cut(text: &mut String, section: &Section, floor: usize) {
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let is_blank = |line: &str| line.trim().is_empty();

    let mut start = text[..section.header.start].rfind('\n').map_or(0, |newline| newline + 1);
    while start > floor {
        let above = line_before(text, start);
        if !is_comment(&text[above..start]) {
            break;
        }
        start = above;
    }
    let own = line_end(text, section.end);
    let mut end = own;
    while end < text.len() && is_comment(&text[end..line_end(text, end)]) {
        end = line_end(text, end);
    }
    // Comments that lead without a gap to another header are about that one.
    if text[end..].trim_start_matches([' ', '\t']).starts_with('[') {
        end = own;
    }

    let blank_above = start > 0 && is_blank(&text[line_before(text, start)..start]);
    if is_blank(&text[end..]) {
        if blank_above {
            start = line_before(text, start);
        }
    } else if blank_above || start == 0 {
        while is_blank(&text[end..line_end(text, end)]) {
            end = line_end(text, end);
        }
    }
    text.replace_range(start..end, "");
}

/// Where the line that begins before `start`, itself the beginning of a line, begins.
fn line_before(text: &str, start: usize) -> usize {
    text[..start.saturating_sub(1)].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the line after the one with `offset` begins.
fn line_end(text: &str, offset: usize) -> usize {
    text[offset..].find('\n').map_or(text.len(), |newline| offset + newline + 1)
}

pub(super) fn replace(path: &Path, text: &str) -> Result<(), EditError> {
    let unwritten = |source| EditError::Unwritten { path: path.to_owned(), source };
    // A link stays one: what it points to is replaced.
    let target = fs::canonicalize(path).map_err(unwritten)?;
    let permissions = fs::metadata(&target).map_err(unwritten)?.permissions();
    whole_file::write(&target, &[text.as_bytes()], Place::Any(Some(permissions))).map_err(unwritten)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::template::tests::acme;
    use super::*;

    const TWO: &str = r#"# Ours. Ask Mia before you change this.
[directory]
path = "people.db"   # on the fast disk

# The main organisation.
[connector.main]
plugin = "okta"
endpoint = "main.okta.com"
credential = { env = "MAIN_TOKEN" }
# share = 0.5 while the migration runs

# Contractors; see the wiki.
[connector.acme] # small
plugin = "okta"
endpoint = "acme.okta.com"
credential = { env = "OKTA_TOKEN" }
settings.groups.include = [
    "a", # first
    # [connector.main]
]

[connector.acme.http]
share = 1.0

[[connector.acme.transform]]
plugin = "rules"
# strict = true

[connector.third]
plugin = "okta"
endpoint = "third.okta.com"
credential = { env = "THIRD_TOKEN" }

# The end.
"#;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.toml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn remove_takes_a_connector_and_nothing_else() {
        let (_folder, path) = file(TWO);
        let config = remove(&path, "acme").unwrap();
        assert_eq!(config.connectors.keys().collect::<Vec<_>>(), ["main", "third"]);
        insta::assert_snapshot!(fs::read_to_string(&path).unwrap());
    }

    #[test]
    fn remove_reads_every_notation() {
        let credential = r#"credential = { env = "T" }, endpoint = "e""#;
        for text in [
            format!("connector.a = {{ plugin = \"okta\", {credential} }} # a\nconnector.b = {{ plugin = \"okta\", {credential} }}\n"),
            format!("[connector]\na = {{ plugin = \"okta\", {credential} }}\nb = {{ plugin = \"okta\", {credential} }} # b\n"),
            "[connector]\na.plugin = \"okta\"\na.endpoint = \"e\"\na.credential.env = \"T\"\n# about b\nb.plugin = \"okta\"\n\
             b.endpoint = \"e\"\nb.credential.env = \"T\"\n[connector.a.http]\nshare = 0.5\n".to_owned(),
        ] {
            let (_folder, path) = file(&text);
            let config = remove(&path, "a").unwrap();
            assert_eq!(config.connectors.keys().collect::<Vec<_>>(), ["b"]);
            let after = fs::read_to_string(&path).unwrap();
            assert_eq!(after.contains("# about b"), text.contains("# about b"), "{after}");
        }
    }

    #[test]
    fn add_refuses_a_name_that_is_taken() {
        let (_folder, path) = file("");
        add(&path, &acme()).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        let error = add(&path, &acme()).unwrap_err();
        assert!(matches!(error, EditError::Duplicate { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), before);
    }

    #[test]
    fn add_refuses_what_would_break_the_file() {
        let text = "connector = {}\n";
        let (_folder, path) = file(text);
        let error = add(&path, &acme()).unwrap_err();
        assert!(matches!(error, EditError::Unsafe { source: Some(_), .. }), "{error}");
        let wrong = NewConnector { name: "Acme".into(), ..acme() };
        assert!(matches!(add(&path, &wrong).unwrap_err(), EditError::Unsafe { .. }));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn create_never_overwrites() {
        let (folder, path) = file("# mine\n");
        let error = create(&path, "").unwrap_err();
        assert!(matches!(error, EditError::Exists { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\n");

        create(&folder.path().join("new.toml"), &super::super::new_file(&acme())).unwrap();
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "no temporary file stays: {names:?}");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let (folder, path) = file("");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let link = folder.path().join("link.toml");
        symlink(&path, &link).unwrap();
        add(&link, &acme()).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::read_to_string(&path).unwrap().contains("[connector.acme]"));
    }

    #[test]
    fn line_endings_are_the_files_own() {
        let text = "[directory]\r\npath = \"a.db\"\r\n";
        let new = added(text, &acme());
        assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
        assert_eq!(removed(&new, "acme").as_deref(), Some(text));
    }

    fn files() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("\n".to_owned()),
            Just("# a comment\n".to_owned()),
            Just("  # [connector.acme]\n".to_owned()),
            "[b-f]{1,3}".prop_map(|name| format!(
                "[connector.{name}]\nplugin = \"okta\"\nendpoint = \"x\"\ncredential.env = \"T\" # {name}\n"
            )),
            "[g-k]{1,3}".prop_map(|name| format!(
                "[connector.{name}.http]\nallow = [\n  \"POST /a\",\n\n  # b\n]\n\n[connector.{name}]\nplugin = \
                 'okta'\nendpoint = 'x'\ncredential.file = 't'\n"
            )),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn remove_after_add_gives_the_file_back(text in files()) {
            // A name that comes twice makes an invalid file, which no edit accepts.
            prop_assume!(Config::parse("a.toml".as_ref(), &text).is_ok());
            let new = added(&text, &acme());
            prop_assert!(new.starts_with(&text));
            prop_assert_eq!(removed(&new, "acme"), Some(text));
        }

        #[test]
        fn remove_keeps_the_others_and_their_keys(text in files()) {
            let Ok(before) = Config::parse("a.toml".as_ref(), &text) else { return Ok(()) };
            for name in before.connectors.keys() {
                let after = Config::parse("a.toml".as_ref(), &removed(&text, name).unwrap()).unwrap();
                let mut expected = before.connectors.clone();
                expected.remove(name);
                prop_assert_eq!(after.connectors, expected);
            }
        }
    }
}
