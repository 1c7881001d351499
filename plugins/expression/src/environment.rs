use std::collections::BTreeSet;

use crate::Kind;

/// Which names an expression may use.
///
/// Fields are always there and have a kind. Attributes are what a provider or an earlier rule gave: known by
/// their whole name, or by a namespace of which any name is accepted.
///
/// ```
/// use rollcall_expression::{Environment, Expression, Kind};
///
/// let mut environment = Environment::new();
/// environment.field("userName", Kind::Text);
/// environment.attributes("status");
/// environment.attributes("profile.*");
/// assert!(Expression::compile("status == 'ACTIVE' && profile.level > 3", &environment).is_ok());
///
/// let mistake = Expression::compile("lower(username)", &environment).unwrap_err();
/// assert_eq!(mistake.to_string(), "nothing is called `username` (line 1, column 7)");
/// assert_eq!(mistake.hint().as_deref(), Some("did you mean `userName`?"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Environment {
    fields: Vec<(String, Kind)>,
    names: Option<usize>,
    attributes: BTreeSet<String>,
    /// With the final dot; the empty one is all.
    namespaces: BTreeSet<String>,
}

impl Environment {
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares the next field.
    pub fn field(&mut self, name: &str, kind: Kind) -> &mut Self {
        self.fields.push((name.to_owned(), kind));
        self
    }

    /// Declares the next field, which lists the names of a person's groups: with it the functions `isMember`,
    /// `isMemberStartingWith` and `isMemberMatching` are known.
    pub fn groups(&mut self, name: &str) -> &mut Self {
        self.names = Some(self.fields.len());
        self.field(name, Kind::List)
    }

    /// Makes known an attribute by its whole name, or with `profile.*` all of a namespace, or with `*` any name.
    pub fn attributes(&mut self, name: &str) -> &mut Self {
        match name.strip_suffix('*') {
            Some(namespace) if namespace.is_empty() || namespace.ends_with('.') => {
                self.namespaces.insert(namespace.to_owned())
            }
            _ => self.attributes.insert(name.to_owned()),
        };
        self
    }

    pub(crate) fn find(&self, name: &str) -> Option<(usize, Kind)> {
        let index = self.fields.iter().position(|(field, _)| field == name)?;
        Some((index, self.fields[index].1))
    }

    pub(crate) fn group_names(&self) -> Option<usize> {
        self.names
    }

    /// May an expression read an attribute of this name?
    pub fn knows_attribute(&self, name: &str) -> bool {
        self.attributes.contains(name)
            || self
                .namespaces
                .iter()
                .any(|namespace| name.strip_prefix(namespace.as_str()).is_some_and(|rest| !rest.is_empty()))
    }

    /// Every name that could have been meant.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str()).chain(self.attributes.iter().map(String::as_str))
    }

    /// Does some known name begin with this one and a dot?
    pub(crate) fn is_namespace(&self, name: &str) -> bool {
        let within = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.attributes.iter().any(|known| within(known)) || self.namespaces.iter().any(|known| within(known))
    }
}

/// The known name that a misspelt one is nearest to, if one is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The last part as well: `user.department` is meant for `profile.department`.
    let folded = name.to_lowercase();
    let last = |name: &str| name.rsplit('.').next().unwrap_or(name).to_owned();
    known
        .map(|known| {
            let candidate = known.to_lowercase();
            let whole = strsim::damerau_levenshtein(&folded, &candidate);
            (if whole > 0 && last(&folded) == last(&candidate) { 1 } else { whole }, known)
        })
        .filter(|(distance, known)| *distance <= 1 + known.chars().count().min(12) / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
