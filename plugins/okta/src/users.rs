//! Users as Okta sends them, and as records.
//!
//! Absent and null mean the same. In a user's own fields (user name, e-mail, names) an empty text means absent
//! too; other attributes stay as they are.

use std::borrow::Cow;
use std::fmt;

use rollcall_plugin::{Attribute, Error, Membership, Problem, Subject, User, date};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::profile::{Properties, Text, filled, id_of, text_or_null};
use crate::ranges::{Range, Span};
use crate::settings::{CORE, Settings, Timestamp};
use crate::status::{DEPROVISIONED, Statuses};

/// How user objects become records.
#[derive(Debug, Clone)]
pub struct UserReader {
    /// Sorted; nothing for all.
    attributes: Option<Vec<String>>,
    /// Those whose names sort before `profile.…`, and those after it.
    timestamps: [Vec<Timestamp>; 2],
    statuses: Statuses,
}

/// What a page of user objects says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct People {
    pub users: Vec<User>,
    pub problems: Vec<Problem>,
    /// The ids of those who are deactivated: Okta may leave them in groups that a rule put them into, and yet they
    /// are no members.
    pub left: Vec<String>,
    /// When they were created.
    pub span: Span,
}

impl People {
    /// How many there are, with those that could not be read and those who belong to another range.
    pub fn count(&self) -> usize {
        self.users.len() + self.problems.len() + self.span.before + self.span.beyond
    }

    /// The ids of those who are members of a group that lists them: all but those who left.
    pub fn members(&self) -> Vec<String> {
        let mut ids = self.ids();
        ids.retain(|id| !self.left.contains(id));
        ids
    }

    /// The ids of all of them, with those that could not be read.
    pub fn ids(&self) -> Vec<String> {
        let read = self.users.iter().map(|user| &user.id);
        let unread = self.problems.iter().filter_map(|problem| match &problem.subject {
            Some(Subject::User(id)) => Some(id),
            _ => None,
        });
        read.chain(unread).cloned().collect()
    }

    /// Takes those who left out of all groups, of Everyone too.
    pub fn in_no_group(&self) -> Option<Membership> {
        (!self.left.is_empty()).then(|| Membership::none(self.left.clone()))
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.problems.is_empty()
    }
}

impl UserReader {
    pub fn new(settings: &Settings) -> Self {
        let all = settings.attributes.iter().any(|name| name == "*");
        let mut attributes: Vec<String> =
            settings.attributes.iter().filter(|name| !CORE.contains(&name.as_str())).cloned().collect();
        attributes.sort_unstable();
        attributes.dedup();
        let asked = Timestamp::ALL.into_iter().filter(|timestamp| settings.timestamps.contains(timestamp));
        let (before, after) = asked.partition(|timestamp| timestamp.name() < "profile.");
        Self {
            attributes: (!all).then_some(attributes),
            timestamps: [before, after],
            statuses: Statuses::new(settings),
        }
    }

    /// The `fields` parameter: exactly what [`read`](Self::read) looks at.
    pub fn fields(&self) -> String {
        self.fields_with(&[])
    }

    /// The same, with more timestamps.
    pub fn fields_with(&self, more: &[Timestamp]) -> String {
        let mut fields = String::from("id,status,type");
        let own: Vec<&Timestamp> = self.timestamps.iter().flatten().collect();
        let more = more.iter().filter(|timestamp| !own.contains(timestamp));
        for timestamp in own.iter().copied().chain(more) {
            fields.push(',');
            fields.push_str(timestamp.name());
        }
        fields.push_str(",profile");
        if let Some(attributes) = &self.attributes {
            let names: Vec<&str> = CORE.into_iter().chain(attributes.iter().map(String::as_str)).collect();
            fields.push_str(&format!(":({})", names.join(",")));
        }
        fields
    }

    /// The users of a page. One that can't be read costs only itself, as long as its id is known.
    pub fn read(&self, body: &str) -> Result<People, Error> {
        self.read_range(body, &Range::ALL)
    }

