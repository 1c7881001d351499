use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::check;
use super::connector::Connector;
use super::directory::Directory;
use super::effective::Origin;
use super::fault::{ConfigError, Fault, Source};
use super::notify::Notify;
use super::position::{At, Step};
use crate::plugin::{Limits, nearest};

/// Where the configuration is unless `--config` or `ROLLCALL_CONFIG` says otherwise: in the working directory.
pub const DEFAULT_FILE: &str = "rollcall.toml";

/// The database unless `[directory] path` says otherwise.
pub(super) const DEFAULT_DATABASE: &str = "rollcall.db";

/// A configuration in which every rule of this module holds.
#[derive(Debug, Clone)]
pub struct Config {
    /// The unnamed one, and then the others by name.
    directories: Vec<Directory>,
    pub plugins: Plugins,
    pub connectors: BTreeMap<String, Connector>,
    pub notify: Notify,
    pub(super) source: Source,
    /// Who named the database, if it was not the file.
    pub(super) directory_origin: Option<Origin>,
}

/// Where plugins come from besides the built-in ones, and what they may use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plugins {
    /// A folder of `.wasm` files, resolved.
    pub path: Option<PathBuf>,
    /// What a plugin may use unless its connector says otherwise.
    pub limits: Limits,
}

impl Config {
    /// Reads and checks the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &read(path)?)
    }

    /// Checks `text` as if it were in the file `path`, which need not exist.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let source = Source { file: path.to_owned(), text: text.to_owned() };
        let check::Checked { directories, plugins, connectors, notify } =
            check::check(&source, &folder(path))?;
        Ok(Self { directories, plugins, connectors, notify, source, directory_origin: None })
    }

    /// Where the database is unless a file that can't be read says otherwise.
    pub fn usual_database(file: &Path) -> PathBuf {
        folder(file).join(DEFAULT_DATABASE)
    }

    /// Takes another database than the file names; relative to the working folder. One that the environment names is
    /// that of `[directory]`, one of the command line that of whatever directory the command works on.
    pub fn use_database(&mut self, database: PathBuf, origin: Origin) {
        let any = matches!(origin, Origin::Option(_));
        for directory in self.directories.iter_mut().filter(|directory| any || directory.name.is_none()) {
            directory.path.clone_from(&database);
        }
        self.directory_origin = Some(origin);
    }

    /// The directory of that name; that of `[directory]` without one.
    pub fn directory(&self, name: Option<&str>) -> Result<&Directory, ConfigError> {
        let found = self.directories.iter().find(|directory| directory.name.as_deref() == name);
        found.ok_or_else(|| {
            let name = name.unwrap_or_default();
            let known = || self.directories.iter().filter_map(|directory| directory.name.as_deref());
            let hint = match nearest(name, known()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known().next().is_none() => {
                    format!("[directory.{name}] with `path = \"{name}.db\"` adds it")
                }
                None => format!("it has {}", list(known())),
            };
            ConfigError::NoDirectory { path: self.source.file.clone(), name: name.to_owned(), hint }
        })
    }

    /// The directory that the connector fills; for one that is not configured that of `[directory]`.
    pub fn directory_of(&self, connector: &str) -> &Directory {
        let name = self.connectors.get(connector).and_then(|connector| connector.directory.as_deref());
        let named = self.directories.iter().find(|directory| directory.name.as_deref() == name);
        named.unwrap_or(&self.directories[0])
    }

    /// Every connector: those of each directory in its order.
    pub fn order(&self) -> Vec<String> {
        self.directories.iter().flat_map(|directory| &directory.order).cloned().collect()
    }

    /// All that are used, that of `[directory]` first. Refused where the command line gives several of them one file.
    pub fn directories(&self) -> Result<Vec<&Directory>, ConfigError> {
        let only = self.directories.len() == 1;
        let used: Vec<&Directory> =
            self.directories.iter().filter(|one| only || one.is_written || !one.order.is_empty()).collect();
        match self.directory_origin {
            Some(Origin::Option(_)) if used.len() > 1 => {
                let named: Vec<&str> = used.iter().filter_map(|one| one.name.as_deref()).collect();
                let directories = match named.len() < used.len() {
                    true => format!("that of [directory] and {}", list(named.into_iter())),
                    false => list(named.into_iter()),
                };
                Err(ConfigError::OneDatabase { directories })
            }
            _ => Ok(used),
        }
    }

    /// All, as the file has them.
    pub(super) fn written_directories(&self) -> &[Directory] {
        &self.directories
    }

    /// The file, as it was named.
    pub fn file(&self) -> &Path {
        &self.source.file
    }

    pub fn connector(&self, name: &str) -> Result<&Connector, ConfigError> {
        self.connectors.get(name).ok_or_else(|| ConfigError::NoConnector {
            path: self.source.file.clone(),
            name: name.to_owned(),
            hint: self.which(name),
        })
    }

    fn which(&self, name: &str) -> String {
        let known = || self.connectors.keys().map(String::as_str);
        match nearest(name, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if self.connectors.is_empty() => "`rollcall connector add` adds one".to_owned(),
            None => format!("it has {}", list(known())),
        }
    }

    /// A mistake that only another part of the host can see, such as a setting that the plugin's schema
    /// refuses, shown at the key `path` or as near to it as the file goes.
    ///
    /// ```
    /// use rollcall::config::{At, Config};
    ///
    /// let text = r#"
    /// [connector.acme]
    /// plugin = "okta"
    /// endpoint = "acme.okta.com"
    /// credential = { env = "OKTA_TOKEN" }
    /// settings.page-size = 0
    /// "#;
    /// let config = Config::parse("rollcall.toml".as_ref(), text)?;
    /// let path = ["connector".into(), "acme".into(), "settings".into(), "page-size".into()];
    /// let fault = config.fault(&path, At::Value, "`page-size` has to be at least 1", None);
    /// assert_eq!(fault.to_string(), "rollcall.toml:6:22: `page-size` has to be at least 1");
    /// # Ok::<(), rollcall::config::ConfigError>(())
    /// ```
    pub fn fault(&self, path: &[Step], at: At, message: impl Into<String>, hint: Option<String>) -> Fault {
        self.source.fault(path, at, message.into(), hint)
    }
}

