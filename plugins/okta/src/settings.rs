use rollcall_plugin::Error;
use serde::Deserialize;

/// The connector's settings. `plugin.toml` describes each of them for admins; a test keeps both equal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Profile attributes to read besides login, email, firstName, lastName and displayName; `*` is all.
    pub attributes: Vec<String>,
    /// Timestamps to read as attributes of users.
    pub timestamps: Vec<Timestamp>,
    /// Statuses of users that count as active. Any other known status counts as inactive.
    pub active_statuses: Vec<String>,
    /// More statuses that count as inactive: for one that Okta added after this plugin was made.
    pub inactive_statuses: Vec<String>,
    /// Only the people and groups that are assigned to this application sync: its id or label.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub app: Option<String>,
    pub users: UserSettings,
    pub groups: GroupSettings,
    pub changes: ChangesSettings,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct UserSettings {
    /// Okta's own expression, evaluated by Okta: only the users whom it finds sync.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub search: Option<String>,
}

/// How runs of changes read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChangesSettings {
    /// How long before the last run's beginning a run of changes begins.
    pub overlap_minutes: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupSettings {
    /// Only members of these groups sync: names or ids.
    pub required: Vec<String>,
    /// Okta's own expression, evaluated by Okta. Not together with `filter`.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub search: Option<String>,
    /// Okta's own expression, evaluated by Okta. Not together with `search`.
    #[cfg_attr(test, serde(skip_serializing_if = "Option::is_none"))]
    pub filter: Option<String>,
    /// Patterns of names, with `*` and `?`.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub include_ids: Vec<String>,
    pub exclude_ids: Vec<String>,
    pub include_types: Vec<String>,
    pub exclude_types: Vec<String>,
    /// Where imported groups sync from: ids of applications, or `active_directory`.
    pub sources: Vec<String>,
    /// What imported groups are called.
    pub app_names: AppNames,
    /// Do upper and lower case mean the same in `required`, `include` and `exclude`?
    pub ignore_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub enum AppNames {
    #[default]
    AsIs,
    /// By Active Directory's qualified name (`ACME\Engineering`) or with the source's id: `Engineering (0oa…)`.
    Qualified,
}

/// A timestamp of a user object, as Okta names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "camelCase")]
pub enum Timestamp {
    Created,
    Activated,
    StatusChanged,
    LastLogin,
    LastUpdated,
    PasswordChanged,
}

impl Timestamp {
    /// In the order of their names.
    pub const ALL: [Self; 6] = [
        Timestamp::Activated,
        Timestamp::Created,
        Timestamp::LastLogin,
        Timestamp::LastUpdated,
        Timestamp::PasswordChanged,
        Timestamp::StatusChanged,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Timestamp::Created => "created",
            Timestamp::Activated => "activated",
            Timestamp::StatusChanged => "statusChanged",
            Timestamp::LastLogin => "lastLogin",
            Timestamp::LastUpdated => "lastUpdated",
            Timestamp::PasswordChanged => "passwordChanged",
        }
    }
}

/// The profile attributes that become a user's own fields.
pub const CORE: [&str; 5] = ["login", "email", "firstName", "lastName", "displayName"];

/// What says where somebody works, and in what language: neither phone numbers nor addresses.
const ATTRIBUTES: [&str; 12] = [
    "employeeNumber",
    "userType",
    "title",
    "department",
    "division",
    "organization",
    "costCenter",
    "manager",
    "managerId",
    "countryCode",
    "locale",
    "timezone",
];

