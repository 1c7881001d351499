//! Groups as Okta sends them, and as records.

use rollcall_plugin::{Attribute, Attributes, Error, Group, Problem, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::profile::{Properties, filled, id_of};

/// A group, and what decides how its members are read.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub group: Group,
    /// `OKTA_GROUP`, `APP_GROUP`, `BUILT_IN`, or one that Okta added since.
    pub kind: String,
    /// How many members Okta counts; nothing where it didn't say.
    pub count: Option<u64>,
    /// When its members changed last, as Okta wrote it.
    pub members_changed: Option<String>,
}

impl Listed {
    /// Okta's group of all users. Its members are the user listing, so they are never requested.
    pub fn is_everyone(&self) -> bool {
        self.kind == "BUILT_IN" && self.group.name == "Everyone"
    }

    /// From a directory or an application, where its members are decided.
    pub fn is_imported(&self) -> bool {
        self.kind == "APP_GROUP"
    }

    /// Its members are decided in Okta.
    pub fn is_okta_s_own(&self) -> bool {
        self.kind == "OKTA_GROUP"
    }

    pub fn is_from_active_directory(&self) -> bool {
        let class = self.group.attributes.value("objectClass");
        matches!(class, Some(Value::Texts(classes)) if classes.iter().any(|one| one == ACTIVE_DIRECTORY))
    }
}

/// The class of groups that come from Active Directory.
const ACTIVE_DIRECTORY: &str = "okta:windows_security_principal";

/// The groups of a page, and what could not be read of it.
pub fn read(body: &str) -> Result<(Vec<Listed>, Vec<Problem>), Error> {
    let groups: Vec<&RawValue> = serde_json::from_str(body)
        .map_err(|error| Error::unexpected(format!("the answer is no list of groups: {error}")))?;
    let mut listed = Vec::with_capacity(groups.len());
    let mut problems = Vec::new();
    for json in groups {
        match serde_json::from_str::<OktaGroup<'_>>(json.get()) {
            Ok(group) if group.id.is_empty() => return Err(no_id()),
            Ok(group) => {
                let id = group.id.clone();
                match record(group) {
                    Ok(group) => listed.push(group),
                    Err(error) => problems.push(Problem::group(id, error)),
                }
            }
            Err(error) => {
                let problem = Error::unexpected(format!("the group can't be read: {error}"));
                problems.push(Problem::group(id_of(json).ok_or_else(no_id)?, problem));
            }
        }
    }
    Ok((listed, problems))
}

fn record(group: OktaGroup<'_>) -> Result<Listed, Error> {
    let mut name = None;
    let mut description = None;
    let mut others = group.profile.unwrap_or_default();
    others.0.retain(|(key, json)| {
        let field = match key.as_ref() {
            "name" => &mut name,
            "description" => &mut description,
            _ => return true,
        };
        if let Some(Value::Text(text)) = Value::from_json(json) {
            *field = Some(text);
        }
        false
    });
    let name = filled(name).ok_or_else(|| {
        Error::unexpected("the group has no name").with_hint("give the group a name in Okta")
    })?;

    let members_changed = group.last_membership_updated;
    // In the order of their names.
    let mut attributes = Vec::with_capacity(4 + others.0.len());
    attributes.extend(group.created.map(|created| Attribute::new("created", created)));
    attributes.extend(group.object_class.map(|classes| Attribute::new("objectClass", classes)));
    others.add_to(&mut attributes);
    let source = group.source.and_then(|source| source.id);
    attributes.extend(source.map(|id| Attribute::new("source.id", id)));
    let kind = group.kind.unwrap_or_default();
    attributes.extend((!kind.is_empty()).then(|| Attribute::new("type", kind.as_str())));

    let count = group.embedded.and_then(|embedded| embedded.stats).and_then(|stats| stats.users_count);
    let group = Group { id: group.id, name, description: filled(description), attributes };
    Ok(Listed { group, kind, count, members_changed })
}

fn no_id() -> Error {
    Error::unexpected("okta sent a group without an id")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OktaGroup<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    object_class: Option<Vec<String>>,
    created: Option<String>,
    last_membership_updated: Option<String>,
    source: Option<GroupSource>,
    #[serde(borrow)]
    profile: Option<Properties<'a>>,
    #[serde(rename = "_embedded")]
    embedded: Option<Embedded>,
}

/// The application that an imported group comes from.
#[derive(Deserialize)]
struct GroupSource {
    id: Option<String>,
}

