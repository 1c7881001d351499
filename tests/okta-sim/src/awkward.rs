//! Data that real organisations have and test data usually lacks.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::generate::LAST_DAY;
use crate::model::{GroupType, Status, User};
use crate::org::Org;
use crate::time::Timestamp;

/// Populations below this size stay ordinary: there is no room for one user of each kind.
pub(crate) const SMALLEST: u32 = 30;

/// Awkward users, placed evenly among the others.
const USERS: [fn(&mut User); 23] = [
    |user| set_status(user, Status::LockedOut),
    |user| set_status(user, Status::Suspended),
    |user| set_status(user, Status::Staged),
    |user| set_status(user, Status::Provisioned),
    |user| set_status(user, Status::Recovery),
    |user| set_status(user, Status::PasswordExpired),
    // The next two are put in a group that a rule fills, where deactivated users stay.
    |user| set_status(user, Status::Deprovisioned),
    |user| {
        set_status(user, Status::Deprovisioned);
        user.set_attribute("department", json!("Legal"));
    },
    |user| {
        // An asynchronous deactivation under way.
        set_status(user, Status::Active);
        user.transitioning_to = Some(Status::Deprovisioned);
    },
    |user| {
        set_status(user, Status::Active);
        set_all(
            user,
            &[
                ("firstName", json!("Zoë")),
                ("lastName", json!("Ångström-Łukasiewicz")),
                ("displayName", json!("Zoë Ångström-Łukasiewicz")),
                ("login", json!("zoë.ångström@acme.example")),
                ("email", json!("zoe.angstrom@acme.example")),
            ],
        );
    },
    |user| {
        set_status(user, Status::Active);
        set_all(
            user,
            &[
                ("firstName", json!("花子")),
                ("lastName", json!("山田")),
                ("displayName", json!("山田 花子")),
                ("city", json!("東京")),
            ],
        );
    },
    |user| {
        // Right to left, and a name whose accents are combining characters.
        set_status(user, Status::Active);
        set_all(user, &[("firstName", json!("مريم")), ("lastName", json!("Jose\u{301} Nu\u{303}ez"))]);
    },
    |user| {
        // First and last name may be null by schema.
        set_status(user, Status::Active);
        set_all(
            user,
            &[
                ("firstName", Value::Null),
                ("lastName", Value::Null),
                ("displayName", Value::Null),
                ("department", Value::Null),
            ],
        );
    },
    |user| {
        set_status(user, Status::Active);
        set_all(
            user,
            &[
                ("displayName", json!("")),
                ("department", json!("")),
                ("secondEmail", json!("")),
                ("skills", json!([])),
                ("siteCodes", json!([])),
            ],
        );
    },
    |user| {
        set_status(user, Status::Active);
        set_all(
            user,
            &[
                ("lastName", json!("L".repeat(50))),
                ("displayName", json!("Very long name ".repeat(60))),
                ("streetAddress", json!("Ä".repeat(1024))),
            ],
        );
    },
    |user| {
        // A login with a slash can be read by id only.
        set_status(user, Status::Active);
        set_all(
            user,
            &[("login", json!("ops/night+1%25@acme.example")), ("email", json!("ops+night@acme.example"))],
        );
    },
    |user| {
        set_status(user, Status::Active);
        set_all(
            user,
            &[("login", json!("Mixed.CASE@Acme.Example")), ("email", json!("mixed.case@acme.example"))],
        );
    },
    |user| {
        set_status(user, Status::Active);
        user.set_attribute("email", json!("shared.mailbox@acme.example"));
    },
    |user| {
        set_status(user, Status::Active);
        user.set_attribute("email", json!("Shared.Mailbox@acme.example"));
    },
    |user| {
        set_status(user, Status::Active);
        set_all(
            user,
            &[
                ("displayName", json!("Quote \" back\\slash \ttab \u{2028} <b>&amp;</b> ,;=")),
                ("title", json!(" leading and trailing ")),
                ("division", json!("line one\nline two")),
            ],
        );
    },
    |user| {
        // A service account: no domain in the login, nobody ever logged in.
        set_status(user, Status::Active);
        user.last_login = None;
        user.password_changed = None;
        set_all(user, &[("login", json!("svc-backup")), ("email", json!("svc-backup@acme.example"))]);
    },
    // Two users whose short login is ambiguous.
    |user| {
        set_status(user, Status::Active);
        user.set_attribute("login", json!("twin@a.acme.example"));
    },
    |user| {
        set_status(user, Status::Active);
        user.set_attribute("login", json!("twin@b.acme.example"));
    },
];

