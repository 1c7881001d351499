//! People that go into the sandbox packed, and verdicts that come back as what differs: the contract's optional
//! `packed-transform`.
//!
//! What comes back is not believed. It can't make the host keep more than was sent and what the people had: texts
//! are slices of a block whose size was limited when it was lifted, and a list takes each given item once at most.

use rollcall_packed::{Changed, Malformed, Piece, Reader, Value as PackedValue, Writer};
use wasmtime::component::{ComponentType, Lift, Lower};

use super::bindings::types;
use crate::model::{Attribute, GroupRef, Person, PluginError, Problem, Subject, User, Value, Verdict};

type Result<T> = std::result::Result<T, Malformed>;

/// What goes in.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Lent<'a> {
    pub texts: &'a str,
    pub numbers: &'a [u32],
}

/// What comes out.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(super) struct Answer {
    texts: String,
    numbers: Vec<u32>,
}

pub(super) fn people(people: &[Person]) -> Writer {
    let mut writer = Writer::default();
    writer.count(people.len());
    for Person { user, groups } in people {
        writer.text(&user.id);
        writer.text(&user.username);
        for text in [&user.email, &user.display_name, &user.given_name, &user.family_name] {
            writer.optional(text.as_deref());
        }
        writer.flag(user.active);
        writer.count(user.attributes.len());
        for attribute in &user.attributes {
            writer.text(&attribute.name);
            writer.value(match &attribute.value {
                Value::Text(text) => PackedValue::Text(text),
                Value::Boolean(value) => PackedValue::Boolean(*value),
                Value::Integer(value) => PackedValue::Integer(*value),
                Value::Decimal(value) => PackedValue::Decimal(*value),
                Value::Texts(texts) => PackedValue::Texts(texts),
                Value::Json(text) => PackedValue::Json(text),
            });
        }
        writer.count(groups.len());
        for group in groups {
            writer.optional(group.id.as_deref());
            writer.text(&group.name);
        }
    }
    writer
}

impl Answer {
    /// How many verdicts it claims to hold.
    pub fn count(&self) -> Result<usize> {
        Reader::new(&self.texts, &self.numbers).count()
    }

    /// The verdicts on these people, as many as there are.
    pub fn verdicts(&self, given: &[Person]) -> Result<Vec<Verdict>> {
        let mut reader = Reader::new(&self.texts, &self.numbers);
        reader.count()?;
        let verdicts = given.iter().map(|given| verdict(&mut reader, given)).collect::<Result<_>>()?;
        reader.end()?;
        Ok(verdicts)
    }
}

fn verdict(reader: &mut Reader<'_>, given: &Person) -> Result<Verdict> {
    Ok(match reader.number()? {
        0 => Verdict::Keep(kept(reader, given)?),
        1 => Verdict::Drop(reader.text()?.to_owned()),
        2 => Verdict::Skip(problem(reader)?),
        found => return Err(Malformed::Code { what: "verdict", found }),
    })
}

fn kept(reader: &mut Reader<'_>, given: &Person) -> Result<Person> {
    let user = &given.user;
    Ok(Person {
        user: User {
            id: new_text(reader, &user.id)?,
            username: new_text(reader, &user.username)?,
            email: new_optional(reader, &user.email)?,
            display_name: new_optional(reader, &user.display_name)?,
            given_name: new_optional(reader, &user.given_name)?,
            family_name: new_optional(reader, &user.family_name)?,
            active: reader.flag()?,
            attributes: new_list(reader, &user.attributes, attribute)?,
        },
        groups: new_list(reader, &given.groups, |reader| {
            Ok(GroupRef { id: reader.optional()?.map(str::to_owned), name: reader.text()?.to_owned() })
        })?,
    })
}

fn new_text(reader: &mut Reader<'_>, given: &str) -> Result<String> {
    Ok(match reader.new_text()? {
        Changed::AsGiven => given.to_owned(),
        Changed::To(text) => text.to_owned(),
    })
}

fn new_optional(reader: &mut Reader<'_>, given: &Option<String>) -> Result<Option<String>> {
    Ok(match reader.new_optional()? {
        Changed::AsGiven => given.clone(),
        Changed::To(text) => text.map(str::to_owned),
    })
}

fn new_list<'a, T: Clone>(
    reader: &mut Reader<'a>,
    given: &[T],
    read: impl Fn(&mut Reader<'a>) -> Result<T>,
) -> Result<Vec<T>> {
    let (mut made, mut next) = (Vec::with_capacity(given.len()), 0);
    while let Some(piece) = reader.piece(given.len(), &mut next)? {
        match piece {
            Piece::New => made.push(read(reader)?),
            Piece::Given { from, count } => made.extend_from_slice(&given[from..from + count]),
        }
    }
    Ok(made)
}

fn attribute(reader: &mut Reader<'_>) -> Result<Attribute> {
    let name = reader.text()?.to_owned();
    let value = match reader.value()? {
        PackedValue::Text(text) => types::Value::Text(text.to_owned()),
        PackedValue::Boolean(value) => types::Value::Boolean(value),
        PackedValue::Integer(value) => types::Value::Integer(value),
        PackedValue::Decimal(value) => types::Value::Decimal(value),
        PackedValue::Texts(texts) => types::Value::Texts(texts.into_iter().map(str::to_owned).collect()),
        PackedValue::Json(text) => types::Value::Json(text.to_owned()),
    };
    Ok(Attribute { name, value: value.into() })
}

fn problem(reader: &mut Reader<'_>) -> Result<Problem> {
    Ok(Problem {
        subject: match reader.number()? {
            0 => None,
            1 => Some(Subject::User(reader.text()?.to_owned())),
            2 => Some(Subject::Group(reader.text()?.to_owned())),
            found => return Err(Malformed::Code { what: "subject", found }),
        },
        error: PluginError {
            code: reader.text()?.to_owned(),
            message: reader.text()?.to_owned(),
            hint: reader.optional()?.map(str::to_owned),
            details: (0..reader.count()?).map(|_| attribute(reader)).collect::<Result<_>>()?,
        },
    })
}