#[derive(Deserialize)]
struct Embedded {
    stats: Option<Stats>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    users_count: Option<u64>,
}

#[cfg(test)]
mod tests {
    use rollcall_plugin::Subject;
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn groups_become_records() {
        let page = json!([
            {
                "id": "00g1", "created": "2015-02-06T10:11:28.000Z", "lastUpdated": "2015-10-05T19:16:43.000Z",
                "lastMembershipUpdated": "2015-11-28T19:15:32.000Z", "objectClass": ["okta:user_group"],
                "type": "OKTA_GROUP", "profile": {"name": "West Coast", "description": "West of the Rockies", "tier": 2},
                "_embedded": {"stats": {"usersCount": 12, "appsCount": 1, "hasAdminPrivilege": false, "_links": {}}},
                "_links": {"users": {"href": "https://a/api/v1/groups/00g1/users"}}
            },
            {
                "id": "00g2", "objectClass": ["okta:windows_security_principal"], "type": "APP_GROUP",
                "source": {"id": "0oa1"},
                "profile": {"name": "West Coast", "description": null, "dn": "CN=x", "objectSid": null}
            },
            {"id": "00g3", "type": "BUILT_IN", "profile": {"name": "Everyone", "description": ""},
             "_embedded": {"stats": {"usersCount": 0}}},
            {"id": "00g4", "profile": {"name": "Zoë"}}
        ]);
        let (groups, problems) = read(&page.to_string()).unwrap();
        assert_eq!(problems, []);
        assert_eq!(
            groups[0],
            Listed {
                group: Group {
                    id: "00g1".into(),
                    name: "West Coast".into(),
                    description: Some("West of the Rockies".into()),
                    attributes: vec![
                        Attribute::new("created", "2015-02-06T10:11:28.000Z"),
                        Attribute::new("objectClass", vec!["okta:user_group".to_owned()]),
                        Attribute::new("profile.tier", 2),
                        Attribute::new("type", "OKTA_GROUP"),
                    ],
                },
                kind: "OKTA_GROUP".into(),
                count: Some(12),
                members_changed: Some("2015-11-28T19:15:32.000Z".into()),
            }
        );
        let names: Vec<&str> = groups[1].group.attributes.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["objectClass", "profile.dn", "source.id", "type"]);
        assert_eq!((groups[1].count, &groups[1].group.description), (None, &None));
        assert_eq!(
            (groups[2].is_everyone(), groups[2].count, &groups[2].group.description),
            (true, Some(0), &None)
        );
        assert_eq!((groups[3].is_everyone(), groups[3].kind.as_str()), (false, ""));
    }

    #[test]
    fn only_okta_s_own_everyone_is_everyone() {
        for (kind, name, expected) in [
            ("BUILT_IN", "Everyone", true),
            ("OKTA_GROUP", "Everyone", false),
            ("BUILT_IN", "Okta Administrators", false),
        ] {
            let page = json!([{"id": "1", "type": kind, "profile": {"name": name}}]);
            assert_eq!(read(&page.to_string()).unwrap().0[0].is_everyone(), expected, "{kind} {name}");
        }
    }

    #[test]
    fn one_bad_group_costs_only_that_group() {
        let bad: [(Json, &str); 4] = [
            (json!({"id": "b"}), "the group has no name"),
            (json!({"id": "b", "profile": {"name": ""}}), "the group has no name"),
            (json!({"id": "b", "profile": {"name": 7}}), "the group has no name"),
            (
                json!({"id": "b", "profile": []}),
                "the group can't be read: invalid type: sequence, expected a profile",
            ),
        ];
        for (bad, message) in bad {
            let page =
                json!([{"id": "a", "profile": {"name": "A"}}, bad, {"id": "c", "profile": {"name": "C"}}]);
            let (groups, problems) = read(&page.to_string()).unwrap();
            assert_eq!(groups.len(), 2);
            assert_eq!(problems[0].subject, Some(Subject::Group("b".into())));
            assert!(problems[0].error.message.starts_with(message), "{}", problems[0].error.message);
        }
    }

    #[test]
    fn a_group_that_nobody_can_name_ends_the_run() {
        for body in ["[{}]", r#"[{"id":""}]"#, r#"[{"id":7}]"#, "[7]", "{}", "[{"] {
            assert_eq!(read(body).unwrap_err().code, Error::UNEXPECTED, "{body}");
        }
    }
}
