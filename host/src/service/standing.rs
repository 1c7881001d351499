//! What of a run's end is worth telling, and when it is the same as before.

use std::collections::BTreeSet;

use crate::config::Occasion;
use crate::run::{Outcome, RunReport};

/// How a connector stands after a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// What was told before is over.
    Well,
    Problem {
        occasion: Occasion,
        /// The same for the same problem in another run.
        cause: String,
    },
    /// The run says nothing about it.
    Unknown,
}

/// `on` is what somebody wants to be told: what nobody asked for is no problem that stands.
pub(super) fn standing(report: &RunReport, on: &BTreeSet<Occasion>) -> Standing {
    let problem = |occasion: Occasion, cause: String, otherwise: Standing| match on.contains(&occasion) {
        true => Standing::Problem { occasion, cause },
        false => otherwise,
    };
    match report.outcome {
        Outcome::Done => Standing::Well,
        Outcome::Problems => problem(Occasion::Problems, problems(report), Standing::Well),
        Outcome::Failed => problem(Occasion::Failed, error(report), Standing::Unknown),
        Outcome::Cancelled => Standing::Unknown,
    }
}

/// Whether the directory follows the provider after that.
pub(super) fn succeeded(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Done | Outcome::Problems => true,
        Outcome::Failed | Outcome::Cancelled => false,
    }
}

fn error(report: &RunReport) -> String {
    let Some(error) = &report.error else { return String::new() };
    let text = std::iter::once(&error.message).chain(&error.causes);
    text.map(|text| without_particulars(text)).collect::<Vec<_>>().join(": ")
}

/// Who and what, so that one more is another cause; the order and the wording don't matter.
fn problems(report: &RunReport) -> String {
    let each = report.problems.iter().map(|problem| {
        [&problem.kind, problem.id.as_deref().unwrap_or_default(), &problem.code].join(" ")
    });
    let all: BTreeSet<String> = each.collect();
    let mut hasher = blake3::Hasher::new();
    for problem in &all {
        hasher.update(problem.as_bytes()).update(b"\n");
    }
    format!("{} {}", all.len() as u64 + report.further_problems, hasher.finalize().to_hex())
}

/// The text without what differs from run to run: numbers, times, and the ids that providers give to requests.
fn without_particulars(text: &str) -> String {
    /// An error code such as `E0000006` is shorter than any id.
    const ID: usize = 12;
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| word(c) != word(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(length);
        let digit = |byte: &u8| byte.is_ascii_digit();
        let mixed = part.len() >= ID && part.bytes().any(|byte| digit(&byte));
        // Also with a unit, such as the end of a time: `9Z`, `15s`.
        match word(first) && (mixed || part.as_bytes().first().is_some_and(digit)) {
            true => plain.push('#'),
            false => plain.push_str(part),
        }
        rest = after;
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{ReportedError, ReportedProblem};

    fn failed(message: &str) -> RunReport {
        let error = ReportedError { message: message.to_owned(), causes: vec!["timeout".to_owned()], hint: None };
        RunReport { outcome: Outcome::Failed, error: Some(error), ..RunReport::new("acme", "full") }
    }

    fn cause(report: &RunReport) -> String {
        match standing(report, &BTreeSet::from(Occasion::ALL)) {
            Standing::Problem { cause, .. } => cause,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_problem_has_the_same_cause_in_every_run() {
        let one = "okta does not answer (HTTP 503, request YXmqzSAMPLEv9k1-a at 2026-11-24T17:15:00.123Z, E0000009)";
        let same = "okta does not answer (HTTP 502, request ZabcSAMPLE77xyz-b at 2026-11-25T17:15:01.9Z, E0000009)";
        assert_eq!(cause(&failed(one)), cause(&failed(same)));
        assert!(cause(&failed(one)).contains("E0000009: timeout") || cause(&failed(one)).contains("E0000009"));
        for other in [
            one.replace("E0000009", "E0000011"),
            one.replace("does not answer", "refuses"),
        ] {
            assert_ne!(cause(&failed(one)), cause(&failed(&other)), "{other}");
        }
    }

    #[test]
    fn another_person_is_another_cause_and_another_order_is_not() {
        let problem = |id: &str| ReportedProblem {
            kind: "user".into(),
            id: Some(id.into()),
            name: None,
            code: "unexpected".into(),
            message: id.into(),
            hint: None,
        };
        let of = |ids: &[&str]| RunReport {
            outcome: Outcome::Problems,
            problems: ids.iter().map(|id| problem(id)).collect(),
            ..RunReport::new("acme", "full")
        };
        assert_eq!(cause(&of(&["a", "b"])), cause(&of(&["b", "a"])));
        assert_ne!(cause(&of(&["a", "b"])), cause(&of(&["a", "c"])));
        assert_ne!(cause(&of(&["a"])), cause(&of(&["a", "b"])));
    }

    #[test]
    fn what_nobody_wants_to_hear_does_not_stand() {
        let on = BTreeSet::from([Occasion::Recovered]);
        let report = |outcome| RunReport { outcome, ..failed("x") };
        assert_eq!(standing(&report(Outcome::Problems), &on), Standing::Well);
        assert_eq!(standing(&report(Outcome::Failed), &on), Standing::Unknown);
        assert_eq!(standing(&report(Outcome::Cancelled), &BTreeSet::from(Occasion::ALL)), Standing::Unknown);
    }
}
