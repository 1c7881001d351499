use wildmatch::WildMatch;

use crate::settings::GroupSettings;

/// Which groups sync, by what is known of each: the part of the scope that Okta doesn't evaluate.
#[derive(Debug, Clone)]
pub struct GroupScope {
    include: Vec<WildMatch>,
    exclude: Vec<WildMatch>,
    include_ids: Vec<String>,
    exclude_ids: Vec<String>,
    include_types: Vec<String>,
    exclude_types: Vec<String>,
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
        }
    }

    /// A group is in scope when nothing excludes it, its type is among those included, and its name or id is:
    /// what isn't given includes everything.
    pub fn holds(&self, id: &str, name: &str, kind: &str) -> bool {
        let any = |entries: &[String], value: &str| entries.iter().any(|entry| entry == value);
        let matches = |patterns: &[WildMatch]| patterns.iter().any(|pattern| pattern.matches(name));
        let excluded = any(&self.exclude_types, kind) || any(&self.exclude_ids, id) || matches(&self.exclude);
        let kind_included = self.include_types.is_empty() || any(&self.include_types, kind);
        let included = (self.include.is_empty() && self.include_ids.is_empty())
            || any(&self.include_ids, id)
            || matches(&self.include);
        !excluded && kind_included && included
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
                .filter(|(id, name, kind)| scope.holds(id, name, kind))
                .map(|(id, ..)| *id)
                .collect();
            assert_eq!(held, expected, "{settings}");
        }
    }
}