/// The file's text; the same errors wherever it is read.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
        _ => ConfigError::Unreadable { path: path.to_owned(), source },
    })
}

/// What the file's relative paths are relative to.
fn folder(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// `a`, `b` and `c`, each in backticks.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        [connector.acme]
        plugin = "okta"
        endpoint = "acme.okta.com"
        credential = { file = "okta-token" }
        http.ca-bundle = "/etc/ca.pem"
    "#;

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = Config::parse(Path::new("/etc/rollcall/rollcall.toml"), TEXT).unwrap();
        assert_eq!(config.directory(None).unwrap().path, Path::new("/etc/rollcall/rollcall.db"));
        assert_eq!(config.plugins, Plugins::default());
        let acme = &config.connectors["acme"];
        assert_eq!(
            acme.credential.secret,
            crate::http::SecretSource::File("/etc/rollcall/okta-token".into())
        );
        assert_eq!(acme.http.ca_bundle, Some("/etc/ca.pem".into()));

        let here = Config::parse(Path::new("rollcall.toml"), TEXT).unwrap();
        assert_eq!(here.directory(None).unwrap().path, Path::new("rollcall.db"));
    }

    #[test]
    fn a_missing_file_says_how_to_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = Config::load(&folder.path().join("rollcall.toml")).unwrap_err();
        assert!(matches!(error, ConfigError::Missing { .. }), "{error}");
        assert!(error.hint().unwrap().contains("rollcall init"));

        let error = Config::load(folder.path()).unwrap_err();
        assert!(matches!(error, ConfigError::Unreadable { .. }), "{error}");
    }

    #[test]
    fn an_unknown_connector_names_the_one_that_was_meant() {
        let config = Config::parse(Path::new("rollcall.toml"), TEXT).unwrap();
        let hint = |name: &str| config.connector(name).unwrap_err().hint().unwrap();
        assert_eq!(hint("akme"), "did you mean `acme`?");
        assert_eq!(hint("zzz"), "it has `acme`");
        let empty = Config::parse(Path::new("rollcall.toml"), "").unwrap();
        assert_eq!(empty.connector("acme").unwrap_err().hint().unwrap(), "`rollcall connector add` adds one");
    }

    #[test]
    fn the_stated_order_goes_before_that_of_names() {
        let connector = |name: &str| {
            format!(
                "[connector.{name}]\nplugin = \"okta\"\nendpoint = \"a.okta.com\"\ncredential = {{ env = \"T\" }}\n"
            )
        };
        let three = ["a", "b", "hr"].map(connector).concat();
        let parse = |order: &str| {
            Config::parse(Path::new("rollcall.toml"), &format!("[directory]\n{order}\n{three}"))
        };
        assert_eq!(parse("").unwrap().directory_of("a").order, ["a", "b", "hr"]);
        assert_eq!(parse("order = [\"hr\", \"b\"]").unwrap().directory_of("a").order, ["hr", "b", "a"]);
        let ConfigError::Wrong { faults } = parse("order = [\"b\", \"hh\", \"b\"]").unwrap_err() else {
            panic!("not a mistake of the file")
        };
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "rollcall.toml:2:15: there is no connector `hh`",
                "rollcall.toml:2:21: `b` is in the order twice",
            ]
        );
    }
}