    /// Those users of a page who belong to a range; of a page that isn't sorted by creation, all.
    pub fn read_range(&self, body: &str, range: &Range) -> Result<People, Error> {
        let people = self.read_part(body, range)?;
        match range.until.is_some() && people.span.disordered {
            true => self.read_part(body, &Range { until: None, ..*range }),
            false => Ok(people),
        }
    }

    fn read_part(&self, body: &str, range: &Range) -> Result<People, Error> {
        let mut people = People::default();
        match serde_json::from_str::<Vec<OktaUser<'_>>>(body) {
            Ok(users) => {
                people.users.reserve(users.len());
                users.into_iter().try_for_each(|user| self.add(user, range, &mut people))?;
            }
            // Something in this page has a shape that no documentation knows: find out what.
            Err(_) => {
                let users: Vec<&RawValue> = serde_json::from_str(body)
                    .map_err(|error| Error::unexpected(format!("the answer is no list of users: {error}")))?;
                for user in users {
                    match serde_json::from_str(user.get()) {
                        Ok(user) => self.add(user, range, &mut people)?,
                        Err(error) => {
                            let problem = Error::unexpected(format!("the user can't be read: {error}"));
                            people.problems.push(Problem::user(id_of(user).ok_or_else(no_id)?, problem));
                        }
                    }
                }
            }
        }
        Ok(people)
    }

    fn add(&self, mut user: OktaUser<'_>, range: &Range, people: &mut People) -> Result<(), Error> {
        if user.id.is_empty() {
            return Err(no_id());
        }
        if let Some(created) = user.created.as_deref().and_then(|created| date::parse(created).ok()) {
            if range.from.is_some_and(|from| created < from) {
                people.span.before += 1;
                return Ok(());
            }
            people.span.add(created, range);
            if range.until.is_some_and(|until| created >= until) {
                people.span.beyond += 1;
                return Ok(());
            }
        }
        if user.status.as_deref() == Some(DEPROVISIONED) {
            people.left.push(user.id.clone());
        }
        match self.record(&mut user) {
            Ok(record) => people.users.push(record),
            Err(error) => people.problems.push(Problem::user(user.id, error)),
        }
        Ok(())
    }

    /// Takes from the user object what makes a record; its id only when there is one.
    fn record(&self, user: &mut OktaUser<'_>) -> Result<User, Error> {
        let status = user.status.take().ok_or_else(|| Error::unexpected("the user has no status"))?;
        let active = self.statuses.is_active(&status)?;
        let mut profile = user.profile.take().unwrap_or_default();
        let username = filled(profile.login).ok_or_else(|| {
            Error::unexpected("the user has no login").with_hint("give the user a login in Okta's profile")
        })?;
        let given_name = filled(profile.first_name);
        let family_name = filled(profile.last_name);
        let display_name =
            filled(profile.display_name).or_else(|| full_name(given_name.as_deref(), family_name.as_deref()));

        // In the order of their names.
        let [before, after] = &self.timestamps;
        let mut attributes = Vec::with_capacity(2 + before.len() + after.len() + profile.others.0.len());
        attributes.extend(before.iter().filter_map(|timestamp| user.attribute(*timestamp)));
        profile.others.0.retain(|(name, _)| self.wants(name));
        profile.others.add_to(&mut attributes);
        attributes.push(Attribute::new("status", status.into_owned()));
        attributes.extend(after.iter().filter_map(|timestamp| user.attribute(*timestamp)));
        let kind = user.kind.take().and_then(|kind| kind.id);
        attributes.extend(kind.map(|id| Attribute::new("type.id", id)));

        Ok(User {
            id: std::mem::take(&mut user.id),
            username,
            email: filled(profile.email),
            display_name,
            given_name,
            family_name,
            active,
            attributes,
        })
    }

    fn wants(&self, attribute: &str) -> bool {
        match &self.attributes {
            None => true,
            Some(names) => names.binary_search_by(|name| name.as_str().cmp(attribute)).is_ok(),
        }
    }
}

/// A display name for those to whom Okta gives none, as its own pages show them.
fn full_name(given: Option<&str>, family: Option<&str>) -> Option<String> {
    match (given, family) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        (Some(name), None) | (None, Some(name)) => Some(name.to_owned()),
        (None, None) => None,
    }
}

