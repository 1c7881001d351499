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

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::path::Path;
    use std::sync::Arc;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    use serde_json::json;

    use super::super::admission::{Expected, Sandbox};
    use super::super::cache::Cache;
    use super::super::guest::{Functions as _, Guest, Mould, TransformFunctions};
    use super::super::limits::Limits;
    use super::super::state::Meter;
    use super::*;

    /// The first-party rules, with some that do a bit of everything.
    fn rules() -> (Guest, TransformFunctions) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/dist/rules.wasm");
        let limits = Limits::default();
        let admitted = Sandbox::new(Cache::none())
            .unwrap()
            .admit(&std::fs::read(path).unwrap(), Expected::default(), &limits)
            .unwrap();
        let mould = Mould {
            instance: admitted.instance,
            wasi: admitted.wasi,
            label: "rules".into(),
            connector: "acme".into(),
            limits: Arc::new(limits),
            meter: Arc::new(Meter::default()),
            listener: None,
        };
        let mut guest = Guest::new(&mould).unwrap();
        let functions: TransformFunctions = guest.functions().unwrap();
        let settings = json!({ "people": [
            { "drop": "userName.startsWith(\"b\")", "reason": "a ‘b’" },
            { "require": "email" },
            { "set": "userName", "steps": ["trim", "lower", { "before": "c" }] },
            { "set": "displayName", "template": "{givenName} {familyName}" },
            { "set": "active", "expression": "!active", "when": "has(profile.ab)" },
            { "set": "made.flag", "expression": "active" },
            { "set": "made.number", "value": 0.5 },
            { "set": "made.list", "expression": "groups" },
            { "set": "profile.a", "value": 7, "when": "has(profile.a)" },
            { "remove": ["givenName", "profile.b*"] },
            { "add-groups": ["ä", "all"] },
            { "remove-groups": ["b*"] },
        ]});
        guest.call(functions.configure(), (settings.to_string(),)).unwrap().unwrap();
        (guest, functions)
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![3 => "[abcÄ ]{0,4}", 1 => "\\PC{0,6}"]
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            4 => text().prop_map(Value::Text),
            1 => any::<bool>().prop_map(Value::Boolean),
            1 => any::<i64>().prop_map(Value::Integer),
            1 => any::<f64>().prop_map(Value::Decimal),
            1 => Just(Value::Decimal(-0.0)),
            1 => prop::collection::vec(text(), 0..4).prop_map(Value::Texts),
            1 => text().prop_map(|text| Value::Json(json!({ "x": text }).to_string())),
        ]
    }

    prop_compose! {
        fn person()(
            texts in (text(), text()),
            optional in prop::array::uniform4(prop::option::of(text())),
            active: bool,
            attributes in prop::collection::vec(("(profile\\.)?[ab]{0,2}", value()), 0..8),
            groups in prop::collection::vec((prop::option::of(text()), text()), 0..6),
        ) -> Person {
            let ((id, username), [email, display_name, given_name, family_name]) = (texts, optional);
            let attributes = attributes.into_iter().map(|(name, value)| Attribute { name, value }).collect();
            let user = User { id, username, email, display_name, given_name, family_name, active, attributes };
            Person { user, groups: groups.into_iter().map(|(id, name)| GroupRef { id, name }).collect() }
        }
    }

    #[test]
    fn packed_or_not_the_verdicts_are_the_same() {
        let (guest, functions) = rules();
        let guest = RefCell::new(guest);
        let (kept, all) = (Cell::new(0), Cell::new(0));
        let mut runner = TestRunner::new(ProptestConfig::with_cases(200));
        let tried = runner.run(&prop::collection::vec(person(), 0..20), |people| {
            let mut guest = guest.borrow_mut();
            let plain = guest.shape_people(&functions, &people).unwrap().unwrap();
            let plain: Vec<Verdict> = plain.into_iter().map(Verdict::from).collect();
            let answer = guest.shape_packed(&functions, &people).expect("it has both").unwrap().unwrap();
            prop_assert_eq!(answer.count(), Ok(people.len()));
            let packed = answer.verdicts(&people).unwrap();
            // As text, where 0.0 and -0.0 differ.
            prop_assert_eq!(format!("{packed:#?}"), format!("{plain:#?}"));
            let keeps = packed.iter().filter(|verdict| matches!(verdict, Verdict::Keep(_))).count();
            kept.set(kept.get() + keeps);
            all.set(all.get() + packed.len());
            Ok(())
        });
        tried.unwrap();
        let (kept, all) = (kept.get(), all.get());
        assert!((all / 5..all * 4 / 5).contains(&kept), "of all kinds: {kept} of {all} are kept");
    }
}
