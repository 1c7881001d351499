use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::PlanFileError;
use super::format::{End, FORMAT, Header, Held, Line, Members, keys};
use crate::clock::timestamp;
use crate::directory::{ConnectorId, MembershipChange, Reader};
use crate::http::Provenance;
use crate::json_lines::LineSink;
use crate::run::error::RunError;
use crate::run::plan::Plan;
use crate::run::report::RunReport;
use crate::whole_file::{self, Place};

/// Where a plan is kept, and what it was made by.
#[derive(Debug, Clone)]
pub struct PlanOut {
    pub path: PathBuf,
    /// A file that is there already is refused, unless it is to be overwritten.
    pub overwrite: bool,
    pub from: Provenance,
    /// See [`Policy::digest`](crate::run::Policy::digest).
    pub policy: String,
}

impl PlanOut {
    /// Refuses to overwrite, before anything is read of a provider.
    pub fn check(&self) -> Result<(), PlanFileError> {
        match !self.overwrite && self.path.exists() {
            true => Err(PlanFileError::Exists { path: self.path.clone() }),
            false => Ok(()),
        }
    }
}

/// Writes the plan, all of it or no file, for its owner only.
pub fn keep(out: &PlanOut, plan: &mut Plan, reader: &dyn Reader, report: &RunReport) -> Result<(), RunError> {
    let place = if out.overwrite { Place::Any(None) } else { Place::NewPrivate };
    let written = whole_file::write_with(&out.path, place, |file| {
        let mut lines = Writing::new(&out.path, file.try_clone()?);
        write(&mut lines, out, plan, reader, report)?;
        Ok::<_, Failed>(lines.end()?)
    });
    written.map_err(|failed| match failed {
        Failed::Run(error) => error,
        Failed::File(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            PlanFileError::Exists { path: out.path.clone() }.into()
        }
        Failed::File(source) => {
            PlanFileError::File { path: out.path.clone(), action: "written", source }.into()
        }
    })
}

enum Failed {
    File(io::Error),
    Run(RunError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Failed::File(error)
    }
}

impl<E: Into<RunError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed::Run(error.into())
    }
}

fn write(
    lines: &mut Writing,
    out: &PlanOut,
    plan: &mut Plan,
    reader: &dyn Reader,
    report: &RunReport,
) -> Result<(), Failed> {
    lines.put(&Line::Plan(Box::new(Header {
        format: FORMAT,
        rollcall: env!("CARGO_PKG_VERSION").to_owned(),
        made: timestamp(),
        directory: reader.identity()?,
        after: reader.last_reading(plan.connector)?.map(|run| run.0),
        from: out.from.clone(),
        policy: out.policy.clone(),
        report: report.clone(),
    })))?;
    let mut failed = None;
    plan.each_change(|change| {
        if failed.is_none() {
            failed = lines.put(&Line::Change(change.clone())).err();
        }
    })?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    let names: BTreeMap<ConnectorId, String> = reader.connectors()?.into_iter().collect();
    let members = |change: &MembershipChange| Members {
        group: change.group.0,
        connector: names.get(&change.connector).cloned().unwrap_or_default(),
        added: keys(&change.added),
        removed: keys(&change.removed),
    };
    for planned in &plan.memberships {
        lines.put(&Line::Members(members(&planned.change())))?;
    }
    for (reason, change) in &plan.held.changes {
        lines.put(&Line::HeldChange(Held { reason: reason.clone(), change: change.clone() }))?;
    }
    for (reason, change) in &plan.held.members {
        lines.put(&Line::HeldMembers(Held { reason: reason.clone(), change: members(change) }))?;
    }
    Ok(())
}

struct Writing {
    sink: LineSink,
    hasher: blake3::Hasher,
    lines: u64,
}

impl Writing {
    fn new(path: &Path, file: File) -> Self {
        Self { sink: LineSink::new(path, file), hasher: blake3::Hasher::new(), lines: 0 }
    }

    fn put(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.hasher.update(&text);
        self.lines += 1;
        self.sink.write_all(&text)
    }

    fn end(mut self) -> io::Result<()> {
        let blake3 = self.hasher.finalize().to_hex().to_string();
        self.put(&Line::End(End { lines: self.lines, blake3 }))?;
        self.sink.finish().map(drop)
    }
}
