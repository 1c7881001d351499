//! People as a source gives them, the same ones each time.

use rollcall_plugin::{Attribute, GroupRef, Person, User, Value};

/// That many people, with the attributes that the Okta plugin reads by default and five groups each.
pub fn people(count: usize) -> Vec<Person> {
    (0..count).map(person).collect()
}

fn person(index: usize) -> Person {
    const GIVEN: [&str; 8] = ["Ann", "Bob", "Chloé", "Dilan", "Eva", "Farid", "Grace", "Hideo"];
    const FAMILY: [&str; 8] = ["Ångström", "Brown", "Curie", "Demir", "Engel", "Fischer", "Hopper", "Itō"];
    const DEPARTMENTS: [&str; 6] = ["Engineering", "Sales", "Research", "Finance", "Support", "Legal"];
    const COUNTRIES: [&str; 5] = ["de", "FR", "gb", "US", "pl"];
    const TYPES: [&str; 4] = ["Employee", "Employee", "Contractor", "Partner"];
    let (given, family) = (GIVEN[index % 8], FAMILY[index / 8 % 8]);
    let username = format!("{given}.{family}.{index}@Acme.example");
    let text = |name: &str, value: &str| Attribute::new(name, value);
    let user = User {
        id: format!("00u{index:017}"),
        email: Some(username.clone()),
        username,
        display_name: None,
        given_name: Some(given.to_owned()),
        family_name: Some(family.to_owned()),
        active: !index.is_multiple_of(10),
        attributes: vec![
            text("status", if index.is_multiple_of(10) { "SUSPENDED" } else { "ACTIVE" }),
            text("created", "2024-03-01T08:30:00.000Z"),
            text("activated", "2024-03-01T08:30:00.000Z"),
            text("statusChanged", "2024-03-01T08:30:00.000Z"),
            Attribute::new("profile.employeeNumber", Value::Text(format!("E{index:06}"))),
            text("profile.userType", TYPES[index % 4]),
            text("profile.title", "Member of Staff"),
            text("profile.department", DEPARTMENTS[index % 6]),
            text("profile.division", "Acme Europe"),
            text("profile.organization", "Acme"),
            Attribute::new("profile.costCenter", Value::Text(format!("CC-{:05}", index % 100))),
            text("profile.countryCode", COUNTRIES[index % 5]),
            text("profile.locale", "en_US"),
            text("profile.timezone", "Europe/Berlin"),
        ],
    };
    let group = |name: String| GroupRef { id: Some(format!("00g{:017}", name.len())), name };
    let groups = vec![
        group("Everyone".into()),
        group(DEPARTMENTS[index % 6].into()),
        group(format!("{}-{}", if index.is_multiple_of(3) { "eng" } else { "team" }, index % 50)),
        group(format!("license-{}", index % 4)),
        group(format!("site-{}", index % 20)),
    ];
    Person { user, groups }
}
