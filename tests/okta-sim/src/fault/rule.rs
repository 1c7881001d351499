use std::fmt;
use std::str::FromStr;

use super::kind::Fault;
use super::target::Where;
use super::words::{FaultError, Words, quoted};

/// A fault, and which requests it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultRule {
    pub fault: Fault,
    pub place: Where,
    /// Only requests below the group of this id or name.
    pub group: Option<String>,
    pub when: When,
    /// How often it strikes at most.
    pub times: Option<u64>,
}

/// Which of the requests that fit are struck.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum When {
    #[default]
    Always,
    /// The nth alone, counting from 1.
    Nth(u64),
    /// Every nth.
    Every(u64),
    /// Each with this probability.
    Chance { probability: f64, seed: u64 },
}

impl FaultRule {
    /// A fault of every request that it makes sense for.
    pub fn new(fault: Fault) -> Self {
        Self { fault, place: Where::Anywhere, group: None, when: When::Always, times: None }
    }
}

impl FromStr for FaultRule {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let mut words = Words::parse(text)?;
        let fault = Fault::take_from(&mut words)?;
        let place = words.take("where").map_or(Ok(Where::Anywhere), |place| Where::parse(&place))?;
        let group = words.take("group");
        let nth = words.number("nth", "a number from 1", |&nth| nth > 0)?;
        let every = words.number("every", "a number from 1", |&every| every > 0)?;
        let probability =
            words.number("chance", "above 0 and at most 1", |&chance| chance > 0.0 && chance <= 1.0)?;
        let seed = words.number("seed", "a whole number", |_| true)?;
        let when = match (nth, every, probability) {
            (None, None, None) => When::Always,
            (Some(nth), None, None) => When::Nth(nth),
            (None, Some(every), None) => When::Every(every),
            (None, None, Some(probability)) => When::Chance { probability, seed: seed.unwrap_or(1) },
            _ => return Err(FaultError::SeveralTurns),
        };
        if seed.is_some() && probability.is_none() {
            return Err(FaultError::SeedWithoutChance);
        }
        let times = words.number("times", "a number from 1", |&times| times > 0)?;
        let name = words.name.clone().unwrap_or_default();
        words.finish(&name)?;
        Ok(Self { fault, place, group, when, times })
    }
}

impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        if self.place != Where::Anywhere {
            write!(f, " where={}", self.place)?;
        }
        if let Some(group) = &self.group {
            write!(f, " group={}", quoted(group))?;
        }
        match self.when {
            When::Always => {}
            When::Nth(nth) => write!(f, " nth={nth}")?,
            When::Every(every) => write!(f, " every={every}")?,
            When::Chance { probability, seed } => write!(f, " chance={probability} seed={seed}")?,
        }
        match self.times {
            Some(times) => write!(f, " times={times}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Class;

    #[test]
    fn every_fault_is_read_and_written() {
        for (name, ..) in Fault::ALL {
            let rule: FaultRule = name.parse().unwrap();
            let written = rule.to_string();
            assert!(written.split(' ').next() == Some(name), "{written}");
            assert_eq!(written.parse(), Ok(rule), "{written}");
        }
    }

    #[test]
    fn conditions_are_read_and_written() {
        for text in [
            "rate-limited reset=none body=none where=groups nth=2",
            "drip bytes=1 pause=500 where=/api/v1/groups/{id}/users every=3 times=4",
            "silence group=\"Team A\" chance=0.25 seed=9",
            "clock-skew by=-30",
        ] {
            assert_eq!(text.parse::<FaultRule>().unwrap().to_string(), text);
        }
        let rule: FaultRule = "forbidden times=2 where=members".parse().unwrap();
        assert_eq!(
            rule,
            FaultRule {
                place: Where::Class(Class::Members),
                times: Some(2),
                ..FaultRule::new(Fault::Forbidden)
            }
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, message) in [
            ("", "a fault is missing; there are: rate-limited, "),
            ("silense", "there is no fault `silense`; there are: "),
            ("silence often", "`often` is no option: options are written key=value"),
            ("silence nth=0", "nth=0 is not a number from 1"),
            ("silence chance=2", "chance=2 is not above 0 and at most 1"),
            ("silence nth=1 every=2", "nth, every and chance each say which requests are struck"),
            ("silence seed=4", "seed is for chance, which is not given"),
            ("silence nth=1 nth=2", "the option `nth` is given twice"),
            ("silence reset=3", "silence has no option `reset`; it takes: where, group, nth, every, "),
            ("silence where=everywhere", "where=everywhere is no class of requests (users, user, "),
            ("silence group=\"Team A", "a quotation mark is not closed"),
            ("rate-limited reset=soon", "reset=soon is not a number of seconds, or none"),
            ("bad-cursor code=E1", "code=E1 is neither E0000029 nor E0000031"),
            ("next-elsewhere origin=acme", "origin=acme is not a scheme and host such as"),
            ("drip bytes=0", "bytes=0 is not a number above 0"),
        ] {
            let error = text.parse::<FaultRule>().expect_err(text).to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
