use std::collections::HashMap;

use super::kind::Fault;
use super::rule::{FaultRule, When};
use super::target::Asked;
use crate::rng::mix;

/// The rules in force, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<InForce>,
}

#[derive(Debug)]
struct InForce {
    rule: FaultRule,
    matched: u64,
    struck: u64,
    /// For chance: how often each target was asked for.
    asked: HashMap<u64, u64>,
}

/// A rule, and what it has done so far.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FaultRecord {
    /// As it is written.
    pub rule: String,
    /// Requests that it could have struck.
    pub matched: u64,
    /// Requests that it did strike.
    pub struck: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) {
        self.rules.push(InForce { rule, matched: 0, struck: 0, asked: HashMap::new() });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Nothing to look for: the usual case, which costs a request nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn records(&self) -> Vec<FaultRecord> {
        let record = |one: &InForce| FaultRecord {
            rule: one.rule.to_string(),
            matched: one.matched,
            struck: one.struck,
        };
        self.rules.iter().map(record).collect()
    }

    /// The fault that strikes this request, if one does.
    pub(crate) fn strike(&mut self, asked: &Asked<'_>) -> Option<Fault> {
        let turn = self.rules.iter_mut().position(|one| one.strikes(asked))?;
        Some(self.rules[turn].rule.fault.clone())
    }
}

impl InForce {
    fn strikes(&mut self, asked: &Asked<'_>) -> bool {
        let rule = &self.rule;
        if !asked.is(&rule.place, rule.group.as_deref()) || !asked.may_meet(&rule.fault) {
            return false;
        }
        self.matched += 1;
        let turn = match rule.when {
            When::Always => true,
            When::Nth(nth) => self.matched == nth,
            When::Every(every) => self.matched.is_multiple_of(every),
            When::Chance { probability, seed } => {
                let target = stable_hash(asked);
                let time = self.asked.entry(target).or_default();
                *time += 1;
                let drawn = mix(mix(seed ^ target).wrapping_add(*time)) >> 11;
                (drawn as f64) < probability * (1_u64 << 53) as f64
            }
        };
        let strikes = turn && rule.times.is_none_or(|times| self.struck < times);
        self.struck += u64::from(strikes);
        strikes
    }
}

/// The same in every process.
fn stable_hash(asked: &Asked<'_>) -> u64 {
    let bytes = asked.path.bytes().chain([b'?']).chain(asked.query.bytes());
    bytes.fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strike(faults: &mut Faults, path: &str, query: &str) -> Option<Fault> {
        let segments: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
        let group = match segments[..] {
            ["groups", id, ..] => Some((id.to_owned(), format!("name of {id}"))),
            _ => None,
        };
        faults.strike(&Asked { path, segments: &segments, query, group })
    }

    fn rules(texts: &[&str]) -> Faults {
        let mut faults = Faults::default();
        texts.iter().for_each(|text| faults.add(text.parse().unwrap()));
        faults
    }

    fn pattern(rule: &str, path: &str) -> String {
        let mut faults = rules(&[rule]);
        (0..6).map(|_| if strike(&mut faults, path, "").is_some() { 'x' } else { '.' }).collect()
    }

    #[test]
    fn turns_and_times_are_kept() {
        for (rule, expected) in [
            ("silence", "xxxxxx"),
            ("silence nth=3", "..x..."),
            ("silence every=2", ".x.x.x"),
            ("silence every=2 times=2", ".x.x.."),
            ("silence times=2", "xx...."),
            ("silence where=groups", "......"),
            ("silence where=/api/v1/users", "xxxxxx"),
            ("silence where=/api/v1/{what}", "xxxxxx"),
            ("silence where=/api/v1/users/{id}", "......"),
            ("bad-cursor", "......"),
            ("vanished-group", "......"),
        ] {
            assert_eq!(pattern(rule, "/api/v1/users"), expected, "{rule}");
        }
        assert_eq!(pattern("short-page", "/api/v1/users/me"), "......", "no list");
    }

    #[test]
    fn groups_are_told_by_id_and_name() {
        for (rule, expected) in [
            ("forbidden group=g1", true),
            ("forbidden group=\"name of g1\"", true),
            ("forbidden group=g2", false),
            ("forbidden group=g1 where=members", true),
            ("forbidden group=g1 where=group", false),
        ] {
            let struck = strike(&mut rules(&[rule]), "/api/v1/groups/g1/users", "").is_some();
            assert_eq!(struck, expected, "{rule}");
        }
        assert!(strike(&mut rules(&["forbidden group=g1"]), "/api/v1/groups", "").is_none());
    }

    #[test]
    fn a_later_rule_does_not_count_what_an_earlier_one_struck() {
        let mut faults = rules(&["silence nth=1", "forbidden nth=1"]);
        assert_eq!(strike(&mut faults, "/api/v1/users", ""), Some(Fault::Silence));
        assert_eq!(strike(&mut faults, "/api/v1/users", ""), Some(Fault::Forbidden));
        assert_eq!(strike(&mut faults, "/api/v1/users", ""), None);
        let counts: Vec<_> = faults.records().iter().map(|record| (record.matched, record.struck)).collect();
        assert_eq!(counts, [(3, 1), (2, 1)]);
    }

    #[test]
    fn chance_replays_whatever_the_order() {
        let targets: Vec<String> = (0..200).map(|nth| format!("after={nth}")).collect();
        let draw = |order: &mut dyn Iterator<Item = &String>| {
            let mut faults = rules(&["silence chance=0.3 seed=5"]);
            let mut struck: Vec<&String> =
                order.filter(|query| strike(&mut faults, "/api/v1/users", query).is_some()).collect();
            struck.sort();
            struck.into_iter().cloned().collect::<Vec<_>>()
        };
        let struck = draw(&mut targets.iter());
        assert_eq!(struck, draw(&mut targets.iter().rev()));
        assert!((40..80).contains(&struck.len()), "{}", struck.len());
        // The same target has another chance the next time.
        assert!(pattern("silence chance=0.5", "/api/v1/users").contains('x'));
        assert!(pattern("silence chance=0.5", "/api/v1/users").contains('.'));
    }
}
