//! What was told of standing problems.

use rusqlite::{Connection, OptionalExtension, params};

use crate::directory::Told;

pub(super) fn get(connection: &Connection, of: &Told) -> rusqlite::Result<Option<String>> {
    connection
        .query_row(
            "SELECT cause FROM told WHERE connector = ?1 AND aspect = ?2 AND channel = ?3",
            params![of.connector, of.aspect, of.channel],
            |row| row.get(0),
        )
        .optional()
}

pub(super) fn set(connection: &Connection, of: &Told, cause: &str, at: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO told VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT DO UPDATE SET cause = excluded.cause, at = excluded.at";
    connection.execute(sql, params![of.connector, of.aspect, of.channel, cause, at]).map(drop)
}

pub(super) fn forget(connection: &Connection, of: &Told) -> rusqlite::Result<()> {
    let sql = "DELETE FROM told WHERE connector = ?1 AND aspect = ?2 AND channel = ?3";
    connection.execute(sql, params![of.connector, of.aspect, of.channel]).map(drop)
}
