//! Events of the System Log.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::rng::mix;
use crate::time::write_millis;

/// What happened: the event types Okta names, with the text it shows for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventType {
    pub(crate) name: &'static str,
    pub(crate) message: &'static str,
}

macro_rules! event_types {
    ($($constant:ident = $name:literal, $message:literal;)*) => {
        $(pub(crate) const $constant: EventType = EventType { name: $name, message: $message };)*
    };
}

event_types! {
    USER_CREATE = "user.lifecycle.create", "Create okta user";
    USER_ACTIVATE = "user.lifecycle.activate", "Activate Okta user";
    USER_DEACTIVATE = "user.lifecycle.deactivate", "Deactivate Okta user";
    USER_SUSPEND = "user.lifecycle.suspend", "Suspend Okta user";
    USER_UNSUSPEND = "user.lifecycle.unsuspend", "Unsuspend Okta user";
    USER_REACTIVATE = "user.lifecycle.reactivate", "Reactivate Okta user";
    USER_DELETE_INITIATED = "user.lifecycle.delete.initiated", "Delete Okta user initiated";
    USER_DELETE_COMPLETED = "user.lifecycle.delete.completed", "Delete Okta user completed";
    USER_UPDATE_PROFILE = "user.account.update_profile", "Update user profile for Okta";
    USER_LOCK = "user.account.lock", "Max sign in attempts exceeded";
    USER_UNLOCK = "user.account.unlock", "User account unlock";
    USER_RESET_PASSWORD = "user.account.reset_password", "User reset password for Okta";
    GROUP_CREATE = "group.lifecycle.create", "Create okta group";
    GROUP_DELETE = "group.lifecycle.delete", "Delete okta group";
    GROUP_UPDATE_PROFILE = "group.profile.update", "Update group profile";
    MEMBER_ADD = "group.user_membership.add", "Add user to group membership";
    MEMBER_REMOVE = "group.user_membership.remove", "Remove user from group membership";
    IMPORT_GROUP_UPDATE = "system.import.group.update", "Update group from import";
    APP_CREATE = "application.lifecycle.create", "Create application";
    APP_USER_ADD = "application.user_membership.add", "Add user to application membership";
    APP_USER_REMOVE = "application.user_membership.remove", "Remove user's application membership";
    APP_GROUP_ADD = "group.application_assignment.add", "Add assigned application to group";
    APP_GROUP_REMOVE = "group.application_assignment.remove", "Remove assigned application from group";
}

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The administrator whose token the simulator knows.
    Administrator,
    /// Okta itself: rules and imports.
    System,
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) id: String,
    /// `User`, `UserGroup`, `AppInstance` or `AppUser`.
    pub(crate) kind: &'static str,
    pub(crate) alternate_id: String,
    pub(crate) display_name: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// Counts events in the order they happened, from 1.
    pub(crate) serial: u64,
    /// When it happened, in milliseconds since 1970.
    pub(crate) published_ms: u64,
    /// When the log holds it: a query before finds it not.
    pub(crate) persisted_ms: u64,
    pub(crate) kind: EventType,
    pub(crate) actor: Actor,
    pub(crate) targets: Vec<Target>,
}

impl Event {
    /// The event's own id, in the form of a random UUID.
    pub(crate) fn uuid(&self) -> String {
        let (high, low) = (mix(self.serial), mix(!self.serial));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
    }

