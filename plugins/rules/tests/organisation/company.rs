use rollcall_plugin::{
    Attribute, Error, Group, GroupRef, GroupVerdict, Person, Transform as _, User, Value, Verdict, testing,
};
use rollcall_rules::Rules;

/// The rules of a TOML text, as the host hands them over.
pub fn rules(settings: &str) -> Rules {
    try_rules(settings).unwrap_or_else(|error| panic!("{error}: {:?}", error.details))
}

pub fn try_rules(settings: &str) -> Result<Rules, Error> {
    let table: toml::Table = toml::from_str(settings).unwrap_or_else(|error| panic!("{settings}\n{error}"));
    testing::configure(serde_json::to_value(table).unwrap())
}

/// Ann Ångström, an engineer.
pub fn ann() -> Person {
    person(
        "00u1",
        "Ann.Ang@acme.example",
        &["Everyone", "eng-core", "Sales EMEA"],
        &[
            ("status", "ACTIVE".into()),
            ("created", "2026-11-24T08:30:00.000Z".into()),
            ("profile.department", " Engineering ".into()),
            ("profile.countryCode", "de".into()),
            ("profile.level", 7.into()),
            ("profile.tags", vec!["b".to_owned(), "a".to_owned(), "b".to_owned()].into()),
            ("profile.empty", "".into()),
        ],
    )
}

pub fn person(id: &str, username: &str, groups: &[&str], attributes: &[(&str, Value)]) -> Person {
    Person {
        user: User {
            id: id.into(),
            username: username.into(),
            email: Some(username.into()),
            display_name: None,
            given_name: Some("Ann".into()),
            family_name: Some("Ångström".into()),
            active: true,
            attributes: attributes.iter().map(|(name, value)| Attribute::new(*name, value.clone())).collect(),
        },
        groups: groups
            .iter()
            .map(|name| GroupRef { id: Some(format!("id of {name}")), name: (*name).into() })
            .collect(),
    }
}

/// What the rules make of Ann: `field=value` of what is asked for, or the verdict.
pub fn shaped(settings: &str, names: &[&str]) -> Vec<String> {
    match rules(settings).shape_person(ann()).unwrap() {
        Verdict::Keep(person) => names.iter().map(|name| read(&person, name)).collect(),
        Verdict::Drop(reason) => vec![format!("drop: {reason}")],
        Verdict::Skip(problem) => vec![format!("skip: {}", problem.error)],
    }
}

pub fn read(person: &Person, name: &str) -> String {
    let user = &person.user;
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    match name {
        "userName" => user.username.clone(),
        "email" => text(&user.email),
        "displayName" => text(&user.display_name),
        "givenName" => text(&user.given_name),
        "familyName" => text(&user.family_name),
        "active" => user.active.to_string(),
        "groups" => person.groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>().join("|"),
        _ => match user.attributes.iter().find(|attribute| attribute.name == name).map(|one| &one.value) {
            None => "-".into(),
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Texts(texts)) => texts.join("|"),
            Some(other) => format!("{other:?}"),
        },
    }
}

pub fn group(name: &str) -> Group {
    Group { id: format!("id of {name}"), name: name.into(), ..Group::default() }
}

/// What the rules make of groups of these names.
pub fn groups(settings: &str, names: &[&str]) -> Vec<String> {
    let groups = names.iter().map(|name| group(name)).collect();
    let verdicts = rules(settings).shape_groups(groups).unwrap();
    verdicts
        .into_iter()
        .zip(names)
        .map(|(verdict, name)| {
            let id = format!("id of {name}");
            match verdict {
                GroupVerdict::Keep(group) if group.id == id => group.name,
                GroupVerdict::Hide(group) if group.id == id => format!("({})", group.name),
                GroupVerdict::Drop(reason) => format!("drop: {reason}"),
                other => panic!("{name} got another id: {other:?}"),
            }
        })
        .collect()
}
