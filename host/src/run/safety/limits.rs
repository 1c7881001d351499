//! How much of each kind a run may do by itself.

use super::protect::NamePattern;
use crate::run::condition::{GroupCondition, PersonCondition};

/// What is limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// People who are disabled.
    Disables,
    /// People who are deleted or anonymised.
    Deletes,
    /// Memberships that end.
    Removals,
    /// People whose user name changes.
    Renames,
    /// People whom the last complete reading gave and this one doesn't.
    Listing,
    /// Groups that have members before and none afterwards, or are deleted.
    GroupsEmptied,
}

impl LimitKind {
    pub const ALL: [LimitKind; 6] = [
        LimitKind::Disables,
        LimitKind::Deletes,
        LimitKind::Removals,
        LimitKind::Renames,
        LimitKind::Listing,
        LimitKind::GroupsEmptied,
    ];

    /// The key in rollcall.toml.
    pub fn key(self) -> &'static str {
        match self {
            LimitKind::Disables => "disables",
            LimitKind::Deletes => "deletes",
            LimitKind::Removals => "removals",
            LimitKind::Renames => "renames",
            LimitKind::Listing => "listing",
            LimitKind::GroupsEmptied => "groups-emptied",
        }
    }

    pub fn help(self) -> &'static str {
        match self {
            LimitKind::Disables => "How many people one run may disable.",
            LimitKind::Deletes => "How many people one run may delete or anonymise.",
            LimitKind::Removals => "How many memberships one run may end.",
            LimitKind::Renames => "How many people one run may give another user name.",
            LimitKind::Listing => "How many people may be missing in a reading whom the last one gave.",
            LimitKind::GroupsEmptied => "How many groups one run may leave without members, or delete.",
        }
    }

    /// A percentage that an ordinary week stays under, whatever the size; a number for those kinds that are bad to get
    /// wrong even where they are a small part. Renames come in waves (a new mail domain), but seldom unannounced.
    pub fn default_bound(self) -> Bound {
        let (count, percent) = match self {
            LimitKind::Disables => (Some(500), 10),
            LimitKind::Deletes => (Some(100), 5),
            LimitKind::Removals => (None, 20),
            LimitKind::Renames => (Some(500), 10),
            LimitKind::Listing => (None, 10),
            LimitKind::GroupsEmptied => (Some(100), 20),
        };
        Bound { count, percent: Some(percent) }
    }

    pub(super) fn sentence(self, number: u64, of: u64, limit: &str) -> String {
        let (number, of) = (grouped(number), grouped(of));
        let what = match self {
            LimitKind::Disables => format!("would disable {number} of {of} people"),
            LimitKind::Deletes => format!("would delete {number} of {of} people"),
            LimitKind::Removals => format!("would end {number} of {of} memberships"),
            LimitKind::Renames => format!("would rename {number} of {of} people"),
            LimitKind::Listing => format!("the provider did not return {number} of {of} people"),
            LimitKind::GroupsEmptied => format!("would empty or delete {number} of {of} groups"),
        };
        format!("{what}, over the limit of {limit}")
    }
}

/// A limit of one kind: whichever of the two is reached first. Without either there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub count: Option<u64>,
    /// Of what the connector has in the directory, 0 to 100.
    pub percent: Option<u64>,
}

impl Bound {
    pub const NONE: Bound = Bound { count: None, percent: None };

    /// Up to so many, a percentage does not count: in a company of 30, three who leave are 10 %.
    pub const FLOOR: u64 = 10;

    /// How the limit is told that so many of so many are over; nothing where they are within it.
    pub fn exceeded(self, number: u64, of: u64) -> Option<String> {
        if let Some(count) = self.count.filter(|count| number > *count) {
            return Some(grouped(count));
        }
        let percent = self.percent.filter(|_| number > Self::FLOOR)?;
        let allowed = (of.saturating_mul(percent) / 100).max(Self::FLOOR);
        (number > allowed).then(|| format!("{percent} % ({})", grouped(allowed)))
    }
}

/// What happens when a plan is over a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// Those kinds that are over their limit are held; everything else is applied.
    #[default]
    Withhold,
    /// All of the plan is held.
    Hold,
}

/// `[connector.NAME.safety]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Safety {
    /// In the order of [`LimitKind::ALL`].
    pub bounds: [Bound; LimitKind::ALL.len()],
    pub on_limit: OnLimit,
    /// People whom no run may disable, delete or anonymise.
    pub protect: Vec<PersonCondition>,
    /// Groups that no run may delete or empty.
    pub protect_groups: Vec<NamePattern>,
    /// The same, by condition.
    pub protect_groups_when: Vec<GroupCondition>,
}

impl Safety {
    pub fn bound(&self, kind: LimitKind) -> Bound {
        self.bounds[kind as usize]
    }
}

impl Default for Safety {
    fn default() -> Self {
        Self {
            bounds: LimitKind::ALL.map(LimitKind::default_bound),
            on_limit: OnLimit::default(),
            protect: Vec::new(),
            protect_groups: Vec::new(),
            protect_groups_when: Vec::new(),
        }
    }
}

/// `1,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_does_not_count_below_the_floor_and_a_number_always_does() {
        let percent = Bound { count: None, percent: Some(5) };
        assert_eq!(percent.exceeded(10, 10), None);
        assert_eq!(percent.exceeded(11, 11).as_deref(), Some("5 % (10)"));
        assert_eq!(percent.exceeded(50, 1_000), None);
        assert_eq!(percent.exceeded(51, 1_000).as_deref(), Some("5 % (50)"));
        let count = Bound { count: Some(3), percent: None };
        assert_eq!((count.exceeded(3, 3), count.exceeded(4, 4).as_deref()), (None, Some("3")));
        let both = Bound { count: Some(1_000), percent: Some(5) };
        assert_eq!(both.exceeded(1_001, 100_000).as_deref(), Some("1,000"));
        assert_eq!(Bound::NONE.exceeded(u64::MAX, 1), None);
    }

    #[test]
    fn the_sentence_has_the_exact_numbers() {
        let bound = Bound { count: None, percent: Some(5) };
        let limit = bound.exceeded(120, 1_000).unwrap();
        assert_eq!(
            LimitKind::Disables.sentence(120, 1_000, &limit),
            "would disable 120 of 1,000 people, over the limit of 5 % (50)"
        );
    }
}
