use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rollcall::directory::RunRow;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};

/// Tables that are another in every database, or tell of runs that applied nothing.
const UNCOMPARED: [&str; 3] = ["run", "connector", "identity"];

/// Everything that a database holds, row by row: mirror, directory, changes, checkpoints, counters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// Rows of each table that has any. Runs go by how many were applied before them, so that a run that applied
    /// nothing leaves no trace here.
    tables: BTreeMap<String, Vec<String>>,
    /// Outcomes of all runs, the oldest first. Not compared.
    pub outcomes: Outcomes,
}

/// Equal to any other.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(pub Vec<String>);

impl PartialEq for Outcomes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl State {
    /// Reads a copy, so that whoever opens the database next finds what the crash left.
    pub fn read(folder: &Path) -> Self {
        if !folder.join("rollcall.db").exists() {
            return Self::default();
        }
        let copy = tempfile::tempdir().unwrap();
        for name in ["rollcall.db", "rollcall.db-wal", "rollcall.db-journal"] {
            if folder.join(name).exists() {
                fs::copy(folder.join(name), copy.path().join(name)).unwrap();
            }
        }
        let database = Connection::open(copy.path().join("rollcall.db")).unwrap();
        let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok", "the database is whole");
        let tables: Vec<String> = rows(
            &database,
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
            |row| row.get(0).unwrap(),
        );
        if tables.is_empty() {
            return Self::default();
        }
        let runs: Vec<(i64, String)> = rows(&database, "SELECT id, outcome FROM run ORDER BY id", |row| {
            (row.get(0).unwrap(), row.get(1).unwrap())
        });
        let applied: Vec<i64> = runs
            .iter()
            .filter(|(_, outcome)| ["done", "problems", "held"].contains(&outcome.as_str()))
            .map(|(id, _)| *id)
            .collect();
        let mut state = Self::default();
        for table in tables.iter().filter(|table| !UNCOMPARED.contains(&table.as_str())) {
            // Where the next sync of changes begins, and since when there is a pause, are times: others in every run.
            let columns = match table.as_str() {
                "checkpoint" => "connector, name",
                "pause" => "connector, run",
                _ => "*",
            };
            let rows = rows(&database, &format!("SELECT {columns} FROM {table}"), |row| told(row, &applied));
            // A database that was just made counts from one.
            let fresh = table == "counter" && rows.iter().all(|row| row.ends_with("next=Integer(1) "));
            if !rows.is_empty() && !fresh {
                state.tables.insert(table.clone(), rows);
            }
        }
        state.outcomes = Outcomes(runs.into_iter().map(|(_, outcome)| outcome).collect());
        state
    }

    /// Whether the last run had no time to say how it ended.
    pub fn last_is_unfinished(&self) -> bool {
        self.outcomes.0.last().is_some_and(|outcome| outcome == RunRow::RUNNING)
    }

    /// The first difference, for people.
    pub fn differs_from(&self, other: &Self) -> String {
        let names = self.tables.keys().chain(other.tables.keys());
        for name in names {
            let (mine, theirs) = (self.tables.get(name), other.tables.get(name));
            if mine != theirs {
                let (mine, theirs) = (mine.cloned().unwrap_or_default(), theirs.cloned().unwrap_or_default());
                let at = mine.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
                return format!(
                    "{name}: {} rows and {}; row {at} is {:?} and {:?}",
                    mine.len(),
                    theirs.len(),
                    mine.get(at),
                    theirs.get(at)
                );
            }
        }
        "nothing".to_owned()
    }
}

fn rows<T>(database: &Connection, sql: &str, read: impl Fn(&Row<'_>) -> T) -> Vec<T> {
    let mut statement = database.prepare(sql).unwrap();
    statement.query_map([], |row| Ok(read(row))).unwrap().map(Result::unwrap).collect()
}

fn told(row: &Row<'_>, applied: &[i64]) -> String {
    let statement = row.as_ref();
    let mut text = String::new();
    for column in 0..statement.column_count() {
        let name = statement.column_name(column).unwrap();
        let value: Value = row.get(column).unwrap();
        text += &match (name, &value) {
            ("run" | "absent_since", Value::Integer(run)) => {
                let nth = applied.iter().position(|applied| applied == run);
                format!("{name}={} ", nth.unwrap_or_else(|| panic!("run {run} was not applied")))
            }
            _ => format!("{name}={value:?} "),
        };
    }
    text
}
