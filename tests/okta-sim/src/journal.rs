//! Noting changes in the System Log.

use crate::event::{Actor, EventType, Target};
use crate::ids::{self, IdKind};
use crate::org::Org;

impl Org {
    /// Notes what the administrator did.
    pub(crate) fn note(&mut self, kind: EventType, targets: Vec<Target>) {
        self.note_by(Actor::Administrator, kind, targets);
    }

    pub(crate) fn note_by(&mut self, actor: Actor, kind: EventType, targets: Vec<Target>) {
        self.log.add(self.now_ms, kind, actor, targets);
    }

    pub(crate) fn user_target(&self, index: u32) -> Target {
        let user = self.user(index);
        let text = |name: &str| user.as_ref().and_then(|user| user.text(name)).unwrap_or_default();
        Target {
            id: ids::encode(IdKind::User, index),
            kind: "User",
            alternate_id: text("login"),
            display_name: format!("{} {}", text("firstName"), text("lastName")).trim().to_owned(),
        }
    }

    pub(crate) fn group_target(&self, index: u32) -> Target {
        let name = self.group(index).map(|group| group.name.clone()).unwrap_or_default();
        Target {
            id: ids::encode(IdKind::Group, index),
            kind: "UserGroup",
            // Groups have no other name to show here.
            alternate_id: "unknown".to_owned(),
            display_name: name,
        }
    }

    pub(crate) fn app_target(&self, index: u32) -> Target {
        let label = self.apps.get(index as usize).map(|app| app.label.clone()).unwrap_or_default();
        Target {
            id: ids::encode(IdKind::App, index),
            kind: "AppInstance",
            alternate_id: label.clone(),
            display_name: label,
        }
    }
}
