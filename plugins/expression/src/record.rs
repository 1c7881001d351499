use crate::Value;

/// What an expression is about: a person or a group, seen without copying them.
///
/// Whoever has an [`Environment`](crate::Environment) knows the order of its fields.
pub trait Record {
    /// The value of the field that was declared as the `index`-th; null when it is absent.
    fn field(&self, index: usize) -> Value<'_>;

    /// The value of a provider's attribute, by its whole name (`profile.department`); null when it is absent.
    fn attribute(&self, name: &str) -> Value<'_>;
}
