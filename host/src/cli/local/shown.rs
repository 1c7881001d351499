//! How a local run looks.

use serde::Serialize;

use crate::cli::human::plural;
use crate::cli::plan::{ShownChange, ShownMembers};
use crate::cli::show;
use crate::run::RunReport;
use crate::run::local::{Adoption, LocalPlan};

/// As `--json` prints it: like a plan.
#[derive(Debug, Serialize)]
pub(super) struct Shown<'a> {
    report: &'a RunReport,
    changes: Vec<ShownChange>,
    memberships: Vec<ShownMembers>,
    /// What each connector would find; only of a dry run.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    adoption: &'a [Adoption],
}

pub(super) fn json<'a>(plan: &'a LocalPlan, adoption: &'a [Adoption]) -> Shown<'a> {
    Shown {
        report: &plan.report,
        changes: plan.changes.iter().map(ShownChange::from).collect(),
        memberships: memberships(plan),
        adoption,
    }
}

pub(super) fn memberships(plan: &LocalPlan) -> Vec<ShownMembers> {
    let shown = plan.named_members.iter().map(|members| ShownMembers {
        group: members.group.clone(),
        local: true,
        added: members.added.clone(),
        removed: members.removed.clone(),
        held: None,
        state: None,
    });
    shown.collect()
}

/// A single edit: its changes, without a table.
pub(super) fn edit(plan: &LocalPlan) -> String {
    format!("{}{}", show::brief(&plan.report), changes(plan))
}

/// An import, or what it would do.
pub(super) fn import(plan: &LocalPlan, adoption: &[Adoption]) -> String {
    let mut text = format!("{}{}", show::report(&plan.report), changes(plan));
    if !plan.report.problems.is_empty() {
        text.push_str("\n\nThe import would be refused: the names of these lines belong to connectors.");
    }
    adoption.iter().for_each(|one| text.push_str(&of_connector(one)));
    text
}

fn changes(plan: &LocalPlan) -> String {
    let members: Vec<String> = memberships(plan).iter().map(ShownMembers::line).collect();
    let number = (plan.changes.len() + members.len()) as u64;
    if number == 0 {
        return String::new();
    }
    let lines = plan.changes.iter().map(show::change).chain(members);
    format!("\n\n{}:{}", plural(number, "change", "changes"), show::listed(lines, number))
}

fn of_connector(adoption: &Adoption) -> String {
    let Adoption { connector, known, matches, ambiguous, local } = adoption;
    let mut text =
        format!("\n\nIf {connector} took over, by its {} as last read:", plural(*known, "person", "people"));
    if *known == 0 {
        return format!(
            "\n\nIf {connector} took over: nothing can be said, because it has read nobody here yet. \
             `rollcall --database trial.db sync {connector}` reads into a trial database, in which a dry run can tell."
        );
    }
    let part = |text: &mut String, number: usize, what: [&str; 2], lines: Vec<String>| {
        if number > 0 {
            text.push_str(&format!("\n{}:", plural(number as u64, what[0], what[1])));
            text.push_str(&show::listed(lines.into_iter(), number as u64));
        }
    };
    let lines =
        matches.iter().map(|one| format!("{} is {} ({}), by {}", one.user_name, one.person, one.id, one.by));
    part(&mut text, matches.len(), ["user would be adopted", "users would be adopted"], lines.collect());
    let lines = ambiguous.iter().map(|one| format!("{}: {}", one.user_name, one.people.join(", ")));
    part(
        &mut text,
        ambiguous.len(),
        [
            "user matches no single person, and would stay local",
            "users match no single person, and would stay local",
        ],
        lines.collect(),
    );
    part(&mut text, local.len(), ["user would stay local", "users would stay local"], local.clone());
    text
}