/// Who can sign in, or could after setting a password or waiting out a lock. Okta moves people to
/// `PASSWORD_EXPIRED` and `LOCKED_OUT` for what happened at a login, not because they left.
const ACTIVE: [&str; 5] = ["ACTIVE", "PROVISIONED", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"];

impl Default for Settings {
    fn default() -> Self {
        Self {
            attributes: ATTRIBUTES.map(str::to_owned).to_vec(),
            timestamps: vec![Timestamp::Created, Timestamp::Activated, Timestamp::StatusChanged],
            active_statuses: ACTIVE.map(str::to_owned).to_vec(),
            inactive_statuses: Vec::new(),
            app: None,
            users: UserSettings::default(),
            groups: GroupSettings::default(),
            changes: ChangesSettings::default(),
        }
    }
}

impl Default for ChangesSettings {
    fn default() -> Self {
        Self { overlap_minutes: 5 }
    }
}

impl Default for GroupSettings {
    fn default() -> Self {
        Self {
            required: Vec::new(),
            search: None,
            filter: None,
            include: Vec::new(),
            exclude: Vec::new(),
            include_ids: Vec::new(),
            exclude_ids: Vec::new(),
            include_types: Vec::new(),
            exclude_types: Vec::new(),
            sources: Vec::new(),
            app_names: AppNames::AsIs,
            ignore_case: true,
        }
    }
}

impl Settings {
    /// Refuses what a schema can't, and brings names into the form that Okta uses.
    pub fn checked(mut self) -> Result<Self, Error> {
        for (index, name) in self.attributes.iter_mut().enumerate() {
            if let Some(bare) = name.strip_prefix("profile.") {
                *name = bare.to_owned();
            }
            let known =
                |character: char| character.is_ascii_alphanumeric() || character == '_' || character == '-';
            if name != "*" && (name.is_empty() || !name.chars().all(known)) {
                return Err(Error::settings(
                    format!("attributes.{index}"),
                    format!("{name:?} is not the name of a profile attribute"),
                )
                .with_hint("use the variable name that Okta shows in the Profile Editor, or \"*\" for all"));
            }
        }
        for statuses in [&mut self.active_statuses, &mut self.inactive_statuses] {
            statuses.iter_mut().for_each(|status| status.make_ascii_uppercase());
        }
        if self.active_statuses.is_empty() {
            return Err(Error::settings(
                "active-statuses",
                "no status counts as active, so everybody would be inactive",
            )
            .with_hint("leave the setting out for the default, or name at least ACTIVE"));
        }
        self.groups.check()?;
        self.check_scope()?;
        Ok(self)
    }

    /// Who syncs is said in one way: by an application, by a search or by required groups.
    fn check_scope(&self) -> Result<(), Error> {
        for (path, text) in [("app", &self.app), ("users.search", &self.users.search)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty()) {
                return Err(Error::settings(path, "the text is empty"));
            }
        }
        let required = !self.groups.required.is_empty();
        let clash = |path: &str, other: &str, hint: &str| {
            Err(Error::settings(path, format!("{path} and {other} can't be used together")).with_hint(hint))
        };
        if self.app.is_some() {
            if self.users.search.is_some() {
                let hint =
                    "everybody who has the application syncs; leave people out with the transform `rules`";
                return clash("users.search", "app", hint);
            }
            if required {
                let hint = "assign the required groups to the application in Okta, or leave app out";
                return clash("groups.required", "app", hint);
            }
            for (key, expression) in [("search", &self.groups.search), ("filter", &self.groups.filter)] {
                if expression.is_some() {
                    let hint = "the groups that are assigned to the application sync: choose among them with include \
                                and exclude";
                    return clash(&format!("groups.{key}"), "app", hint);
                }
            }
        }
        if required && self.users.search.is_some() {
            let hint = "people are read from the required groups; leave some out with the transform `rules`";
            return clash("users.search", "groups.required", hint);
        }
        Ok(())
    }
}

