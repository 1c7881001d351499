//! How what the rules make of everybody looks.

use super::text::fill;
use crate::cli::human::{count, plural};
use crate::run::{RuleTally, Summary, Tally};

/// How many reasons or groups of one rule are shown; `--json` has all.
const SHOWN: usize = 20;

pub(super) fn lines(summary: &Summary, width: usize, lines: &mut Vec<String>) {
    let all = summary.kept.people + summary.dropped.people + summary.skipped.people;
    lines.push(format!("\nPeople ({}):", count(all)));
    let mut told = |label: &str, tally: &Tally| {
        if tally.people > 0 {
            lines.push(fill(&format!("  {}  {}: {label}", count(tally.people), named(tally)), 6, width));
        }
    };
    told("come into the directory", &summary.kept);
    told("out of scope", &summary.dropped);
    told("stay as they are, and are reported", &summary.skipped);
    let mut under = "";
    for (at, rule) in summary.rules.iter().enumerate() {
        if rule.transform != under {
            under = &rule.transform;
            lines.push(format!("\n{under}:"));
        }
        let name = rule.rule.as_deref().unwrap_or("all that it does");
        lines.push(fill(&format!("  {:>2}  {name}: {}", at + 1, in_short(rule)), 6, width));
        let mut told = |what: String, tally: &Tally| {
            lines.push(fill(&format!("      {what}: {}", counted(tally)), 8, width));
        };
        if rule.changed.people > 0 {
            told("changed".to_owned(), &rule.changed);
        }
        let kinds = [
            ("dropped, ", &rule.dropped),
            ("skipped, ", &rule.skipped),
            ("into the group ", &rule.given),
            ("out of the group ", &rule.taken),
        ];
        for (what, tallies) in kinds {
            for (name, tally) in tallies.iter().take(SHOWN) {
                told(format!("{what}{name}"), tally);
            }
        }
        let hidden: usize = kinds.iter().map(|(_, tallies)| tallies.len().saturating_sub(SHOWN)).sum();
        if hidden > 0 {
            lines.push(format!("      and {} more, which --json shows", count(hidden as u64)));
        }
    }
}
