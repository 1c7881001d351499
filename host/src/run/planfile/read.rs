use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::error::PlanFileError;
use super::format::{AnyHeader, FORMAT, Header, Held, Line, Members};
use crate::directory::Change;
use crate::json_lines::Lines;

/// A header is longer than this nowhere: what a report names is limited.
const LONGEST_HEADER: u64 = 1 << 24;

/// A plan that is whole and as it was made.
#[derive(Debug)]
pub struct PlanFile {
    pub(super) path: PathBuf,
    pub(super) header: Header,
    pub(super) changes: Vec<Change>,
    pub(super) members: Vec<Members>,
    pub(super) held_changes: Vec<Held<Change>>,
    pub(super) held_members: Vec<Held<Members>>,
    /// Tells it from any other.
    pub(super) checksum: String,
}

impl PlanFile {
    /// Reads all of it.
    pub fn open(path: &Path) -> Result<Self, PlanFileError> {
        let path = path.to_owned();
        let failed = PlanFileError::of(path.clone());
        let mut lines = Lines::open(&path).map_err(&failed)?;
        let foreign = || PlanFileError::Foreign { path: path.clone() };
        let first = lines.up_to(LONGEST_HEADER).map_err(&failed)?.ok_or_else(foreign)?;
        if first.starts_with(b"{\"plan\":") && !first.ends_with(b"\n") {
            return Err(PlanFileError::Torn { path });
        }
        let AnyHeader { plan: any } = serde_json::from_slice(first).map_err(|_| foreign())?;
        if any.format != FORMAT {
            return Err(PlanFileError::Newer {
                path,
                rollcall: any.rollcall,
                format: any.format,
                known: FORMAT,
            });
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(first);
        let Line::Plan(header) = lines.parse().map_err(&failed)? else { return Err(foreign()) };
        let mut plan = Self {
            path: path.clone(),
            header: *header,
            changes: Vec::new(),
            members: Vec::new(),
            held_changes: Vec::new(),
            held_members: Vec::new(),
            checksum: String::new(),
        };
        let mut number = 1;
        loop {
            match lines.next_line().map_err(&failed)? {
                Some(line) if line.ends_with(b"\n") => {
                    if !line.starts_with(b"{\"end\":") {
                        hasher.update(line);
                    }
                }
                _ => return Err(PlanFileError::Torn { path }),
            }
            match lines.parse().map_err(&failed)? {
                Line::Change(change) => plan.changes.push(change),
                Line::Members(members) => plan.members.push(members),
                Line::HeldChange(held) => plan.held_changes.push(held),
                Line::HeldMembers(held) => plan.held_members.push(held),
                Line::Plan(_) => return Err(PlanFileError::Changed { path }),
                Line::End(end) => {
                    let whole = end.lines == number && end.blake3 == hasher.finalize().to_hex().as_str();
                    if !whole || lines.next_line().map_err(&failed)?.is_some() {
                        return Err(PlanFileError::Changed { path });
                    }
                    plan.checksum = end.blake3;
                    return Ok(plan);
                }
            }
            number += 1;
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whose plan it is.
    pub fn connector(&self) -> &str {
        &self.header.from.connector
    }

    pub fn made(&self) -> Timestamp {
        self.header.made
    }

    /// The plan is one of a connector that the configuration does not have.
    pub fn unknown_connector(&self) -> PlanFileError {
        PlanFileError::Connector { path: self.path.clone(), connector: self.connector().to_owned() }
    }
}
