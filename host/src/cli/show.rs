//! How a run's report and its changes look.

use std::time::Duration;

use serde_json::Value;

use super::exit::Exit;
use super::human::{count, duration, plural};
use super::output::width;
use super::table::Table;
use crate::directory::{Change, ChangeKind, LOCAL};
use crate::run::{
    Counts, HeldReport, Leaving, LeftOut, Outcome, ReferenceCounts, ReportedProblem, RunReport,
    UnresolvedReference,
};

/// Problems, absent entries and changes listed on a terminal before the rest is only counted; `--json` has all.
const LISTED: usize = 20;

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Exit::Done,
            Outcome::Problems => Exit::Problems,
            Outcome::Held => Exit::Held,
            Outcome::Failed | Outcome::Cancelled => Exit::Failed,
        }
    }
}

/// The report of a run, or of what a run would do.
pub(super) fn report(report: &RunReport) -> String {
    let mut text = headline(report);
    if report.error.is_some() {
        return text;
    }
    text.push_str("\n\n");
    text.push_str(&table(report));
    if report.mode != LOCAL && report.undid.is_none() {
        text.push_str(&format!("\n\n{}", requests(report)));
    }
    if report.users.dropped + report.groups.dropped > 0 {
        let users = plural(report.users.dropped, "user", "users");
        let groups = plural(report.groups.dropped, "group", "groups");
        // Runs of earlier versions have counts only.
        if report.left_out.is_empty() {
            text.push_str(&format!("\n{users} and {groups} are left out."));
        } else {
            text.push_str(&format!("\n\n{users} and {groups} are left out:"));
            let number = report.users.dropped + report.groups.dropped;
            text.push_str(&listed(report.left_out.iter().map(left_out), number));
        }
    }
    if report.memberships.ignored > 0 {
        let ignored = plural(report.memberships.ignored, "membership names", "memberships name");
        text.push_str(&format!("\n{ignored} a user whom nobody read: ignored."));
    }
    if let Some(held) = &report.held {
        text.push_str(&held_back(held, report));
    }
    for sentence in &report.overridden {
        text.push_str(&format!("\n\nLimits did not count: {sentence}."));
    }
    if !report.approved.is_empty() {
        text.push_str("\n\nApproved beforehand:");
        text.push_str(&listed(report.approved.iter().cloned(), report.approved.len() as u64));
    }
    if !report.protected.is_empty() {
        let number = report.protected.len() as u64;
        text.push_str(&format!("\n\n{} protected:", plural(number, "entry is", "entries are")));
        text.push_str(&listed(report.protected.iter().cloned(), number));
    }
    if !report.absent.is_empty() {
        let number = report.users.absent + report.groups.absent;
        text.push_str(&format!(
            "\n\n{} no longer returned by the provider:",
            plural(number, "entry is", "entries are")
        ));
        let names = report.absent.iter().map(|entry| format!("{} {} ({})", entry.kind, entry.name, entry.id));
        text.push_str(&listed(names, number));
    }
    if !report.leaving.is_empty() {
        let number = report.leaving.len() as u64 + report.further_leaving;
        text.push_str(&format!("\n\n{} as before for now:", plural(number, "entry stays", "entries stay")));
        text.push_str(&listed(report.leaving.iter().map(leaving), number));
    }
    report.references.iter().filter(|one| one.unresolved > 0).for_each(|one| text.push_str(&references(one)));
    if !report.notices.is_empty() {
        let number = report.notices.len() as u64;
        text.push_str(&format!("\n\n{}:", plural(number, "notice", "notices")));
        text.push_str(&listed(report.notices.iter().map(problem), number));
    }
    if !report.problems.is_empty() {
        let number = report.problems.len() as u64 + report.further_problems;
        text.push_str(&format!("\n\n{}; each stayed as it was:", plural(number, "problem", "problems")));
        text.push_str(&listed(report.problems.iter().map(problem), number));
    }
    text
}

