use rollcall_plugin::{Attributes, Group};
use wildmatch::WildMatch;

use crate::groups::Listed;
use crate::settings::{AppNames, GroupSettings};

/// What `groups.sources` calls Active Directory, whichever of its domains a group is from.
const ACTIVE_DIRECTORY: &str = "active_directory";

/// Which groups sync, by what is known of each: the part of the scope that Okta doesn't evaluate.
#[derive(Debug, Clone)]
pub struct GroupScope {
    include: Vec<WildMatch>,
    exclude: Vec<WildMatch>,
    include_ids: Vec<String>,
    exclude_ids: Vec<String>,
    include_types: Vec<String>,
    exclude_types: Vec<String>,
    sources: Vec<String>,
    app_names: AppNames,
}

impl GroupScope {
    pub fn new(settings: &GroupSettings) -> Self {
        let patterns = |patterns: &[String]| {
            let new = if settings.ignore_case { WildMatch::new_case_insensitive } else { WildMatch::new };
            patterns.iter().map(|pattern| new(pattern)).collect()
        };
        Self {
            include: patterns(&settings.include),
            exclude: patterns(&settings.exclude),
            include_ids: settings.include_ids.clone(),
            exclude_ids: settings.exclude_ids.clone(),
            include_types: settings.include_types.clone(),
            exclude_types: settings.exclude_types.clone(),
            sources: settings.sources.clone(),
            app_names: settings.app_names,
        }
    }

    /// A group is in scope when nothing excludes it, its type is among those included, its source is if it was
    /// imported, and its name or id is: what isn't given includes everything.
    pub fn holds(&self, listed: &Listed) -> bool {
        let Listed { group: Group { id, name, .. }, kind, .. } = listed;
        let any = |entries: &[String], value: &str| entries.iter().any(|entry| entry == value);
        let matches = |patterns: &[WildMatch]| patterns.iter().any(|pattern| pattern.matches(name));
        let excluded = any(&self.exclude_types, kind) || any(&self.exclude_ids, id) || matches(&self.exclude);
        let kind_included = self.include_types.is_empty() || any(&self.include_types, kind);
        let included = (self.include.is_empty() && self.include_ids.is_empty())
            || any(&self.include_ids, id)
            || matches(&self.include);
        !excluded && kind_included && included && self.holds_source(listed)
    }

    /// Groups that nothing was imported from, Okta's own, are not a matter of sources.
    fn holds_source(&self, listed: &Listed) -> bool {
        if self.sources.is_empty() || !listed.is_imported() {
            return true;
        }
        let source = listed.group.attributes.text("source.id");
        self.sources.iter().any(|wanted| match wanted.as_str() {
            ACTIVE_DIRECTORY => listed.is_from_active_directory(),
            id => source == Some(id),
        })
    }

    /// The group under the name that the settings want. Names are unique among Okta's own groups only: one imported
    /// from Active Directory may be called like one of another domain, of an application or of Okta.
    pub fn named(&self, listed: Listed) -> Group {
        let imported = listed.is_imported();
        let mut group = listed.group;
        if self.app_names == AppNames::Qualified && imported {
            let attributes = &group.attributes;
            let qualified =
                attributes.text("profile.windowsDomainQualifiedName").filter(|name| !name.is_empty());
            match (qualified, attributes.text("source.id")) {
                (Some(name), _) => group.name = name.to_owned(),
                (None, Some(source)) => group.name = format!("{} ({source})", group.name),
                (None, None) => {}
            }
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::groups;

    /// A group as Okta sends it.
    fn listed(id: &str, name: &str, kind: &str, more: Value) -> Listed {
        let mut group = json!({"id": id, "type": kind, "profile": {"name": name}});
        for (key, value) in more.as_object().unwrap() {
            match key.as_str() {
                "qualified" => group["profile"]["windowsDomainQualifiedName"] = value.clone(),
                _ => group[key] = value.clone(),
            }
        }
        groups::read(&json!([group]).to_string()).unwrap().0.remove(0)
    }

    /// One of each kind that has a source, and one that has none.
    fn imported() -> [Listed; 4] {
        let ad = json!(["okta:windows_security_principal"]);
        [
            listed(
                "1",
                "Ops",
                "APP_GROUP",
                json!({
                    "objectClass": ad, "source": {"id": "0oaAD"}, "qualified": "ACME\\Ops"
                }),
            ),
            listed(
                "2",
                "Ops",
                "APP_GROUP",
                json!({"objectClass": ["okta:user_group"], "source": {"id": "0oaHR"}}),
            ),
            listed("3", "Ops", "OKTA_GROUP", json!({"objectClass": ["okta:user_group"]})),
            listed("4", "Ops", "APP_GROUP", json!({"objectClass": ad, "source": {"id": "0oaAD2"}})),
        ]
    }

    #[test]
    fn imported_groups_sync_by_their_source() {
        for (sources, expected) in [
            (json!([]), "1234"),
            (json!(["active_directory"]), "134"),
            (json!(["0oaAD"]), "13"),
            (json!(["0oaHR", "active_directory"]), "1234"),
            (json!(["0oaNone"]), "3"),
        ] {
            let scope = GroupScope::new(&serde_json::from_value(json!({"sources": sources})).unwrap());
            let held: String = imported()
                .iter()
                .filter(|group| scope.holds(group))
                .map(|one| one.group.id.clone())
                .collect();
            assert_eq!(held, expected, "{sources}");
        }
    }

    #[test]
    fn groups_of_one_name_are_told_apart() {
        let names = |settings: Value| {
            let scope = GroupScope::new(&serde_json::from_value(settings).unwrap());
            imported().map(|group| scope.named(group).name)
        };
        assert_eq!(names(json!({})), ["Ops"; 4]);
        assert_eq!(
            names(json!({"app-names": "qualified"})),
            ["ACME\\Ops", "Ops (0oaHR)", "Ops", "Ops (0oaAD2)"]
        );
    }

    #[test]
    fn include_and_exclude() {
        let groups = [
            ("1", "Eng-Web", "OKTA_GROUP"),
            ("2", "eng-test", "OKTA_GROUP"),
            ("3", "Eng-Web", "APP_GROUP"),
            ("4", "Everyone", "BUILT_IN"),
            ("5", "Zoë/Ops", "NEW_TYPE"),
        ];
        for (settings, expected) in [
            (json!({}), "12345"),
            (json!({"include": ["eng-*"]}), "123"),
            (json!({"include": ["eng-*"], "ignore-case": false}), "2"),
            (json!({"include": ["eng-*"], "include-types": ["OKTA_GROUP"]}), "12"),
            (json!({"include": ["eng-*"], "include-ids": ["4"]}), "1234"),
            (json!({"include-ids": ["4"]}), "4"),
            (json!({"exclude": ["*-test", "every???"]}), "135"),
            (json!({"exclude-ids": ["1"], "exclude-types": ["BUILT_IN"]}), "235"),
            (json!({"include": ["eng-*"], "exclude": ["*test"]}), "13"),
            (json!({"include": ["zoË*ops"]}), "5"),
            (json!({"include": ["eng"]}), ""),
        ] {
            let scope = GroupScope::new(&serde_json::from_value(settings.clone()).unwrap());
            let held: String = groups
                .iter()
                .filter(|(id, name, kind)| scope.holds(&listed(id, name, kind, json!({}))))
                .map(|(id, ..)| *id)
                .collect();
            assert_eq!(held, expected, "{settings}");
        }
    }
}
