//! How an explanation looks: the answer first, then what it rests on.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use crate::cli::rules::{fill, values};
use crate::cli::runs::since;
use crate::run::TrialStep;
use crate::run::explain::{Explanation, Given, Seen};

/// What fits any terminal, where there is none to ask.
const WIDTH: usize = 80;

/// How many groups are shown; `--json` has all.
const GROUPS: usize = 20;

pub(super) fn of(explained: &Explanation, width: Option<u16>) -> String {
    let mut text = Text { lines: Vec::new(), width: width.map_or(WIDTH, usize::from) };
    text.line(&explained.answer, 2);
    text.line(&format!("Next: {}.", explained.next.trim_end_matches(['.', '?'])), 2);
    if !explained.nearest.is_empty() {
        text.section("Names like it");
        explained.nearest.iter().for_each(|name| text.line(&format!("  {name}"), 4));
    }
    if let Some(given) = &explained.provider {
        text.provider(given, explained);
    }
    text.rules(explained);
    text.differences(explained);
    text.groups(explained);
    if !explained.facts.is_empty() {
        text.section("Also");
        let widest = explained.facts.iter().map(|fact| fact.about.width()).max().unwrap_or_default();
        for fact in &explained.facts {
            text.pair(fact.about, &fact.text, widest);
        }
    }
    if let Some(change) = &explained.last_change {
        text.section("Last change");
        let reason = change.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        text.line(
            &format!("  {} in run {}, {}{reason}", change.what.join(", "), change.run, since(&change.at)),
            4,
        );
    }
    text.lines.join("\n")
}

struct Text {
    lines: Vec<String>,
    width: usize,
}

impl Text {
    fn line(&mut self, line: &str, under: usize) {
        self.lines.push(fill(line, under, self.width));
    }

    fn section(&mut self, name: &str) {
        self.lines.push(format!("\n{name}:"));
    }

    fn pair(&mut self, name: &str, value: &str, widest: usize) {
        let gap = " ".repeat(widest.saturating_sub(name.width()));
        self.line(&format!("  {name}{gap}  {value}"), widest + 4);
    }

    fn provider(&mut self, given: &Given, explained: &Explanation) {
        self.section(&format!("What {} gave", explained.connector));
        self.pair("user name", &given.user_name, 9);
        self.pair("id", &given.id, 9);
        let active = if given.active { "active" } else { "not active" };
        let status = given.status.as_ref().map(|status| format!(" ({status})")).unwrap_or_default();
        self.pair("status", &format!("{active}{status}"), 9);
        let seen = |seen: &Seen| format!("{}, run {}", since(&seen.at), seen.run);
        if let Some(read) = &given.read {
            self.pair("as of", &seen(read), 9);
        }
        if let Some(absent) = &given.absent_since {
            self.pair("missing", &format!("since {}", seen(absent)), 9);
        }
        if !given.unread_groups.is_empty() {
            let names = given.unread_groups.join(", ");
            self.pair("unread", &format!("members of groups that rules leave out: {names}"), 9);
        }
    }

    /// The rules that did something.
    fn rules(&mut self, explained: &Explanation) {
        let Some(trial) = &explained.rules else { return };
        self.section(&format!("What the rules do ({})", trial.transforms.join(", ")));
        let of_person = |step: &&TrialStep| step.of.starts_with("user ");
        let steps: Vec<&TrialStep> = trial.steps.iter().filter(of_person).collect();
        let acts = |step: &&TrialStep| !matches!(step.result.as_str(), "unchanged" | "not-concerned");
        let mut idle = 0;
        for step in steps {
            if !acts(&step) {
                idle += 1;
                continue;
            }
            let rule = step.rule.as_deref().unwrap_or(&step.transform);
            let reason = step.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            self.line(&format!("  {rule}: {}{reason}", step.result), 4);
            let widest = step.changes.iter().map(|change| change.what.width()).max().unwrap_or_default();
            for change in &step.changes {
                let gap = " ".repeat(widest - change.what.width());
                self.line(&format!("      {}{gap}  {}", change.what, values(change)), widest + 8);
            }
        }
        if idle > 0 {
            let rules = if idle == 1 { "rule does" } else { "rules do" };
            self.line(&format!("  {idle} {rules} nothing to them"), 4);
        }
    }

    fn differences(&mut self, explained: &Explanation) {
        if explained.differences.is_empty() {
            return;
        }
        self.section("Not as the provider and the rules give it");
        let shown = |value: &Value| match value {
            Value::Null => "nothing".to_owned(),
            other => other.to_string(),
        };
        let widest = explained.differences.iter().map(|one| one.what.width()).max().unwrap_or_default();
        for one in &explained.differences {
            let told = format!("{}, not {}: {}", shown(&one.shown), shown(&one.given), one.why);
            self.pair(&one.what, &told, widest);
        }
    }

    fn groups(&mut self, explained: &Explanation) {
        let of = |member: bool| explained.groups.iter().filter(move |group| group.member == member);
        let sections = [(true, "Groups in the directory"), (false, "Groups at the provider only")];
        for (member, name) in sections {
            let number = of(member).count();
            if number == 0 {
                continue;
            }
            self.section(&format!("{name} ({number})"));
            let shown: Vec<_> = of(member).take(GROUPS).collect();
            let widest = shown.iter().map(|group| group.name.width()).max().unwrap_or_default();
            let widest = widest.min(self.width / 3);
            for group in shown {
                self.pair(&group.name, &group.why, widest);
            }
            if number > GROUPS {
                self.line(&format!("  … and {} more (--json lists all)", number - GROUPS), 4);
            }
        }
    }
}
