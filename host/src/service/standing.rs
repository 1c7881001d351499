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
        Outcome::Held => problem(Occasion::Held, held(report), Standing::Well),
        Outcome::Failed => problem(Occasion::Failed, error(report), Standing::Unknown),
        Outcome::Cancelled => Standing::Unknown,
    }
}

/// Whether the directory follows the provider after that.
pub(super) fn succeeded(outcome: Outcome) -> bool {
    match outcome {
        // What is held is told by itself.
        Outcome::Done | Outcome::Problems | Outcome::Held => true,
        Outcome::Failed | Outcome::Cancelled => false,
    }
}

/// Which of several requests is refused first differs from run to run, so what lies below it counts, if anything does.
fn error(report: &RunReport) -> String {
    let Some(error) = &report.error else { return String::new() };
    let message = match error.causes.is_empty() {
        true => std::slice::from_ref(&error.message),
        false => &error.causes,
    };
    message.iter().map(|text| without_particulars(text)).collect::<Vec<_>>().join(": ")
}

/// Which limits; how many there are over them differs from run to run.
fn held(report: &RunReport) -> String {
    let reasons = report.held.iter().flat_map(|held| &held.reasons);
    reasons.map(|reason| without_particulars(reason)).collect::<Vec<_>>().join("; ")
}

/// Who and what, so that one more is another cause; the order and the wording don't matter.
fn problems(report: &RunReport) -> String {
    let each = report
        .problems
        .iter()
        .map(|problem| [&problem.kind, problem.id.as_deref().unwrap_or_default(), &problem.code].join(" "));
    let all: BTreeSet<String> = each.collect();
    let mut hasher = blake3::Hasher::new();
    for problem in &all {
        hasher.update(problem.as_bytes()).update(b"\n");
    }
    format!("{} {}", all.len() as u64 + report.further_problems, hasher.finalize().to_hex())
}

/// The text without what differs from run to run: what stands in parentheses, where plugins put the request and its
/// ids, numbers, times, and what looks like an id.
fn without_particulars(text: &str) -> String {
    /// An error code such as `E0000006` is shorter than any id.
    const ID: usize = 12;
    // Of a number and of a time as well: `9.5`, `17:15:00.9Z`.
    let word = |c: char| c.is_ascii_alphanumeric() || ['_', '-', '.', ':'].contains(&c);
    let mut plain = String::new();
    let mut depth = 0_usize;
    let outside: String = text
        .chars()
        .filter(|c| {
            depth += usize::from(*c == '(');
            let kept = depth == 0;
            depth -= usize::from(*c == ')' && depth > 0);
            kept
        })
        .collect();
    let mut rest = outside.as_str();
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
    use crate::run::{HeldReport, ReportedError, ReportedProblem};

    fn failed(message: &str, causes: &[&str]) -> RunReport {
        let causes = causes.iter().map(|cause| (*cause).to_owned()).collect();
        let error = ReportedError { message: message.to_owned(), causes, hint: None };
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
        // Two requests are refused, and now the one, now the other is answered first.
        let refused = "okta does not accept the credential";
        let users = format!("{refused} (listing users: HTTP 401 (E0000011), okta.request-id a-X1) ");
        let groups = format!("{refused} (listing groups: HTTP 401, okta.request-id b-Y2) ");
        let one = cause(&failed("reading GET /api/v1/users failed", &[&users]));
        assert_eq!(one, cause(&failed("reading GET /api/v1/groups failed", &[&groups])));
        let other = cause(&failed("reading GET /api/v1/users failed", &["the credential may not read this"]));
        assert_ne!(one, other);

        let full = "no space left after 17 s at 2026-11-24T17:15:00.123Z for request YXmqzSAMPLEv9k1-a";
        let again = "no space left after 9.5 s at 2026-11-25T08:01:07.9Z for request ZabcSAMPLE77xyz-b";
        assert_eq!(cause(&failed(full, &[])), cause(&failed(again, &[])));
        assert_ne!(cause(&failed(full, &[])), cause(&failed("the disk is full", &[])));
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
    fn one_more_over_the_same_limit_is_no_other_cause() {
        let held = |reason: &str| RunReport {
            outcome: Outcome::Held,
            held: Some(HeldReport { reasons: vec![reason.to_owned()], ..HeldReport::default() }),
            ..RunReport::new("acme", "full")
        };
        let one = cause(&held("would disable 120 of 1,000 people, over the limit of 5 %"));
        assert_eq!(one, cause(&held("would disable 121 of 1,001 people, over the limit of 5 %")));
        assert_ne!(one, cause(&held("would empty 3 groups, over the limit of 2")));
        let on = BTreeSet::from([Occasion::Failed]);
        assert_eq!(standing(&held("x"), &on), Standing::Well, "nobody wants to hear of it");
    }

    #[test]
    fn what_nobody_wants_to_hear_does_not_stand() {
        let on = BTreeSet::from([Occasion::Recovered]);
        let report = |outcome| RunReport { outcome, ..failed("x", &[]) };
        assert_eq!(standing(&report(Outcome::Problems), &on), Standing::Well);
        assert_eq!(standing(&report(Outcome::Failed), &on), Standing::Unknown);
        assert_eq!(standing(&report(Outcome::Cancelled), &BTreeSet::from(Occasion::ALL)), Standing::Unknown);
    }
}
