//! What an admin decided about a connector's entries: what a plan is made by, besides the reading and the rules.

use super::cleanup::Cleanup;
use super::conflicts::Conflicts;
use super::entries::Entries;
use super::safety::Safety;

/// One connector's policy; the default is what a connector has whose configuration says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    pub safety: Safety,
    pub entries: Entries,
    /// What happens to those who leave.
    pub cleanup: Cleanup,
    /// What becomes of names that others hold.
    pub conflicts: Conflicts,
}

impl Policy {
    /// Tells two policies apart: a plan that was kept is applied only under the one that made it.
    pub fn digest(&self) -> String {
        // Conditions show their texts, so that this is all that can be configured.
        blake3::hash(format!("{self:?}").as_bytes()).to_hex()[..16].to_owned()
    }
}