/// Which of [`USERS`] are deprovisioned members of a group.
const LEAVERS: [usize; 2] = [6, 7];

/// Replaces ordinary users by awkward ones; returns the deprovisioned users that stay in a group.
pub(crate) fn place_users(org: &mut Org) -> Vec<u32> {
    let stride = org.user_indices() / (USERS.len() as u32 + 1);
    let place = |nth: usize| (nth as u32 + 1) * stride;
    for (nth, change) in USERS.iter().enumerate() {
        if let Some(mut user) = org.user(place(nth)).map(Cow::into_owned) {
            change(&mut user);
            org.put_user(place(nth), user);
        }
    }
    LEAVERS.iter().map(|&nth| place(nth)).collect()
}

fn set_all(user: &mut User, values: &[(&str, Value)]) {
    for (name, value) in values {
        user.set_attribute(name, value.clone());
    }
}

/// Gives a user the status and the timestamps that go with it.
fn set_status(user: &mut User, status: Status) {
    user.status = status;
    if status == Status::Staged {
        (user.activated, user.status_changed, user.last_login, user.password_changed) =
            (None, None, None, None);
        return;
    }
    let activated = user.activated.unwrap_or(user.created);
    user.activated = Some(activated);
    user.status_changed = Some(if matches!(status, Status::Active | Status::Provisioned) {
        activated
    } else {
        Timestamp((activated.0 + 86_400).min(LAST_DAY))
    });
    user.last_updated = user.last_updated.max(user.status_changed.unwrap_or(activated));
    if status == Status::Provisioned {
        (user.last_login, user.password_changed) = (None, None);
    }
}

/// How an awkward group differs from an ordinary one.
pub(crate) struct AwkwardGroup {
    pub(crate) kind: GroupType,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) content: Content,
}

/// Who is in an awkward group.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Ordinary,
    /// Three users in five, up to twelve pages of 1,000.
    ManyPages,
    /// A rule-fed group with deprovisioned members.
    Leavers,
}

/// The groups every awkward population begins with, after Everyone.
pub(crate) fn groups() -> Vec<AwkwardGroup> {
    use Content::{Leavers, ManyPages, Ordinary};
    use GroupType::{AppGroup, BuiltIn, OktaGroup};
    let group = |kind, name: &str, description: Option<&str>, content| AwkwardGroup {
        kind,
        name: name.to_owned(),
        description: description.map(str::to_owned),
        content,
    };
    vec![
        group(BuiltIn, "Okta Administrators", Some("Okta manages this group"), Ordinary),
        group(OktaGroup, "Everyone in Engineering", Some("Three in five people"), ManyPages),
        group(OktaGroup, "Former and current Legal", Some("Filled by a rule"), Leavers),
        group(OktaGroup, "Engineering", Some("Made in Okta"), Ordinary),
        group(AppGroup, "Engineering", Some("Imported under the same name"), Ordinary),
        group(OktaGroup, "engineering", None, Ordinary),
        group(OktaGroup, "Équipe Développement – 東京", None, Ordinary),
        group(OktaGroup, "No description", Some(""), Ordinary),
        group(OktaGroup, &"Long group name ".repeat(16)[..255], Some(&"long ".repeat(200)), Ordinary),
        group(
            OktaGroup,
            "Quote \" back\\slash, comma; <angle> & 100% /slash?",
            Some("line one\nline two"),
            Ordinary,
        ),
    ]
}
