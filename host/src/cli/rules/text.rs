//! How a trial of rules looks.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::summary;
use crate::cli::entries::fields;
use crate::cli::human::plural;
use crate::run::{GroupOutcome, Trial, TrialChange, TrialOutcome, TrialStep};

/// What fits any terminal, where there is none to ask.
const WIDTH: usize = 80;

/// `about` is the person; without one, what becomes of groups is the result.
pub(super) fn of(trial: &Trial, about: Option<&str>, notes: &[String], width: Option<u16>) -> String {
    let width = width.map_or(WIDTH, usize::from);
    let mut lines = Vec::new();
    match (about, trial.transforms.len() as u64) {
        (Some(about), _) => lines.push(format!("{}: what the rules make of {about}", trial.connector)),
        (None, 0) => lines.push(format!("{}: there are no transforms", trial.connector)),
        (None, number) => {
            let number = plural(number, "transform", "transforms");
            let used = trial.transforms.join(", ");
            lines.push(format!("{}: the settings of {number} are fine ({used})", trial.connector));
        }
    }
    if !trial.groups.is_empty() {
        lines.push(format!("\nGroups ({}):", trial.groups.len()));
        let widest =
            trial.groups.iter().map(|group| group.name.width()).max().unwrap_or_default().min(width / 2);
        for group in &trial.groups {
            lines.push(fill(
                &format!("  {}  {}", padded(&group.name, widest), became(group, trial)),
                widest + 4,
                width,
            ));
        }
    }
    if let Some(people) = &trial.people {
        summary::lines(people, width, &mut lines);
    }
    let of_person = |step: &&TrialStep| step.of.starts_with("user ");
    let mut under = "";
    for (number, step) in trial.steps.iter().filter(of_person).enumerate() {
        if step.transform != under {
            under = &step.transform;
            lines.push(format!("\n{under}:"));
        }
        let what = step.rule.as_deref().unwrap_or("all that it does");
        let mut line = format!("  {:>2}  {what}: {}", number + 1, in_words(&step.result));
        if let Some(reason) = &step.reason {
            line.push_str(&format!(": {reason}"));
        }
        lines.push(fill(&line, 6, width));
        let widest = step.changes.iter().map(|change| change.what.width()).max().unwrap_or_default();
        for change in &step.changes {
            let line = format!("      {}  {}", padded(&change.what, widest), values(change));
            lines.push(fill(&line, widest + 8, width));
        }
    }
    if let Some(outcome) = &trial.outcome {
        lines.push(String::new());
        result(outcome, width, &mut lines);
    }
    for note in notes {
        lines.push(String::new());
        lines.push(fill(&format!("note: {note}"), 6, width));
    }
    lines.join("\n")
}

fn result(outcome: &TrialOutcome, width: usize, lines: &mut Vec<String>) {
    let mut told = |text: String, hint: Option<&String>| {
        lines.push(fill(&text, 2, width));
        if let Some(hint) = hint {
            lines.push(fill(&format!("  hint: {hint}"), 4, width));
        }
    };
    match outcome {
        TrialOutcome::Dropped { reason } => told(format!("Result: out of scope, {reason}"), None),
        TrialOutcome::Skipped { reason, hint } => {
            told(format!("Result: stays as it is, and is reported: {reason}"), hint.as_ref());
        }
        TrialOutcome::Failed { reason, hint } => {
            told(format!("Result: a run would fail here: {reason}"), hint.as_ref());
        }
        TrialOutcome::Kept { user, groups } => {
            lines.push("Result: comes into the directory as".to_owned());
            let rows = fields(user);
            // A field's name and the gap after it.
            let under = rows.lines().next().and_then(|line| Some(line.find("  ")? + 4)).unwrap_or(4);
            lines.extend(rows.lines().map(|line| fill(&format!("  {line}"), under, width)));
            lines.push(format!("  in groups ({}):", groups.len()));
            lines.extend(groups.iter().map(|name| format!("    {}", plain(name))));
        }
    }
}

/// `kept as "Sales", by rules.groups.1`.
fn became(group: &GroupOutcome, trial: &Trial) -> String {
    let mut text = match (&group.becomes, group.result) {
        (Some(name), "hidden") => format!("hidden, {name} to rules"),
        (Some(name), _) => format!("{} as {name}", group.result),
        (None, result) => result.to_owned(),
    };
    if let Some(reason) = &group.reason {
        text.push_str(&format!(", {reason}"));
    }
    let of = format!("group {}", group.id);
    let acted = trial.steps.iter().filter(|step| step.of == of);
    let acted = acted.filter(|step| !matches!(step.result.as_str(), "unchanged" | "not-concerned"));
    let rules: Vec<&str> = acted.filter_map(|step| step.rule.as_deref()).collect();
    if !rules.is_empty() {
        text.push_str(&format!(" [{}]", rules.join(", ")));
    }
    text
}

