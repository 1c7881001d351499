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
        let groups =
            self.groups.iter().map(|(id, name)| GroupRef { id: owned(*id), name: (*name).to_owned() });
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Two people as the host sends them: Ann, who has all there can be, and one without anything.
    fn block() -> Writer {
        let mut writer = Writer::default();
        writer.count(2);
        for text in ["1", "ann"] {
            writer.text(text);
        }
        for text in [Some("ann@acme.example"), None, Some(""), Some("Ångström")] {
            writer.optional(text);
        }
        writer.flag(true);
        writer.count(6);
        let texts = ["a".to_owned(), String::new()];
        for (name, value) in [
            ("text", Packed::Text("é")),
            ("boolean", Packed::Boolean(false)),
            ("integer", Packed::Integer(i64::MIN)),
            ("decimal", Packed::Decimal(-0.0)),
            ("texts", Packed::Texts(&texts[..])),
            ("json", Packed::Json("{}")),
        ] {
            writer.text(name);
            writer.value(value);
        }
        writer.count(2);
        for (id, name) in [(Some("g1"), "Sales"), (None, "Staff")] {
            writer.optional(id);
            writer.text(name);
        }
        // id, username, the optional ones, active, no attributes, no groups
        writer.numbers.extend([0; 9]);
        writer
    }

    fn ann() -> Person {
        Person {
            user: User {
                id: "1".into(),
                username: "ann".into(),
                email: Some("ann@acme.example".into()),
                display_name: None,
                given_name: Some(String::new()),
                family_name: Some("Ångström".into()),
                active: true,
                attributes: vec![
                    Attribute::new("text", "é"),
                    Attribute::new("boolean", false),
                    Attribute::new("integer", i64::MIN),
                    Attribute::new("decimal", -0.0),
                    Attribute::new("texts", vec!["a".to_owned(), String::new()]),
                    Attribute::new("json", Value::Json("{}".into())),
                ],
            },
            groups: vec![
                GroupRef { id: Some("g1".into()), name: "Sales".into() },
                GroupRef { id: None, name: "Staff".into() },
            ],
        }
    }

    fn written(given: &[Given<'_>], verdicts: &[Verdict]) -> (String, Vec<u32>) {
        let Writer { texts, numbers } = write(given, verdicts);
        (texts, numbers)
    }

    #[test]
    fn people_are_unpacked() {
        let block = block();
        let people = people(&block.texts, &block.numbers).unwrap();
        let people: Vec<Person> = people.iter().map(Given::person).collect();
        assert_eq!(people, [ann(), Person { user: User::default(), groups: Vec::new() }]);
        assert!(
            matches!(people[0].user.attributes[3].value, Value::Decimal(zero) if zero.is_sign_negative())
        );
    }

    #[test]
    fn a_block_that_is_none_is_refused() {
        let block = block();
        for (texts, numbers) in
            [("", &block.numbers[..]), (&block.texts, &block.numbers[1..]), (&block.texts, &[])]
        {
            let error = people(texts, numbers).map(|people| people.len()).unwrap_err();
            assert_eq!(error.code, Error::UNEXPECTED);
            assert!(error.message.starts_with("the host's packed people can't be read: "), "{error}");
        }
        let longer = format!("{}x", block.texts);
        assert!(people(&longer, &block.numbers).is_err());
    }

    #[test]
    fn what_a_transform_leaves_as_it_is_is_not_sent_back() {
        let block = block();
        let given = people(&block.texts, &block.numbers).unwrap();
        let nobody = Verdict::Keep(given[1].person());
        let kept = [Verdict::Keep(ann()), nobody];
        // Two verdicts. Keep; six texts as given; active; six attributes from 0; two groups from 0. Keep; …
        let numbers = [&[2][..], &[0; 7], &[1, 7, 0, 0, 3, 0, 0], &[0; 7], &[0, 0, 0]].concat();
        assert_eq!(written(&given, &kept), (String::new(), numbers));
    }

    #[test]
    fn what_differs_is_sent_back() {
        let block = block();
        let given = people(&block.texts, &block.numbers).unwrap();
        let mut changed = ann();
        changed.user.username = "ANN".into();
        changed.user.email = None;
        changed.user.display_name = Some("Ann".into());
        changed.user.attributes.remove(0);
        changed.user.attributes[2].value = Value::Decimal(0.0);
        changed.groups[0].id = None;
        let (texts, numbers) = written(&given[..1], &[Verdict::Keep(changed)]);
        assert_eq!(texts, "ANNAnndecimalSales");
        let attributes = [3, 1, 1, 7, 4, 0, 0, 3, 4, 0];
        let groups = [1, 0, 5, 2, 1, 0];
        assert_eq!(numbers, [&[1, 0, 0, 4, 1, 5, 0, 0, 1][..], &attributes, &groups].concat());
    }

    #[test]
    fn drops_and_skips_go_with_all_that_they_say() {
        let block = block();
        let given = people(&block.texts, &block.numbers).unwrap();
        let error = Error::unexpected("no").with_hint("h").with_detail("at", true);
        let verdicts = [Verdict::Drop("out".into()), Verdict::Skip(Problem::user("1", error))];
        let (texts, numbers) = written(&given, &verdicts);
        assert_eq!(texts, "out1unexpectednohat");
        assert_eq!(numbers, [2, 1, 3, 2, 1, 1, 10, 2, 2, 1, 2, 2]);
        let subjects = [Problem::group("g", Error::unexpected("")), Problem::general(Error::unexpected(""))];
        let (_, numbers) = written(&given, &subjects.map(Verdict::Skip));
        assert_eq!(numbers, [2, 2, 2, 1, 10, 0, 0, 0, 2, 0, 10, 0, 0, 0]);
    }
}
