//! `[connector.NAME.reading]`: what is written, what it means, and what an editor is told of it.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::check::Checker;
use super::position::Step;
use super::schema::table;
use crate::run::Skipping;

/// A provider's version may miss something, so that nobody goes without a whole reading for longer than a month.
const DAYS: RangeInclusive<u64> = 1..=31;
const DAY: u64 = 24 * 60 * 60;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Written {
    skip_unchanged_members: Option<bool>,
    all_members_every_days: Option<i64>,
}

impl Checker<'_> {
    pub(super) fn reading(&mut self, path: &[Step], written: Written) -> Skipping {
        let default = Skipping::default();
        let key = "all-members-every-days";
        let days = self.number(path, key, written.all_members_every_days, DAYS);
        Skipping {
            unchanged_members: written.skip_unchanged_members.unwrap_or(default.unchanged_members),
            all_members_every: days.map_or(default.all_members_every, |days| Duration::from_secs(days * DAY)),
        }
    }
}

pub(super) fn schema() -> Value {
    let [skip, days] = effective(&Skipping::default());
    table(
        "What a full sync need not ask for.",
        json!({
            "skip-unchanged-members": {
                "description": "Members of groups that the provider says have not changed since they were read are \
                    not read again.",
                "type": "boolean",
                "default": skip.1,
            },
            "all-members-every-days": {
                "description": "After so many days the members of all groups are read, whatever the provider says.",
                "type": "integer",
                "minimum": DAYS.start(),
                "maximum": DAYS.end(),
                "default": days.1,
            },
        }),
        &[],
    )
}

/// Keys and values in force.
pub(super) fn effective(skipping: &Skipping) -> [(&'static str, Value); 2] {
    [
        ("skip-unchanged-members", skipping.unchanged_members.into()),
        ("all-members-every-days", (skipping.all_members_every.as_secs() / DAY).into()),
    ]
}
