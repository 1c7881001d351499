//! Which directories there are, and which connector fills which.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::check::{Checker, is_name, keys, under};
use super::load::{DEFAULT_DATABASE, list};
use super::position::At;
use super::written;
use crate::plugin::nearest;

/// One directory: a database of its own with users, groups, mirrors, runs and locks. Nothing is shared between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Nothing for that of `[directory]`.
    pub name: Option<String>,
    /// The database file, resolved against the folder of the configuration.
    pub path: PathBuf,
    /// The connectors that fill it, in the order in which `sync --all` applies: of two that bring the same new name,
    /// the first has it.
    pub order: Vec<String>,
    /// Whether the file gives it a path.
    pub(super) is_written: bool,
    /// Whether there is no other one.
    pub(super) is_only: bool,
}

impl Directory {
    /// Whether a connector fills it, or could: without connectors any may come.
    pub fn is_filled(&self) -> bool {
        !self.order.is_empty() || self.is_only
    }

    /// `[directory]` or `[directory.NAME]`, for people.
    pub fn table(&self) -> String {
        match &self.name {
            Some(name) => format!("[directory.{name}]"),
            None => "[directory]".to_owned(),
        }
    }
}

impl Checker<'_> {
    /// The unnamed one, and then the others by name.
    pub(super) fn directories(
        &mut self,
        written: written::Directory,
        connectors: &BTreeMap<String, written::Connector>,
    ) -> Vec<Directory> {
        let mut tables = BTreeMap::new();
        for (name, value) in written.named {
            let at = keys(&["directory", &name]);
            match value {
                written::NamedDirectory::Table(table) if is_name(&name) => drop(tables.insert(name, table)),
                written::NamedDirectory::Table(_) => {
                    let message = format!("`{name}` can't be the name of a directory");
                    let hint = "a name begins with a lower-case letter and goes on with lower-case letters, digits and hyphens";
                    self.faults.push(self.source.fault(&at, At::Key, message, Some(hint.to_owned())));
                }
                written::NamedDirectory::Other => {
                    let message = format!("unknown key `{name}` in [directory]");
                    let known = written::Directory::KEYS;
                    let hint = match nearest(&name, known) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None => format!("known here: {}", list(known.into_iter())),
                    };
                    self.faults.push(self.source.fault(&at, At::Key, message, Some(hint)));
                }
            }
        }
        for (connector, of) in connectors.iter().filter_map(|(name, of)| Some((name, of.directory.as_ref()?)))
        {
            if !tables.contains_key(of) {
                let names = || tables.keys().map(String::as_str);
                let hint = match nearest(of, names()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if tables.is_empty() => {
                        format!("add it: [directory.{of}] with `path = \"{of}.db\"`")
                    }
                    None => format!("there are {}; leave it out for that of [directory]", list(names())),
                };
                let at = keys(&["connector", connector, "directory"]);
                self.wrong(&at, format!("there is no directory `{of}`"), Some(&hint));
            }
        }
        let of = |directory: Option<&str>| {
            let connectors = connectors.iter();
            let own: Vec<&str> = connectors
                .filter(|(_, connector)| connector.directory.as_deref() == directory)
                .map(|(name, _)| name.as_str())
                .collect();
            own
        };
        let all = || connectors.keys().map(String::as_str);
        let is_written = written.path.is_some();
        let path = self.path(&keys(&["directory", "path"]), written.path);
        let order = self.order(&keys(&["directory", "order"]), written.order, &of(None), all());
        let path = path.unwrap_or_else(|| self.base.join(DEFAULT_DATABASE));
        let mut directories =
            vec![Directory { name: None, path, order, is_written, is_only: tables.is_empty() }];
        for (name, table) in tables {
            let at = keys(&["directory", &name]);
            let order = self.order(&under(&at, "order"), table.order, &of(Some(&name)), all());
            let Some(path) = self.path(&under(&at, "path"), table.path) else {
                let hint = format!("say where its database is: `path = \"{name}.db\"`");
                let message = format!("`path` is missing in [directory.{name}]");
                self.faults.push(self.source.fault(&at, At::Key, message, Some(hint)));
                continue;
            };
            directories.push(Directory { name: Some(name), path, order, is_written: true, is_only: false });
        }
        self.refuse_shared_files(&directories);
        directories
    }

    fn refuse_shared_files(&mut self, directories: &[Directory]) {
        for (index, directory) in directories.iter().enumerate() {
            let other = directories[..index].iter().find(|other| same_file(&other.path, &directory.path));
            // The usual file counts only where somebody fills it.
            let Some(other) = other.filter(|other| other.is_written || !other.order.is_empty()) else {
                continue;
            };
            let name = directory.name.as_deref().unwrap_or_default();
            let message = format!("{} has the same file as {}", directory.table(), other.table());
            let hint = "each directory is a database of its own: name another file";
            self.wrong(&keys(&["directory", name, "path"]), message, Some(hint));
        }
    }

    /// Every connector of the directory once: those that are named, and the others by name.
    fn order<'a>(
        &mut self,
        path: &[super::position::Step],
        written: Vec<String>,
        own: &[&str],
        all: impl Iterator<Item = &'a str> + Clone,
    ) -> Vec<String> {
        for (index, name) in written.iter().enumerate() {
            if own.contains(&name.as_str()) {
                if written[..index].contains(name) {
                    self.wrong(&under(path, index), format!("`{name}` is in the order twice"), None);
                }
            } else if all.clone().any(|connector| connector == name) {
                let hint = format!("`directory` in [connector.{name}] says which one it fills");
                let message = format!("connector `{name}` fills another directory");
                self.wrong(&under(path, index), message, Some(&hint));
            } else {
                let hint = nearest(name, own.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
                self.wrong(&under(path, index), format!("there is no connector `{name}`"), hint.as_deref());
            }
        }
        let others = own.iter().filter(|name| !written.iter().any(|first| first == *name));
        let others: Vec<String> = others.map(|name| (*name).to_owned()).collect();
        written.into_iter().chain(others).collect()
    }
}