impl GroupSettings {
    fn check(&mut self) -> Result<(), Error> {
        if self.search.is_some() && self.filter.is_some() {
            return Err(Error::settings("groups.filter", "search and filter can't be used together")
                .with_hint("write the whole condition as `search`, which knows all that `filter` knows"));
        }
        for (key, expression) in [("search", &self.search), ("filter", &self.filter)] {
            if expression.as_ref().is_some_and(|expression| expression.trim().is_empty()) {
                return Err(Error::settings(format!("groups.{key}"), "the expression is empty"));
            }
        }
        for (key, entries) in [
            ("required", &self.required),
            ("include", &self.include),
            ("exclude", &self.exclude),
            ("include-ids", &self.include_ids),
            ("exclude-ids", &self.exclude_ids),
            ("include-types", &self.include_types),
            ("exclude-types", &self.exclude_types),
            ("sources", &self.sources),
        ] {
            if let Some(index) = entries.iter().position(|entry| entry.trim().is_empty()) {
                return Err(Error::settings(format!("groups.{key}.{index}"), "the entry is empty"));
            }
        }
        for types in [&mut self.include_types, &mut self.exclude_types] {
            types.iter_mut().for_each(|kind| kind.make_ascii_uppercase());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rollcall_plugin::Attributes;
    use serde_json::{Value, json};

    use super::*;

    fn read(settings: Value) -> Result<Settings, Error> {
        rollcall_plugin::settings::<Settings>(&settings.to_string())?.checked()
    }

    fn schema() -> Value {
        let manifest: toml::Table =
            toml::from_str(include_str!("../plugin.toml")).expect("the manifest is TOML");
        serde_json::to_value(&manifest["settings"]).expect("TOML without dates is JSON")
    }

    /// The defaults of a schema's properties, as one object.
    fn defaults(schema: &Value) -> Value {
        let properties = schema["properties"].as_object().expect("an object schema");
        let with_default = properties.iter().filter_map(|(name, property)| match property.get("default") {
            Some(default) => Some((name.clone(), default.clone())),
            None => property.get("properties").map(|_| (name.clone(), defaults(property))),
        });
        Value::Object(with_default.collect())
    }

    #[test]
    fn the_manifest_tells_the_defaults() {
        assert_eq!(defaults(&schema()), serde_json::to_value(Settings::default()).unwrap());
        assert_eq!(read(json!({})).unwrap(), Settings::default());
    }

    #[test]
    fn what_the_manifest_describes_is_what_is_read() {
        let everything = json!({
            "attributes": ["*"], "timestamps": ["lastLogin"], "active-statuses": ["ACTIVE"], "inactive-statuses": ["X"],
            "users": {}, "groups": {
                "sources": ["active_directory"], "app-names": "qualified", "required": ["a"], "filter": "x", "include": ["a*"], "exclude": ["b"], "include-ids": ["c"],
                "exclude-ids": ["d"], "include-types": ["OKTA_GROUP"], "exclude-types": ["BUILT_IN"],
                "ignore-case": false
            }
        });
        let schema = jsonschema::validator_for(&schema()).expect("the schema is a schema");
        assert!(schema.is_valid(&everything));
        read(everything.clone()).unwrap();
        for one in [json!({"app": "0oa1"}), json!({"users": {"search": "x"}})] {
            assert!(schema.is_valid(&one));
            read(one).unwrap();
        }
        for (path, key) in [("", "colour"), ("/users", "colour"), ("/groups", "colour")] {
            let mut unknown = everything.clone();
            unknown.pointer_mut(path).unwrap()[key] = json!(1);
            assert!(!schema.is_valid(&unknown), "{path}/{key}");
            assert!(read(unknown).is_err(), "{path}/{key}");
        }
        for (path, wrong) in [
            ("/attributes", json!("department")),
            ("/attributes/0", json!("a,b")),
            ("/timestamps/0", json!("tomorrow")),
            ("/active-statuses", json!([])),
            ("/groups/required/0", json!("")),
            ("/groups/ignore-case", json!("yes")),
        ] {
            let mut settings = everything.clone();
            *settings.pointer_mut(path).unwrap() = wrong;
            assert!(!schema.is_valid(&settings), "{path}");
            assert!(read(settings).is_err(), "{path}");
        }
    }

    #[test]
    fn what_a_schema_cannot_refuse() {
        for (settings, path, message) in [
            (
                json!({"attributes": ["department", "a,b"]}),
                "attributes.1",
                "\"a,b\" is not the name of a profile attribute",
            ),
            (
                json!({"groups": {"search": "x", "filter": "y"}}),
                "groups.filter",
                "search and filter can't be used together",
            ),
            (
                json!({"app": "0oa1", "users": {"search": "x"}}),
                "users.search",
                "users.search and app can't be used together",
            ),
            (
                json!({"app": "0oa1", "groups": {"required": ["x"]}}),
                "groups.required",
                "groups.required and app can't be used together",
            ),
            (
                json!({"app": "0oa1", "groups": {"filter": "x"}}),
                "groups.filter",
                "groups.filter and app can't be used together",
            ),
            (
                json!({"users": {"search": "x"}, "groups": {"required": ["x"]}}),
                "users.search",
                "users.search and groups.required can't be used together",
            ),
            (json!({"app": " "}), "app", "the text is empty"),
            (json!({"users": {"search": " "}}), "users.search", "the text is empty"),
            (json!({"groups": {"search": " "}}), "groups.search", "the expression is empty"),
            (json!({"groups": {"include": ["a", " "]}}), "groups.include.1", "the entry is empty"),
        ] {
            let error = read(settings).unwrap_err();
            assert_eq!(error.code, Error::SETTINGS);
            assert_eq!(error.details.text("path"), Some(path));
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn names_are_brought_into_okta_s_form() {
        let settings = read(json!({
            "attributes": ["profile.department"], "active-statuses": ["active"], "groups": {"include-types": ["app_group"]}
        }))
        .unwrap();
        assert_eq!(settings.attributes, ["department"]);
        assert_eq!(settings.active_statuses, ["ACTIVE"]);
        assert_eq!(settings.groups.include_types, ["APP_GROUP"]);
    }
}
