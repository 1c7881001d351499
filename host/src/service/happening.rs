use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::event::EventKind;
use crate::run::{Extent, Outcome, Pruned, RunReport};

/// What the service says of itself: one line of a log each, or one JSON object.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "happening", rename_all = "kebab-case")]
pub enum Happening {
    Serving {
        process: u32,
        connectors: Vec<String>,
    },
    /// A connector's next run.
    Planned {
        connector: String,
        begins: Option<Timestamp>,
        /// What it is to read.
        reads: Option<Extent>,
    },
    Begins {
        connector: String,
        reads: Extent,
        due: Timestamp,
        late: bool,
    },
    Ended {
        report: Box<RunReport>,
    },
    Skipped {
        connector: String,
        reads: Extent,
        due: Timestamp,
        reason: String,
    },
    /// Changed files are in force.
    Reloaded {
        connectors: Vec<String>,
    },
    /// Changed files can't be used: what was in force stays.
    Refused {
        reason: String,
    },
    /// They are as before, or can be used again.
    Mended,
    Told {
        connector: String,
        kind: EventKind,
        channel: &'static str,
    },
    NotTold {
        connector: String,
        channel: &'static str,
        reason: String,
    },
    /// Old runs are out of the history.
    Pruned {
        #[serde(flatten)]
        pruned: Pruned,
    },
    NotPruned {
        reason: String,
    },
    Stopping {
        running: usize,
    },
    Stopped,
}

impl Happening {
    /// What somebody should look at.
    pub fn is_trouble(&self) -> bool {
        match self {
            Happening::Ended { report } => !matches!(report.outcome, Outcome::Done | Outcome::Cancelled),
            Happening::Refused { .. } | Happening::NotTold { .. } | Happening::NotPruned { .. } => true,
            _ => false,
        }
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Serving { process, connectors } => {
                write!(f, "serving {} (process {process})", these(connectors))
            }
            Happening::Planned { connector, begins: Some(begins), reads } => {
                write!(f, "{connector}: the next run begins at {begins}")?;
                match reads {
                    Some(Extent::Changes) => f.write_str(", an increment"),
                    _ => Ok(()),
                }
            }
            Happening::Planned { connector, begins: None, .. } => {
                write!(f, "{connector}: no run is planned")
            }
            Happening::Begins { connector, reads, due, late: false } => {
                write!(f, "{connector}: {} begins (due at {due})", a_run(*reads))
            }
            Happening::Begins { connector, reads, due, late: true } => {
                let run = a_run(*reads);
                write!(f, "{connector}: {run} begins that makes up for what was missed since {due}")
            }
            Happening::Ended { report } => ended(report, f),
            Happening::Skipped { connector, reads, due, reason } => {
                let run = match reads {
                    Extent::Full | Extent::User => "run",
                    Extent::Changes => "increment",
                };
                write!(f, "{connector}: no {run} begins at {due}: {reason}")
            }
            Happening::Reloaded { connectors } => {
                write!(f, "the changed configuration is in force: serving {}", these(connectors))
            }
            Happening::Refused { reason } => {
                write!(f, "the change is refused, and what was in force stays: {}", one_line(reason))
            }
            Happening::Mended => f.write_str("the configuration is valid again"),
            Happening::Told { connector, kind, channel } => {
                write!(f, "{connector}: the {channel} was told: {}", kind.as_str())
            }
            Happening::NotTold { connector, channel, reason } => {
                write!(f, "{connector}: the {channel} could not be told: {}", one_line(reason))
            }
            Happening::Pruned { pruned } => {
                write!(f, "pruned old runs: {}, with changes: {}", pruned.runs(), pruned.changes())
            }
            Happening::NotPruned { reason } => {
                write!(f, "old runs could not be pruned: {}", one_line(reason))
            }
            Happening::Stopping { running: 0 } => f.write_str("stopping"),
            Happening::Stopping { running } => {
                write!(f, "stopping when the runs at work have ended: {running}")
            }
            Happening::Stopped => f.write_str("stopped"),
        }
    }
}

fn a_run(reads: Extent) -> &'static str {
    match reads {
        Extent::Full | Extent::User => "a run",
        Extent::Changes => "an increment",
    }
}

fn these(connectors: &[String]) -> String {
    match connectors.is_empty() {
        true => "no connector: none has a schedule".to_owned(),
        false => connectors.join(", "),
    }
}

/// All that a person wants to know at first sight; `rollcall run` has the rest.
fn ended(report: &RunReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}: {}", report.connector, report.outcome.as_str())?;
    let seconds = report.milliseconds.total as f64 / 1000.0;
    match report.run {
        Some(run) if report.read_everything() => write!(f, " (run {run}, {seconds:.1} s)")?,
        Some(run) => write!(f, " (run {run}, an increment, {seconds:.1} s)")?,
        None => f.write_str(" before it began")?,
    }
    if let Some(error) = &report.error {
        write!(f, ": {}", one_line(&error.message))?;
        for cause in &error.causes {
            write!(f, ": {}", one_line(cause))?;
        }
        return match &error.hint {
            Some(hint) if report.outcome != Outcome::Cancelled => write!(f, " (hint: {})", one_line(hint)),
            _ => Ok(()),
        };
    }
    let (users, groups, members) = (&report.users, &report.groups, &report.memberships);
    let mut parts = Vec::new();
    for (number, what) in [
        (users.created + groups.created, "created"),
        (users.updated + groups.updated, "updated"),
        (users.renamed + groups.renamed, "renamed"),
        (users.disabled + groups.disabled, "disabled"),
        (users.enabled + groups.enabled, "enabled"),
        (users.removed + groups.removed, "removed"),
        (members.created, "memberships added"),
        (members.removed, "memberships removed"),
        (users.absent + groups.absent, "no longer returned"),
        (report.problems.len() as u64 + report.further_problems, "problems"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    match parts.is_empty() {
        true => f.write_str(": nothing changed")?,
        false => write!(f, ": {}", parts.join(", "))?,
    }
    match &report.everything_because {
        Some(reason) => write!(f, "; everything was read: {reason}"),
        None => Ok(()),
    }
}

/// Without the excerpts of a file, which need lines of their own.
fn one_line(text: &str) -> String {
    let excerpt =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !excerpt(line));
    lines.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_log_is_one_line() {
        let reason = "rollcall.toml:5:15: hour: `25` is not from 0 to 23\n  |\n5 | schedule = \"0 25 * * *\"\n  |     ^^\nhint: such as `3`";
        let refused = Happening::Refused { reason: reason.to_owned() }.to_string();
        assert_eq!(
            refused,
            "the change is refused, and what was in force stays: rollcall.toml:5:15: hour: `25` is not from 0 to 23; hint: such as `3`"
        );
    }
}