    /// Locking is the one thing here that isn't as it should be.
    fn severity(&self) -> &'static str {
        if self.kind == USER_LOCK { "WARN" } else { "INFO" }
    }

    /// The event as `GET /api/v1/logs` shows it; `administrator` is who [`Actor::Administrator`] stands for.
    pub(crate) fn json(&self, administrator: &Target) -> Value {
        let target = |target: &Target| {
            json!({
                "id": target.id,
                "type": target.kind,
                "alternateId": target.alternate_id,
                "displayName": target.display_name,
                "detailEntry": null,
            })
        };
        let transaction = format!("{:016x}", mix(self.serial ^ 0x7472));
        json!({
            "actor": target(&self.actor(administrator)),
            "client": {
                "userAgent": null, "zone": null, "device": null, "id": null, "ipAddress": null,
                "geographicalContext": null,
            },
            "device": null,
            "authenticationContext": {
                "authenticationProvider": null, "credentialProvider": null, "credentialType": null,
                "issuer": null, "interface": null, "authenticationStep": 0, "externalSessionId": "unknown",
            },
            "displayMessage": self.kind.message,
            "eventType": self.kind.name,
            "outcome": { "result": "SUCCESS", "reason": null },
            "published": millis(self.published_ms),
            "securityContext": {
                "asNumber": null, "asOrg": null, "isp": null, "domain": null, "isProxy": null,
            },
            "severity": self.severity(),
            "debugContext": { "debugData": {} },
            "legacyEventType": null,
            "transaction": { "type": "WEB", "id": transaction, "detail": {} },
            "uuid": self.uuid(),
            "version": "0",
            "request": { "ipChain": [] },
            "target": self.targets.iter().map(target).collect::<Vec<_>>(),
        })
    }

    fn actor<'a>(&self, administrator: &'a Target) -> Cow<'a, Target> {
        match self.actor {
            Actor::Administrator => Cow::Borrowed(administrator),
            Actor::System => Cow::Owned(Target {
                id: "unknown".to_owned(),
                kind: "SystemPrincipal",
                alternate_id: "system@okta.com".to_owned(),
                display_name: "Okta System".to_owned(),
            }),
        }
    }

    /// The texts under a name that a `filter` may compare: several for targets, none for an unknown name.
    pub(crate) fn texts(&self, name: &str, administrator: &Target) -> Option<Vec<String>> {
        let part = |target: &Target, part: &str| match part {
            "id" => Some(target.id.clone()),
            "type" => Some(target.kind.to_owned()),
            "alternateId" => Some(target.alternate_id.clone()),
            "displayName" => Some(target.display_name.clone()),
            _ => None,
        };
        match name {
            "eventType" => Some(vec![self.kind.name.to_owned()]),
            "displayMessage" => Some(vec![self.kind.message.to_owned()]),
            "severity" => Some(vec![self.severity().to_owned()]),
            "outcome.result" => Some(vec!["SUCCESS".to_owned()]),
            "uuid" => Some(vec![self.uuid()]),
            _ => match name.split_once('.')? {
                ("actor", name) => Some(vec![part(&self.actor(administrator), name)?]),
                ("target", name) => self.targets.iter().map(|target| part(target, name)).collect(),
                _ => None,
            },
        }
    }
}

/// Names that [`Event::texts`] knows.
pub(crate) const TEXTS: [&str; 13] = [
    "eventType",
    "displayMessage",
    "severity",
    "outcome.result",
    "uuid",
    "actor.id",
    "actor.type",
    "actor.alternateId",
    "actor.displayName",
    "target.id",
    "target.type",
    "target.alternateId",
    "target.displayName",
];

fn millis(millis: u64) -> String {
    let mut text = Vec::with_capacity(24);
    write_millis(&mut text, millis as i64);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(serial: u64) -> Event {
        let target = |kind, id: &str| Target {
            id: id.to_owned(),
            kind,
            alternate_id: format!("{id}@acme.example"),
            display_name: id.to_uppercase(),
        };
        Event {
            serial,
            published_ms: 1_767_225_600_123,
            persisted_ms: 1_767_225_600_123,
            kind: MEMBER_ADD,
            actor: Actor::System,
            targets: vec![target("User", "u"), target("UserGroup", "g")],
        }
    }

    #[test]
    fn an_event_has_the_documented_shape() {
        let shown = event(1).json(&event(1).targets[0]);
        assert_eq!(shown["published"], "2026-01-01T00:00:00.123Z");
        assert_eq!(shown["actor"]["type"], "SystemPrincipal");
        assert_eq!(shown["target"][1]["alternateId"], "g@acme.example");
        assert_eq!((&shown["severity"], &shown["outcome"]["result"]), (&json!("INFO"), &json!("SUCCESS")));
        assert_eq!(shown["uuid"].as_str().unwrap().len(), 36);
        assert_ne!(event(1).uuid(), event(2).uuid());
    }

    #[test]
    fn every_listed_name_has_texts() {
        let event = event(1);
        for name in TEXTS {
            assert!(event.texts(name, &event.targets[0]).is_some_and(|texts| !texts.is_empty()), "{name}");
        }
        assert_eq!(event.texts("target.id", &event.targets[0]).unwrap(), ["u", "g"]);
        assert_eq!(event.texts("target.nonsense", &event.targets[0]), None);
    }
}
