//! People that come packed, and verdicts that go back as what differs: the contract's `packed-transform`, which
//! every transform has beside `transform` without its author's doing.

use rollcall_packed::{Malformed, Reader, Value as Packed, Writer};

use crate::{Attribute, Error, GroupRef, Person, Problem, Subject, User, Value, Verdict};

type Result<T> = std::result::Result<T, Malformed>;

/// A person as they came, in slices of the block.
pub struct Given<'a> {
    id: &'a str,
    username: &'a str,
    email: Option<&'a str>,
    display_name: Option<&'a str>,
    given_name: Option<&'a str>,
    family_name: Option<&'a str>,
    active: bool,
    attributes: Vec<(&'a str, Packed<'a>)>,
    groups: Vec<(Option<&'a str>, &'a str)>,
}

/// The people of a call.
pub fn people<'a>(texts: &'a str, numbers: &'a [u32]) -> std::result::Result<Vec<Given<'a>>, Error> {
    let mut reader = Reader::new(texts, numbers);
    let all = (0..reader.count().map_err(unreadable)?).map(|_| Given::read(&mut reader));
    let people = all.collect::<Result<_>>().map_err(unreadable)?;
    reader.end().map_err(unreadable)?;
    Ok(people)
}

fn unreadable(malformed: Malformed) -> Error {
    Error::unexpected(format!("the host's packed people can't be read: {malformed}"))
}

impl<'a> Given<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self> {
        Ok(Self {
            id: reader.text()?,
            username: reader.text()?,
            email: reader.optional()?,
            display_name: reader.optional()?,
            given_name: reader.optional()?,
            family_name: reader.optional()?,
            active: reader.flag()?,
            attributes: (0..reader.count()?)
                .map(|_| Ok((reader.text()?, reader.value()?)))
                .collect::<Result<_>>()?,
            groups: (0..reader.count()?)
                .map(|_| Ok((reader.optional()?, reader.text()?)))
                .collect::<Result<_>>()?,
        })
    }

    /// As a transform takes them.
    pub fn person(&self) -> Person {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let user = User {
            id: self.id.to_owned(),
            username: self.username.to_owned(),
            email: owned(self.email),
            display_name: owned(self.display_name),
            given_name: owned(self.given_name),
            family_name: owned(self.family_name),
            active: self.active,
            attributes: self
                .attributes
                .iter()
                .map(|(name, value)| Attribute { name: (*name).to_owned(), value: unpacked(value) })
                .collect(),
        };
        let groups = self.groups.iter().map(|(id, name)| GroupRef { id: owned(*id), name: (*name).to_owned() });
        Person { user, groups: groups.collect() }
    }
}

/// The verdicts of a call, each about the person in the same place.
pub fn write(given: &[Given<'_>], verdicts: &[Verdict]) -> Writer {
    let mut writer = Writer::default();
    // Where a transform gives more or fewer than there are people, the host says so.
    writer.count(verdicts.len());
    for (given, verdict) in given.iter().zip(verdicts) {
        match verdict {
            Verdict::Keep(person) => {
                writer.number(0);
                keep(&mut writer, given, person);
            }
            Verdict::Drop(reason) => {
                writer.number(1);
                writer.text(reason);
            }
            Verdict::Skip(problem) => {
                writer.number(2);
                skip(&mut writer, problem);
            }
        }
    }
    writer
}

fn keep(writer: &mut Writer, given: &Given<'_>, person: &Person) {
    let user = &person.user;
    writer.new_text(given.id, &user.id);
    writer.new_text(given.username, &user.username);
    for (given, now) in [
        (given.email, &user.email),
        (given.display_name, &user.display_name),
        (given.given_name, &user.given_name),
        (given.family_name, &user.family_name),
    ] {
        writer.new_optional(given, now.as_deref());
    }
    writer.flag(user.active);
    writer.new_list(
        &given.attributes,
        &user.attributes,
        |(name, value), attribute| *name == attribute.name && same(value, &attribute.value),
        write_attribute,
    );
    writer.new_list(
        &given.groups,
        &person.groups,
        |(id, name), group| *name == group.name && *id == group.id.as_deref(),
        |writer, group| {
            writer.optional(group.id.as_deref());
            writer.text(&group.name);
        },
    );
}

fn skip(writer: &mut Writer, problem: &Problem) {
    match &problem.subject {
        None => writer.number(0),
        Some(Subject::User(id)) => {
            writer.number(1);
            writer.text(id);
        }
        Some(Subject::Group(id)) => {
            writer.number(2);
            writer.text(id);
        }
    }
    let error = &problem.error;
    writer.text(&error.code);
    writer.text(&error.message);
    writer.optional(error.hint.as_deref());
    writer.count(error.details.len());
    error.details.iter().for_each(|detail| write_attribute(writer, detail));
}

fn write_attribute(writer: &mut Writer, attribute: &Attribute) {
    writer.text(&attribute.name);
    writer.value(match &attribute.value {
        Value::Text(text) => Packed::Text(text),
        Value::Boolean(value) => Packed::Boolean(*value),
        Value::Integer(value) => Packed::Integer(*value),
        Value::Decimal(value) => Packed::Decimal(*value),
        Value::Texts(texts) => Packed::Texts(texts),
        Value::Json(text) => Packed::Json(text),
    });
}

fn unpacked(value: &Packed<'_>) -> Value {
    match value {
        Packed::Text(text) => Value::Text((*text).to_owned()),
        Packed::Boolean(value) => Value::Boolean(*value),
        Packed::Integer(value) => Value::Integer(*value),
        Packed::Decimal(value) => Value::Decimal(*value),
        Packed::Texts(texts) => Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect()),
        Packed::Json(text) => Value::Json((*text).to_owned()),
    }
}

fn same(given: &Packed<'_>, value: &Value) -> bool {
    match (given, value) {
        (Packed::Text(given), Value::Text(now)) | (Packed::Json(given), Value::Json(now)) => given == now,
        (Packed::Boolean(given), Value::Boolean(now)) => given == now,
        (Packed::Integer(given), Value::Integer(now)) => given == now,
        // Not 0.0 for -0.0. What is no number goes back by itself: the host takes it for absent.
        (Packed::Decimal(given), Value::Decimal(now)) => now.is_finite() && given.to_bits() == now.to_bits(),
        (Packed::Texts(given), Value::Texts(now)) => given == now,
        _ => false,
    }
}