/// Also under two names; of a file that is not there yet only the written path counts.
fn same_file(one: &std::path::Path, other: &std::path::Path) -> bool {
    let plain = |path: &std::path::Path| {
        let whole =
            path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned());
        whole.components().collect::<PathBuf>()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, ConfigError};

    fn connector(name: &str, directory: &str) -> String {
        let directory =
            if directory.is_empty() { String::new() } else { format!("directory = \"{directory}\"\n") };
        format!(
            "[connector.{name}]\nplugin = \"okta\"\nendpoint = \"a.okta.com\"\ncredential = {{ env = \"T\" }}\n{directory}"
        )
    }

    fn parse(head: &str, connectors: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let connectors: String = connectors.iter().map(|(name, of)| connector(name, of)).collect();
        Config::parse("rollcall.toml".as_ref(), &format!("{head}\n{connectors}"))
    }

    #[track_caller]
    fn mistakes(head: &str, connectors: &[(&str, &str)]) -> Vec<String> {
        match parse(head, connectors).unwrap_err() {
            ConfigError::Wrong { faults } => faults.iter().map(ToString::to_string).collect(),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn each_directory_has_its_own_file_and_order() {
        let three = [("a", ""), ("b", "portal"), ("hr", "portal")];
        let config = parse("[directory.portal]\npath = \"portal.db\"\norder = [\"hr\"]", &three).unwrap();
        let shown: Vec<(Option<&str>, &str, Vec<&str>)> = config
            .directories()
            .unwrap()
            .into_iter()
            .map(|d| {
                let order = d.order.iter().map(String::as_str).collect();
                (d.name.as_deref(), d.path.to_str().unwrap(), order)
            })
            .collect();
        assert_eq!(shown, [(None, "rollcall.db", vec!["a"]), (Some("portal"), "portal.db", vec!["hr", "b"])]);
        assert_eq!(config.directory_of("hr").name.as_deref(), Some("portal"));
        assert_eq!(config.directory_of("a").name, None);
        let error = config.directory(Some("portl")).unwrap_err();
        assert_eq!(error.to_string(), "rollcall.toml has no directory `portl`");
        assert_eq!(error.hint().as_deref(), Some("did you mean `portal`?"));
    }

    #[test]
    fn the_unnamed_directory_is_none_where_nobody_fills_it() {
        let head = "[directory.portal]\npath = \"portal.db\"";
        let names = |config: Config| -> Vec<Option<String>> {
            config.directories().unwrap().into_iter().map(|d| d.name.clone()).collect()
        };
        assert_eq!(names(parse(head, &[("a", "portal")]).unwrap()), [Some("portal".to_owned())]);
        let written = format!("[directory]\npath = \"own.db\"\n{head}");
        assert_eq!(names(parse(&written, &[("a", "portal")]).unwrap()).len(), 2);
        assert_eq!(names(parse("", &[]).unwrap()), [None]);
    }

    #[test]
    fn two_directories_never_share_a_file() {
        let two = "[directory.one]\npath = \"x.db\"\n[directory.two]\npath = \"./x.db\"";
        assert_eq!(
            mistakes(two, &[]),
            ["rollcall.toml:4:8: [directory.two] has the same file as [directory.one]"]
        );
        let usual = "[directory.one]\npath = \"rollcall.db\"";
        assert_eq!(
            mistakes(usual, &[("a", "")]),
            ["rollcall.toml:2:8: [directory.one] has the same file as [directory]"]
        );
        parse(usual, &[("a", "one")]).unwrap();
    }

    #[test]
    fn mistakes_of_names_are_told_at_once() {
        let head = "[directory]\norder = [\"hr\", \"b\"]\n[directory.portal]\n[directory.\"The one\"]\npath = \"a.db\"";
        assert_eq!(
            mistakes(head, &[("b", ""), ("hr", "portl")]),
            [
                "rollcall.toml:2:10: connector `hr` fills another directory",
                "rollcall.toml:3:12: `path` is missing in [directory.portal]",
                "rollcall.toml:4:12: `The one` can't be the name of a directory",
                "rollcall.toml:14:13: there is no directory `portl`",
            ]
        );
    }

    #[test]
    fn a_database_of_the_command_line_is_that_of_whatever_was_chosen() {
        use crate::config::Origin;
        let head = "[directory.portal]\npath = \"portal.db\"";
        let two = [("a", ""), ("hr", "portal")];
        let mut config = parse(head, &two).unwrap();
        config.use_database("x.db".into(), Origin::Option("--database"));
        assert_eq!(config.directory_of("hr").path.to_str(), Some("x.db"));
        assert_eq!(config.directory(None).unwrap().path.to_str(), Some("x.db"));
        let error = config.directories().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`--database` names one file, and there are several directories: that of [directory] and `portal`"
        );
        let mut config = parse(head, &two).unwrap();
        config.use_database("x.db".into(), Origin::Environment("ROLLCALL_DATABASE"));
        assert_eq!(config.directory_of("hr").path.to_str(), Some("portal.db"), "it stands for [directory]");
        assert_eq!(config.directories().unwrap()[0].path.to_str(), Some("x.db"));
    }
}