/// The report of a run that somebody sees the whole of anyway.
pub(super) fn brief(report: &RunReport) -> String {
    let lines = std::iter::once(headline(report)).chain(report.notices.iter().map(problem));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is held, why, and how to let it through.
fn held_back(held: &HeldReport, report: &RunReport) -> String {
    let mut parts = Vec::new();
    if held.changes > 0 {
        parts.push(plural(held.changes, "change", "changes"));
    }
    if held.memberships > 0 {
        parts.push(plural(held.memberships, "membership", "memberships"));
    }
    let what =
        if parts.is_empty() { "nothing, but somebody has to look".to_owned() } else { parts.join(" and ") };
    let mut text = format!("\n\nHeld: {what}.");
    held.reasons.iter().for_each(|reason| text.push_str(&format!("\n  {reason}")));
    if !held.objects.is_empty() {
        let lines = held.objects.iter().map(|entry| match entry.members {
            Some(members) => format!("{} {} ({})", entry.change, entry.name, count(members)),
            None => format!("{} {} {}", entry.change, entry.kind, entry.name),
        });
        text.push_str(&listed(lines, held.objects.len() as u64));
    }
    match report.run {
        _ if parts.is_empty() => text.push_str("\n`--override-limits` lets one sync pass"),
        Some(run) => {
            text.push_str(&format!("\n`rollcall approve {run}` applies it, `rollcall reject {run}` drops it"))
        }
        None => {}
    }
    if held.paused {
        let connector = &report.connector;
        let approval =
            if report.run.is_some() { "; an approval of all of it ends the pause too" } else { "" };
        text.push_str(&format!("\n`rollcall resume {connector}` ends the pause{approval}"));
    }
    text
}

fn headline(report: &RunReport) -> String {
    let mut run = report.run.map(|run| format!("run {run}, ")).unwrap_or_default();
    if let Some(undid) = report.undid {
        run.push_str(&format!("undoes run {undid}, "));
    }
    if let Some(recorded) = report.replayed {
        run.push_str(&format!("as recorded {recorded}, "));
    }
    let took = duration(Duration::from_millis(report.milliseconds.total));
    let nothing = !report.changes_anything() && report.notices.is_empty();
    let outcome = match (report.outcome, report.run) {
        (Outcome::Done, _) if report.mode == LOCAL && nothing => "nothing had to be changed",
        (Outcome::Done | Outcome::Problems, None) if report.mode == LOCAL || report.undid.is_some() => {
            "this is what it would do now"
        }
        (Outcome::Done | Outcome::Problems, None) if !report.changes_anything() => "nothing to change",
        (Outcome::Done | Outcome::Problems, None) => "this is what a sync would do now",
        (Outcome::Done, _) => "done",
        (Outcome::Problems, _) => "done, with problems",
        (Outcome::Held, None) => "a sync would hold changes for a person",
        (Outcome::Held, _) if report.held.as_ref().is_some_and(|held| held.applied) => {
            "done, but for changes that are held for a person"
        }
        (Outcome::Held, _) => "held for a person, nothing was changed",
        (Outcome::Failed, _) => "failed, nothing was changed",
        (Outcome::Cancelled, _) => "stopped, nothing was changed",
    };
    format!("{}: {outcome} ({run}{took})", report.connector)
}

fn table(report: &RunReport) -> String {
    let (users, groups, m) = (&report.users, &report.groups, &report.memberships);
    // Two columns are there only where they say something.
    let anonymizes = users.anonymized + groups.anonymized > 0;
    let holds = users.held + groups.held + m.held > 0;
    let entries = |c: &Counts| {
        let usual = [c.seen, c.created, c.updated, c.renamed, c.disabled, c.enabled, c.removed];
        let numbers = usual.into_iter().chain(anonymizes.then_some(c.anonymized));
        numbers.chain([c.unchanged]).chain(holds.then_some(c.held)).map(Some).collect::<Vec<_>>()
    };
    let usual = [Some(m.seen), Some(m.created), None, None, None, None, Some(m.removed)];
    let memberships = usual.into_iter().chain(anonymizes.then_some(None));
    let memberships = memberships.chain([Some(m.unchanged)]).chain(holds.then_some(Some(m.held)));

    let heads = ["", "seen", "created", "updated", "renamed", "disabled", "enabled", "removed"];
    let heads = heads.into_iter().chain(anonymizes.then_some("anonymized"));
    let heads: Vec<String> =
        heads.chain(["unchanged"]).chain(holds.then_some("held")).map(str::to_owned).collect();
    let columns = heads.len();
    let mut table = Table::of(heads);
    for column in 1..columns {
        table = table.right(column);
    }
    let rows =
        [("users", entries(users)), ("groups", entries(groups)), ("memberships", memberships.collect())];
    for (name, numbers) in rows {
        let cells = numbers.into_iter().map(|number| number.map_or_else(|| "-".to_owned(), count));
        table.push(std::iter::once(name.to_owned()).chain(cells).collect());
    }
    table.render(None)
}

fn requests(report: &RunReport) -> String {
    let mut text = plural(report.requests.sent, "request", "requests");
    if report.requests.retried > 0 {
        text.push_str(&format!(", {} of them repeated", count(report.requests.retried)));
    }
    if report.requests.resumed > 0 {
        let pages = plural(report.requests.resumed, "page", "pages");
        text.push_str(&format!(", {pages} taken over from an interrupted run"));
    }
    if report.requests.groups_unchanged > 0 {
        let groups = plural(report.requests.groups_unchanged, "group", "groups");
        text.push_str(&format!(", members of {groups} unchanged and not asked for"));
    }
    if report.milliseconds.waited > 0 {
        let waited = duration(Duration::from_millis(report.milliseconds.waited));
        text.push_str(&format!(", {waited} waited for the provider"));
    }
    text.push('.');
    if let Some(reason) = &report.everything_because {
        text.push_str(&format!("\nEverything was read: {reason}."));
    }
    if let Some(reason) = &report.changes_because {
        text.push_str(&format!("\nOnly what changed was read: {reason}."));
    }
    text
}

fn leaving(leaving: &Leaving) -> String {
    let Leaving { kind, id, name, reason, stays } = leaving;
    format!("{kind} {name} ({id}), {reason}: {stays}")
}

fn left_out(LeftOut { kind, name, id, reason }: &LeftOut) -> String {
    format!("{kind} {name} ({id}): {reason}")
}

/// The references that lead nowhere, and what an admin can do when none of them leads anywhere.
fn references(counts: &ReferenceCounts) -> String {
    let ReferenceCounts { name, key, found, unresolved, listed: some } = counts;
    let number = plural(*unresolved, "person is", "people are");
    let mut text = format!("\n\n{number} without `{name}`, because nobody in the directory is meant:");
    let names = some.iter().map(|one| {
        let UnresolvedReference { user, id, value, why } = one;
        let why = match why.as_str() {
            "several" => format!("several people have it as `{key}`"),
            "left-out" => "rules keep that person out".to_owned(),
            _ => format!("nobody has it as `{key}`"),
        };
        format!("user {user} ({id}): {value:?}: {why}")
    });
    text.push_str(&listed(names, *unresolved));
    if *found == 0 {
        text.push_str(&format!(
            "\n  hint: none was found; say in `references.{name}` of the connector what it holds, such as \"userName\", or \
             false"
        ));
    }
    text
}

fn problem(problem: &ReportedProblem) -> String {
    let mut text = problem.line();
    if let Some(hint) = &problem.hint {
        text.push_str(&format!("\n  hint: {hint}"));
    }
    text
}

/// One line each, up to a number of them; on a terminal broken between words, whole otherwise.
pub(super) fn listed(lines: impl Iterator<Item = String>, number: u64) -> String {
    listed_within(width(), lines, number)
}

fn listed_within(width: Option<u16>, lines: impl Iterator<Item = String>, number: u64) -> String {
    let mut text = String::new();
    for item in lines.take(LISTED) {
        let item: String = item.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        for line in item.split('\n') {
            let indent = format!("  {}", &line[..line.len() - line.trim_start().len()]);
            let line = match width {
                Some(width) => {
                    let further = format!("{indent}    ");
                    let options = textwrap::Options::new(width.into())
                        .initial_indent(&indent)
                        .subsequent_indent(&further)
                        // What is copied from the screen, such as an id, stays whole.
                        .word_splitter(textwrap::WordSplitter::NoHyphenation)
                        .break_words(false);
                    textwrap::fill(line.trim_start(), options)
                }
                None => format!("  {line}"),
            };
            text.push_str(&format!("\n{line}"));
        }
    }
    if number > LISTED as u64 {
        text.push_str(&format!("\n  … and {} more (--json lists all)", count(number - LISTED as u64)));
    }
    text
}

/// `~ user ann: department "Sales" → "Support"`.
pub(super) fn change(change: &Change) -> String {
    let mark = match change.kind {
        ChangeKind::Create => '+',
        ChangeKind::Disable | ChangeKind::Delete | ChangeKind::Anonymize => '-',
        ChangeKind::Update | ChangeKind::Rename | ChangeKind::Enable => '~',
    };
    let what = format!("{mark} {} {} {}", change.kind, change.entry.as_str(), change.name);
    let fields = |text: &Option<String>| -> Vec<(String, Value)> {
        let parsed = text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let mut fields = Vec::new();
        if let Some(Value::Object(object)) = parsed {
            for (name, value) in object {
                match value {
                    Value::Object(inner) if name == "attributes" => fields.extend(inner),
                    value => fields.push((name, value)),
                }
            }
        }
        fields
    };
    let (before, after) = (fields(&change.before), fields(&Some(change.after.clone())));
    let told = match change.kind {
        ChangeKind::Create | ChangeKind::Disable | ChangeKind::Enable | ChangeKind::Delete => what,
        ChangeKind::Anonymize | ChangeKind::Update | ChangeKind::Rename => {
            let mut names: Vec<&String> = before.iter().chain(&after).map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            let value = |fields: &[(String, Value)], name: &str| {
                let found = fields.iter().find(|(known, _)| known == name);
                found.map_or_else(|| "nothing".to_owned(), |(_, value)| short(&value.to_string()))
            };
            let told: Vec<String> = names
                .iter()
                .map(|name| format!("{name} {} → {}", value(&before, name), value(&after, name)))
                .collect();
            format!("{what}: {}", told.join(", "))
        }
    };
    match &change.reason {
        Some(reason) => format!("{told} ({reason})"),
        None => told,
    }
}

/// A value that may be a kilobyte long, for one line.
fn short(text: &str) -> String {
    const LENGTH: usize = 60;
    if text.chars().count() <= LENGTH {
        return text.to_owned();
    }
    text.chars().take(LENGTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::EntryKind;

    #[test]
    fn a_terminal_breaks_between_words_and_a_file_nowhere() {
        let item = "group Engineering (00g2VZTwdYUwICpQ3k5d): belongs to another\n  hint: rename one of them";
        let lines = |width| listed_within(width, std::iter::once(item.to_owned()), 1);
        assert_eq!(lines(None), format!("\n  {}", item.replace('\n', "\n  ")));
        assert_eq!(
            lines(Some(44)),
            "\n  group Engineering (00g2VZTwdYUwICpQ3k5d):\n      belongs to another\n    hint: rename one of them"
        );
    }

    #[test]
    fn an_update_names_fields_and_both_values() {
        let update = Change {
            kind: ChangeKind::Update,
            entry: EntryKind::User,
            key: 1,
            name: "ann".into(),
            before: Some(r#"{"attributes":{"profile.department":"Sales"},"email":"a@b.c"}"#.into()),
            after: r#"{"attributes":{"profile.department":"Support","profile.title":"Dr"}}"#.into(),
            reason: None,
        };
        assert_eq!(
            change(&update),
            r#"~ update user ann: email "a@b.c" → nothing, profile.department "Sales" → "Support", profile.title nothing → "Dr""#
        );
    }

    #[test]
    fn the_table_has_columns_for_what_happens_rarely_only_where_it_happened() {
        let mut run = RunReport::new("acme", "full");
        assert!(!table(&run).contains("ANONYMIZED") && !table(&run).contains("HELD"));
        (run.users.anonymized, run.users.unchanged) = (7, 3);
        let shown = table(&run);
        let users: Vec<&str> = shown.lines().nth(1).unwrap().split_whitespace().collect();
        let heads: Vec<&str> = shown.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(heads[7..], ["ANONYMIZED", "UNCHANGED"]);
        assert_eq!(users[8..], ["7", "3"], "{shown}");
    }

    #[test]
    fn who_is_kept_out_is_said() {
        let mut run = RunReport::new("acme", "full");
        assert!(!report(&run).contains("left out"));
        run.users.dropped = 100;
        run.groups.dropped = 1;
        assert!(report(&run).contains("100 users and 1 group are left out."));
    }
}