fn in_words(result: &str) -> &str {
    match result {
        "unchanged" => "nothing to do",
        "not-concerned" => "not concerned",
        other => other,
    }
}

/// What a change of a value was, as people read it.
pub(in crate::cli) fn values(change: &TrialChange) -> String {
    if let (Value::Array(before), Value::Array(after)) = (&change.before, &change.after) {
        let more = after.iter().filter(|value| !before.contains(value)).map(|value| format!("+ {value}"));
        let less = before.iter().filter(|value| !after.contains(value)).map(|value| format!("- {value}"));
        let differences: Vec<String> = more.chain(less).collect();
        if !differences.is_empty() {
            return differences.join("  ");
        }
    }
    let value = |value: &Value| match value {
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    };
    format!("{} → {}", value(&change.before), value(&change.after))
}

fn padded(text: &str, width: usize) -> String {
    let text = plain(text);
    let missing = width.saturating_sub(text.width());
    text + &" ".repeat(missing)
}

fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Broken between words; what follows is as far in as told.
pub(in crate::cli) fn fill(line: &str, under: usize, width: usize) -> String {
    let line = plain(line);
    let indent = " ".repeat(under.min(width / 2));
    let own = &line[..line.len() - line.trim_start().len()];
    let options = textwrap::Options::new(width)
        .initial_indent(own)
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(line.trim_start(), options)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trial() -> Trial {
        let step =
            |of: &str, rule: &str, result: &str, reason: Option<&str>, changes: &[(&str, Value, Value)]| {
                let changes = changes.iter().cloned();
                TrialStep {
                    transform: "rules 0.1.0".into(),
                    rule: Some(rule.into()),
                    of: of.into(),
                    result: result.into(),
                    reason: reason.map(str::to_owned),
                    changes: changes
                        .map(|(what, before, after)| TrialChange { what: what.into(), before, after })
                        .collect(),
                }
            };
        let group = |id: &str, name: &str, result: &'static str, becomes: Option<&str>| GroupOutcome {
            id: id.into(),
            name: name.into(),
            result,
            becomes: becomes.map(str::to_owned),
            reason: (result == "dropped").then(|| "rules: temporary".to_owned()),
        };
        Trial {
            connector: "acme".into(),
            transforms: vec!["rules 0.1.0".into()],
            groups: vec![
                group("1", "eng-core", "kept", Some("Engineering core")),
                group("2", "tmp\u{1b}1", "dropped", None),
            ],
            steps: vec![
                step(
                    "group 1",
                    "names",
                    "changed",
                    None,
                    &[("name", json!("eng-core"), json!("Engineering core"))],
                ),
                step("group 2", "groups.1", "dropped", Some("temporary"), &[]),
                step("user 00u1", "staff only", "unchanged", None, &[]),
                step(
                    "user 00u1",
                    "people.1",
                    "changed",
                    None,
                    &[
                        ("userName", json!("Ann@acme.example"), json!("ann")),
                        (
                            "profile.office",
                            Value::Null,
                            json!("an office whose name is so long that it does not fit into one line"),
                        ),
                        ("groups", json!(["a", "b"]), json!(["b", "All Staff"])),
                    ],
                ),
                step("user 00u1", "people.2", "not-concerned", None, &[]),
            ],
            outcome: Some(TrialOutcome::Kept {
                user: json!({ "userName": "ann", "active": true, "externalId": "00u1", "attributes": {} }),
                groups: vec!["All Staff".into(), "Engineering core".into()],
            }),
            people: None,
        }
    }

    #[test]
    fn a_trial_reads_well_at_80_columns() {
        let text = of(&trial(), Some("Ann@acme.example (00u1)"), &["a note".to_owned()], Some(80));
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn each_end_is_told_with_its_reason() {
        let end = |outcome| of(&Trial { outcome: Some(outcome), ..trial() }, Some("Ann"), &[], None);
        let hint = Some("do it".to_owned());
        assert!(
            end(TrialOutcome::Dropped { reason: "rules: no".into() })
                .ends_with("\n\nResult: out of scope, rules: no")
        );
        assert!(
            end(TrialOutcome::Skipped { reason: "no mail".into(), hint: hint.clone() })
                .ends_with("\n\nResult: stays as it is, and is reported: no mail\n  hint: do it")
        );
        assert!(
            end(TrialOutcome::Failed { reason: "no mail".into(), hint })
                .ends_with("\n\nResult: a run would fail here: no mail\n  hint: do it")
        );
    }
}
