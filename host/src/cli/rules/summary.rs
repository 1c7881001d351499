//! How what the rules make of everybody looks.

use super::text::fill;
use crate::cli::human::count;
use crate::run::{RuleTally, Summary, Tally};

/// How many reasons, or groups, of one rule are shown; `--json` has all.
const SHOWN: usize = 20;

pub(super) fn lines(summary: &Summary, width: usize, lines: &mut Vec<String>) {
    let ends = [
        ("come into the directory", &summary.kept),
        ("out of scope", &summary.dropped),
        ("stay as they are, and are reported", &summary.skipped),
    ];
    lines.push(format!("\nPeople ({}):", count(ends.iter().map(|(_, tally)| tally.people).sum())));
    for (what, tally) in ends.into_iter().filter(|(_, tally)| tally.people > 0) {
        lines.push(fill(&format!("  {}", told(what, tally)), 4, width));
    }
    let mut under = "";
    for (at, rule) in summary.rules.iter().enumerate() {
        if rule.transform != under {
            under = &rule.transform;
            lines.push(format!("\n{under}:"));
        }
        let mut name = format!("  {:>2}  {}", at + 1, rule.rule.as_deref().unwrap_or("all that it does"));
        let acts = acts(rule);
        if acts.is_empty() {
            name.push_str(": nobody");
        }
        lines.push(fill(&name, 6, width));
        lines.extend(acts.iter().map(|act| fill(&format!("      {act}"), 8, width)));
    }
}

fn acts(rule: &RuleTally) -> Vec<String> {
    let mut acts = Vec::new();
    if rule.changed.people > 0 {
        acts.push(told("changed", &rule.changed));
    }
    let kinds = [
        ("out of scope,", &rule.dropped),
        ("skipped,", &rule.skipped),
        ("into the group", &rule.given),
        ("out of the group", &rule.taken),
    ];
    for (what, tallies) in kinds {
        acts.extend(tallies.iter().take(SHOWN).map(|(name, tally)| told(&format!("{what} {name}"), tally)));
        if let Some(more) = tallies.len().checked_sub(SHOWN + 1) {
            acts.push(format!("{what} … ({} more, which --json shows)", count(more as u64 + 1)));
        }
    }
    acts
}

/// `changed (12): ann, bob, … and 2 more`.
fn told(what: &str, tally: &Tally) -> String {
    let mut text = format!("{what} ({}): {}", count(tally.people), tally.first.join(", "));
    let more = tally.people - tally.first.len() as u64;
    if more > 0 {
        text.push_str(&format!(" and {} more", count(more)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(people: u64, first: &[&str]) -> Tally {
        Tally { people, first: first.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn a_summary_reads_well_at_80_columns() {
        let rule = |name: &str| RuleTally {
            transform: "rules 0.1.0".into(),
            rule: Some(name.into()),
            ..RuleTally::default()
        };
        let names: Vec<String> = (0..10).map(|at| format!("person{at}@acme.example")).collect();
        let many = Tally { people: 1_234, first: names };
        let robots = RuleTally {
            dropped: [("a robot".to_owned(), tally(2, &["bot1", "bot2"]))].into(),
            ..rule("no robots")
        };
        let staff = RuleTally {
            changed: many.clone(),
            given: (0..22).map(|at| (format!("Staff {at:02}"), tally(1, &["ann"]))).collect(),
            taken: [("Guests".to_owned(), tally(1, &["ann"]))].into(),
            ..rule("staff")
        };
        let summary = Summary {
            kept: many,
            dropped: tally(2, &["bot1", "bot2"]),
            skipped: Tally::default(),
            rules: vec![robots, staff, rule("engineers")],
        };
        let mut text = Vec::new();
        lines(&summary, 80, &mut text);
        insta::assert_snapshot!(text.join("\n"));
    }
}
