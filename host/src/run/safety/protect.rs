//! Who is protected.

use rollcall_expression::Failure;

use super::limits::Safety;
use crate::directory::{GroupEntry, Reader, UserEntry, fold};
use crate::run::error::RunError;

/// A name in which each `*` stands for any text. Case does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamePattern(String);

impl NamePattern {
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (fold(&self.0), fold(name));
        let mut parts = pattern.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let mut parts: Vec<&str> = parts.collect();
        let Some(last) = parts.pop() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

impl Safety {
    /// Why a person is protected, as they are in the directory now. A condition that can't be decided protects.
    pub(in crate::run) fn protects(
        &self,
        entry: &UserEntry,
        reader: &dyn Reader,
    ) -> Result<Option<String>, RunError> {
        if self.protect.is_empty() {
            return Ok(None);
        }
        let mut groups = Vec::new();
        for key in reader.groups_of(entry.key)? {
            groups.extend(reader.group(key)?.map(|group| group.name));
        }
        Ok(self.protect.iter().find_map(|condition| match condition.holds(entry, &groups) {
            Ok(true) => Some(condition.text().to_owned()),
            Ok(false) => None,
            Err(failure) => Some(undecided(condition.text(), &failure)),
        }))
    }

    /// Whether there are protected groups at all.
    pub(super) fn protects_groups(&self) -> bool {
        !self.protect_groups.is_empty() || !self.protect_groups_when.is_empty()
    }

    /// What protects a group, as it is in the directory now. A condition that can't be decided protects.
    pub(super) fn protects_group(&self, entry: &GroupEntry) -> Option<String> {
        let pattern = self.protect_groups.iter().find(|pattern| pattern.matches(&entry.name));
        pattern.map(|pattern| pattern.text().to_owned()).or_else(|| {
            self.protect_groups_when.iter().find_map(|condition| match condition.holds(entry) {
                Ok(true) => Some(condition.text().to_owned()),
                Ok(false) => None,
                Err(failure) => Some(undecided(condition.text(), &failure)),
            })
        })
    }
}

fn undecided(condition: &str, failure: &Failure) -> String {
    format!("{condition}, which can't be decided: {failure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        let matches = |pattern: &str, name: &str| NamePattern::new(pattern).matches(name);
        for (pattern, name) in
            [("Admins", "admins"), ("break-*", "Break-glass"), ("*", ""), ("a*b*c", "a-b-b-c"), ("*x", "xx")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("Admins", "Admins 2"), ("a*a", "a"), ("a*b*c", "acb"), ("", "x")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