/// Nobody could tell whom to leave as they are, so this can't be a problem of one user only.
fn no_id() -> Error {
    Error::unexpected("okta sent a user without an id")
}

/// A user object, as far as it matters here. Unknown properties may appear at any time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OktaUser<'a> {
    id: String,
    #[serde(default, borrow, deserialize_with = "text_or_null")]
    status: Option<Cow<'a, str>>,
    #[serde(rename = "type")]
    kind: Option<UserType>,
    created: Option<String>,
    activated: Option<String>,
    status_changed: Option<String>,
    last_login: Option<String>,
    last_updated: Option<String>,
    password_changed: Option<String>,
    #[serde(borrow)]
    profile: Option<Profile<'a>>,
}

impl OktaUser<'_> {
    fn attribute(&mut self, timestamp: Timestamp) -> Option<Attribute> {
        let value = match timestamp {
            Timestamp::Activated => &mut self.activated,
            Timestamp::Created => &mut self.created,
            Timestamp::LastLogin => &mut self.last_login,
            Timestamp::LastUpdated => &mut self.last_updated,
            Timestamp::PasswordChanged => &mut self.password_changed,
            Timestamp::StatusChanged => &mut self.status_changed,
        };
        value.take().map(|value| Attribute::new(timestamp.name(), value))
    }
}

#[derive(Deserialize)]
struct UserType {
    id: Option<String>,
}

