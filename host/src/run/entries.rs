//! How far entries follow the provider: `[connector.NAME.entries]`.

use serde::Serialize;

/// What an admin decided about entries that are there already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    pub group_names: GroupNames,
}

/// What a group is called that the provider, or a rule, gave another name than it has in the directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupNames {
    /// It keeps its name, and the run tells: applications' permission schemes refer to names.
    #[default]
    Hold,
    /// It is renamed.
    Follow,
    /// It keeps its first name.
    Pin,
}

impl GroupNames {
    pub const ALL: [GroupNames; 3] = [Self::Hold, Self::Follow, Self::Pin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Follow => "follow",
            Self::Pin => "pin",
        }
    }
}
