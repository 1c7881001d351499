use std::borrow::Cow;

use rollcall_expression::{Environment, Kind, List, Value};
use rollcall_plugin::{Attribute, Error, User, Value as Stored};

/// A field or an attribute that a rule may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    UserName,
    Email,
    DisplayName,
    GivenName,
    FamilyName,
    Active,
    /// By its whole name.
    Attribute(String),
}

/// The value is of a kind that the target can't hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongKind {
    pub wanted: Kind,
    pub found: Kind,
}

impl Target {
    /// # Errors
    ///
    /// Names that rules can't write, and a field's name that is only misspelt in its case.
    pub fn named(path: &str, name: &str) -> Result<Self, Error> {
        Ok(match name {
            "userName" => Target::UserName,
            "email" => Target::Email,
            "displayName" => Target::DisplayName,
            "givenName" => Target::GivenName,
            "familyName" => Target::FamilyName,
            "active" => Target::Active,
            "id" => {
                return Err(Error::settings(path, "`id` can't be set")
                    .with_hint("people are known by the provider's id, so that a rename stays a rename"));
            }
            "groups" => {
                return Err(Error::settings(path, "`groups` can't be set")
                    .with_hint("use add-groups and remove-groups"));
            }
            "" => return Err(Error::settings(path, "the name is empty")),
            _ => {
                let fields =
                    ["userName", "email", "displayName", "givenName", "familyName", "active", "id", "groups"];
                if let Some(field) = fields.into_iter().find(|field| field.eq_ignore_ascii_case(name)) {
                    return Err(Error::settings(path, format!("nothing is called `{name}`"))
                        .with_hint(format!("did you mean `{field}`?")));
                }
                Target::Attribute(name.to_owned())
            }
        })
    }

    /// Makes an attribute known to the rules that follow.
    pub fn declare(&self, environment: &mut Environment) {
        if let Target::Attribute(name) = self {
            environment.attributes(name);
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Target::Active => Kind::Boolean,
            Target::Attribute(_) => Kind::Any,
            _ => Kind::Text,
        }
    }

    /// May it be without a value?
    pub fn is_optional(&self) -> bool {
        !matches!(self, Target::UserName | Target::Active)
    }

    /// What is to be stored; nothing when that is there already.
    pub fn prepare(&self, value: Value<'_>, user: &User) -> Result<Option<Stored>, WrongKind> {
        let wrong = |wanted| WrongKind { wanted, found: value.kind() };
        match self {
            Target::Attribute(name) => {
                let stored = store(value);
                let present = user.attributes.iter().find(|attribute| attribute.name == *name);
                Ok(stored.filter(|stored| present.is_none_or(|present| present.value != *stored)))
            }
            Target::Active => match value {
                Value::Boolean(active) => Ok((active != user.active).then_some(Stored::Boolean(active))),
                _ => Err(wrong(Kind::Boolean)),
            },
            _ => {
                let text: Cow<'_, str> = match value {
                    Value::Text(text) => text,
                    Value::Integer(number) => Cow::Owned(number.to_string()),
                    _ => return Err(wrong(Kind::Text)),
                };
                let present = match self {
                    Target::UserName => Some(&user.username),
                    Target::Email => user.email.as_ref(),
                    Target::DisplayName => user.display_name.as_ref(),
                    Target::GivenName => user.given_name.as_ref(),
                    _ => user.family_name.as_ref(),
                };
                Ok((present.map(String::as_str) != Some(&*text)).then(|| Stored::Text(text.into_owned())))
            }
        }
    }

    /// Stores what [`prepare`](Self::prepare) gave.
    pub fn set(&self, user: &mut User, value: Stored) {
        match (self, value) {
            (Target::Attribute(name), value) => {
                match user.attributes.iter_mut().find(|attribute| attribute.name == *name) {
                    Some(attribute) => attribute.value = value,
                    None => user.attributes.push(Attribute { name: name.clone(), value }),
                }
            }
            (Target::Active, Stored::Boolean(active)) => user.active = active,
            (Target::UserName, Stored::Text(text)) => user.username = text,
            (Target::Email, Stored::Text(text)) => user.email = Some(text),
            (Target::DisplayName, Stored::Text(text)) => user.display_name = Some(text),
            (Target::GivenName, Stored::Text(text)) => user.given_name = Some(text),
            (Target::FamilyName, Stored::Text(text)) => user.family_name = Some(text),
            // `prepare` gives no other pairs.
            _ => {}
        }
    }

    /// Takes the value away, where it is optional.
    pub fn clear(&self, user: &mut User) {
        match self {
            Target::UserName | Target::Active => {}
            Target::Email => user.email = None,
            Target::DisplayName => user.display_name = None,
            Target::GivenName => user.given_name = None,
            Target::FamilyName => user.family_name = None,
            Target::Attribute(name) => user.attributes.retain(|attribute| attribute.name != *name),
        }
    }
}

/// An attribute's value; nothing for null.
fn store(value: Value<'_>) -> Option<Stored> {
    Some(match value {
        Value::Null => return None,
        Value::Boolean(value) => Stored::Boolean(value),
        Value::Integer(value) => Stored::Integer(value),
        Value::Decimal(value) => Stored::Decimal(value),
        Value::Text(text) => Stored::Text(text.into_owned()),
        Value::List(List::Texts(texts)) => {
            Stored::Texts((0..texts.len()).filter_map(|at| texts.get(at)).map(str::to_owned).collect())
        }
        Value::List(List::Items(items)) => {
            if items.iter().all(|item| item.kind() == Kind::Text) {
                Stored::Texts(
                    items
                        .into_iter()
                        .filter_map(|item| match item {
                            Value::Text(text) => Some(text.into_owned()),
                            _ => None,
                        })
                        .collect(),
                )
            } else {
                Stored::Json(json(&Value::List(List::Items(items))).to_string())
            }
        }
    })
}

fn json(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Decimal(value) => (*value).into(),
        Value::Text(text) => text.as_ref().into(),
        Value::List(list) => (0..list.len()).filter_map(|at| list.get(at)).map(|item| json(&item)).collect(),
    }
}
