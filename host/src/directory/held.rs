use super::change::{Change, MembershipChange};

/// What became of a held change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState {
    Waiting,
    Approved,
    Rejected,
    /// A later complete run of the connector planned anew.
    Superseded,
}

impl HeldState {
    pub const ALL: [HeldState; 4] =
        [HeldState::Waiting, HeldState::Approved, HeldState::Rejected, HeldState::Superseded];

    pub fn as_str(self) -> &'static str {
        match self {
            HeldState::Waiting => "waiting",
            HeldState::Approved => "approved",
            HeldState::Rejected => "rejected",
            HeldState::Superseded => "superseded",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A change that a run planned and did not apply.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldChange {
    /// Its place in the run's plan.
    pub sequence: u32,
    /// Why it was held, for people.
    pub reason: String,
    pub state: HeldState,
    pub change: Change,
}

/// Memberships of one group that a run planned and did not change.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldMembers {
    pub reason: String,
    pub state: HeldState,
    pub change: MembershipChange,
}