#[derive(Default)]
struct Profile<'a> {
    login: Option<String>,
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    display_name: Option<String>,
    others: Properties<'a>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Profile<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Profile<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a profile")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut profile = Profile::default();
                while let Some(Text(name)) = map.next_key()? {
                    match name.as_ref() {
                        "login" => profile.login = map.next_value()?,
                        "email" => profile.email = map.next_value()?,
                        "firstName" => profile.first_name = map.next_value()?,
                        "lastName" => profile.last_name = map.next_value()?,
                        "displayName" => profile.display_name = map.next_value()?,
                        _ => profile.others.0.push((name, map.next_value()?)),
                    }
                }
                Ok(profile)
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use rollcall_plugin::{Attributes, Value};
    use serde_json::{Value as Json, json};

    use super::*;

    fn reader(settings: Json) -> UserReader {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        UserReader::new(&settings.checked().unwrap())
    }

    fn read(settings: Json, users: Json) -> People {
        reader(settings).read(&users.to_string()).unwrap()
    }

    /// A user as Okta sends one without `fields` (its OpenAPI document, ListUsersResponse).
    fn alice() -> Json {
        json!({
            "id": "00u118oQYT4TBTemp0g4", "status": "ACTIVE", "created": "2022-04-04T15:56:05.000Z",
            "activated": null, "statusChanged": null, "lastLogin": "2022-05-04T19:50:52.000Z",
            "lastUpdated": "2022-05-05T18:15:44.000Z", "passwordChanged": "2022-04-04T16:00:22.000Z",
            "type": { "id": "oty1162QAr8hJjTaq0g4" },
            "profile": {
                "firstName": "Alice", "lastName": "Smith", "mobilePhone": null, "secondEmail": null,
                "login": "alice.smith@example.com", "email": "alice.smith@example.com"
            },
            "credentials": { "password": {}, "provider": { "type": "OKTA", "name": "OKTA" } },
            "_links": { "self": { "href": "http://your-subdomain.okta.com/api/v1/users/00u118oQYT4TBGuay0g4" } }
        })
    }

    #[test]
    fn a_user_becomes_a_record() {
        let people = read(json!({}), json!([alice()]));
        assert_eq!(people.problems, []);
        assert_eq!(people.ids(), ["00u118oQYT4TBTemp0g4"]);
        assert_eq!(
            people.users,
            [User {
                id: "00u118oQYT4TBTemp0g4".into(),
                username: "alice.smith@example.com".into(),
                email: Some("alice.smith@example.com".into()),
                display_name: Some("Alice Smith".into()),
                given_name: Some("Alice".into()),
                family_name: Some("Smith".into()),
                active: true,
                attributes: vec![
                    Attribute::new("created", "2022-04-04T15:56:05.000Z"),
                    Attribute::new("status", "ACTIVE"),
                    Attribute::new("type.id", "oty1162QAr8hJjTaq0g4"),
                ],
            }]
        );
    }

    #[test]
    fn custom_attributes_of_every_type() {
        let mut user = alice();
        user["profile"] = json!({
            "login": "a@x", "text": "Zoë \"Z\" \\", "empty": "", "yes": true, "whole": -7, "part": 1.5,
            "texts": ["a", "b"], "numbers": [1, 2.5], "none": null, "unwanted": 1, "list": []
        });
        let names = ["text", "empty", "yes", "whole", "part", "texts", "numbers", "none", "list", "big"];
        let body =
            json!([user]).to_string().replace("\"unwanted\"", "\"big\":18446744073709551616,\"unwanted\"");
        let people = reader(json!({"attributes": names, "timestamps": []})).read(&body).unwrap();
        let expected = [
            ("profile.big", Value::Json("18446744073709551616".into())),
            ("profile.empty", Value::Text(String::new())),
            ("profile.list", Value::Texts(vec![])),
            ("profile.numbers", Value::Json("[1,2.5]".into())),
            ("profile.part", Value::Decimal(1.5)),
            ("profile.text", Value::Text("Zoë \"Z\" \\".into())),
            ("profile.texts", Value::Texts(vec!["a".into(), "b".into()])),
            ("profile.whole", Value::Integer(-7)),
            ("profile.yes", Value::Boolean(true)),
            ("status", Value::Text("ACTIVE".into())),
            ("type.id", Value::Text("oty1162QAr8hJjTaq0g4".into())),
        ];
        assert_eq!(people.users[0].attributes, expected.map(|(name, value)| Attribute::new(name, value)));
    }

    #[test]
    fn all_attributes_when_asked_for() {
        let settings =
            json!({"attributes": ["*"], "timestamps": ["lastLogin", "lastUpdated", "passwordChanged"]});
        let mut user = alice();
        user["profile"]["city"] = json!("Chicago");
        let people = read(settings, json!([user]));
        let attributes = &people.users[0].attributes;
        assert_eq!(attributes.text("profile.city"), Some("Chicago"));
        assert_eq!(attributes.text("lastLogin"), Some("2022-05-04T19:50:52.000Z"));
        assert_eq!(attributes.text("lastUpdated"), Some("2022-05-05T18:15:44.000Z"));
        assert_eq!(attributes.text("passwordChanged"), Some("2022-04-04T16:00:22.000Z"));
        assert_eq!(attributes.value("profile.mobilePhone"), None);
        assert_eq!(attributes.value("profile.login"), None, "it is the user name");
    }

    #[test]
    fn absent_null_and_empty_mean_the_same_in_a_users_own_fields() {
        let bare = json!({"id": "1", "status": "STAGED", "profile": {"login": "a@x"}});
        let expected = read(json!({}), json!([bare])).users;
        for nothing in [json!(null), json!(""), json!("  ")] {
            let user = json!({
                "id": "1", "status": "STAGED", "created": null, "type": null,
                "profile": {
                    "login": "a@x", "email": nothing, "firstName": nothing, "lastName": nothing,
                    "displayName": nothing, "department": null
                }
            });
            assert_eq!(read(json!({}), json!([user])).users, expected, "{nothing:?}");
        }
        assert_eq!(expected[0].display_name, None);
        assert_eq!(expected[0].attributes, [Attribute::new("status", "STAGED")]);
    }

    #[test]
    fn a_display_name_of_okta_s_own_wins() {
        for (profile, expected) in [
            (json!({"displayName": "Ali", "firstName": "Alice", "lastName": "Smith"}), Some("Ali")),
            (json!({"firstName": "Alice", "lastName": "Smith"}), Some("Alice Smith")),
            (json!({"firstName": "Alice"}), Some("Alice")),
            (json!({"lastName": "Smith"}), Some("Smith")),
            (json!({}), None),
        ] {
            let mut user = json!({"id": "1", "status": "ACTIVE", "profile": profile});
            user["profile"]["login"] = json!("a@x");
            assert_eq!(read(json!({}), json!([user])).users[0].display_name.as_deref(), expected);
        }
    }

    #[test]
    fn one_bad_user_costs_only_that_user() {
        let good =
            |id: &str| json!({"id": id, "status": "ACTIVE", "profile": {"login": id}, "new": {"x": [1]}});
        for (bad, code, message) in [
            (
                json!({"status": "HIBERNATING", "profile": {"login": "b"}}),
                "unknown-status",
                "the user's status is \"HIBERNATING\", which this plugin doesn't know",
            ),
            (json!({"profile": {"login": "b"}}), "unexpected", "the user has no status"),
            (json!({"status": "ACTIVE"}), "unexpected", "the user has no login"),
            (json!({"status": "ACTIVE", "profile": null}), "unexpected", "the user has no login"),
            (json!({"status": "ACTIVE", "profile": {"login": null}}), "unexpected", "the user has no login"),
            (json!({"status": "ACTIVE", "profile": {"login": " "}}), "unexpected", "the user has no login"),
            (
                json!({"status": "ACTIVE", "profile": {"login": 7}}),
                "unexpected",
                "the user can't be read: invalid type: integer `7`, expected a string at line 1 column",
            ),
            (
                json!({"status": ["ACTIVE"], "profile": {"login": "b"}}),
                "unexpected",
                "the user can't be read: invalid type: sequence, expected a string",
            ),
            (
                json!({"status": "ACTIVE", "profile": 7}),
                "unexpected",
                "the user can't be read: invalid type: integer `7`, expected a profile",
            ),
        ] {
            let mut bad = bad;
            bad["id"] = json!("b");
            let people = read(json!({}), json!([good("a"), bad, good("c")]));
            let names: Vec<&str> = people.users.iter().map(|user| user.username.as_str()).collect();
            assert_eq!(names, ["a", "c"]);
            assert_eq!(people.members(), ["a", "c", "b"]);
            let [problem] = people.problems.as_slice() else { panic!("one problem: {:?}", people.problems) };
            assert_eq!(problem.subject, Some(Subject::User("b".into())));
            assert_eq!(problem.error.code, code);
            assert!(problem.error.message.starts_with(message), "{}", problem.error.message);
        }
    }

    #[test]
    fn a_user_that_nobody_can_name_ends_the_run() {
        for body in [
            json!([{"status": "ACTIVE", "profile": {"login": "a"}}]),
            json!([{"id": "", "status": "ACTIVE", "profile": {"login": "a"}}]),
            json!([{"id": null}]),
            json!([7]),
            json!({"id": "1"}),
        ] {
            let error = reader(json!({})).read(&body.to_string()).unwrap_err();
            assert_eq!(error.code, Error::UNEXPECTED, "{body}");
        }
        assert!(reader(json!({})).read("[{\"id\":\"1\"").is_err(), "cut off");
    }

    #[test]
    fn the_order_of_attributes_does_not_matter() {
        let one = r#"[{"id":"1","status":"ACTIVE","profile":{"login":"a","title":"t","department":"d"}}]"#;
        let other = r#"[{"profile":{"department":"d","title":"t","login":"a"},"status":"ACTIVE","id":"1"}]"#;
        let reader = reader(json!({}));
        assert_eq!(reader.read(one).unwrap(), reader.read(other).unwrap());
    }

    #[test]
    fn the_fields_asked_for_are_those_read() {
        assert_eq!(
            reader(
                json!({"attributes": ["title", "email", "badge_no", "title"], "timestamps": ["lastLogin"]})
            )
            .fields(),
            "id,status,type,lastLogin,profile:(login,email,firstName,lastName,displayName,badge_no,title)"
        );
        assert_eq!(
            reader(json!({"attributes": ["title", "*"], "timestamps": []})).fields(),
            "id,status,type,profile"
        );
    }
}
