//! The profiles of generated users, written as JSON straight from the seed.

use std::borrow::Cow;

use serde_json::Value;

use crate::digits;
use crate::generate::{DOMAIN, Generator, Salt};
use crate::model::Attributes;

/// An attribute of a generated user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    FirstName,
    LastName,
    MobilePhone,
    SecondEmail,
    Login,
    Email,
    DisplayName,
    Title,
    Department,
    Division,
    CostCenter,
    EmployeeNumber,
    Organization,
    UserType,
    StreetAddress,
    City,
    CountryCode,
    PreferredLanguage,
    EmployeeGrade,
    Fte,
    Contractor,
    Skills,
    SiteCodes,
}

/// The attributes with their names and the JSON keys they are written under.
macro_rules! written {
    ($($name:literal = $attribute:ident,)*) => {
        [$(($name, concat!("\"", $name, "\":"), Attribute::$attribute)),*]
    };
}

/// Attributes of a generated user, in the order they are written.
const WRITTEN: [(&str, &str, Attribute); 23] = written![
    "firstName" = FirstName,
    "lastName" = LastName,
    "mobilePhone" = MobilePhone,
    "secondEmail" = SecondEmail,
    "login" = Login,
    "email" = Email,
    "displayName" = DisplayName,
    "title" = Title,
    "department" = Department,
    "division" = Division,
    "costCenter" = CostCenter,
    "employeeNumber" = EmployeeNumber,
    "organization" = Organization,
    "userType" = UserType,
    "streetAddress" = StreetAddress,
    "city" = City,
    "countryCode" = CountryCode,
    "preferredLanguage" = PreferredLanguage,
    "employeeGrade" = EmployeeGrade,
    "fte" = Fte,
    "contractor" = Contractor,
    "skills" = Skills,
    "siteCodes" = SiteCodes,
];

pub(crate) const FIRST_NAMES: [&str; 32] = [
    "Ada", "Ahmed", "Aiko", "Alice", "Amara", "Ana", "Ben", "Bianca", "Carlos", "Chen", "Clara", "Daniel",
    "Deepa", "Elena", "Emma", "Farid", "Grace", "Hugo", "Ines", "Isaac", "Jonas", "Kofi", "Laura", "Liam",
    "Mei", "Noah", "Olga", "Priya", "Rosa", "Samuel", "Tariq", "Yuki",
];
pub(crate) const LAST_NAMES: [&str; 32] = [
    "Adeyemi", "Almeida", "Becker", "Brock", "Chen", "Costa", "Diaz", "Dubois", "Fischer", "Garcia",
    "Haddad", "Hansen", "Ito", "Jansen", "Johnson", "Kaur", "Kim", "Kowalski", "Lee", "Lopez", "Mensah",
    "Moreau", "Nguyen", "Novak", "Okafor", "Patel", "Rossi", "Sato", "Schmidt", "Silva", "Smith", "Weber",
];
const TITLES: [&str; 8] = [
    "Software Engineer",
    "Account Manager",
    "Product Designer",
    "Data Analyst",
    "Recruiter",
    "Support Specialist",
    "Finance Manager",
    "Director",
];
pub(crate) const DEPARTMENTS: [&str; 8] =
    ["Engineering", "Sales", "Marketing", "Finance", "People", "Support", "Legal", "Operations"];
const CITIES: [(&str, &str, &str); 8] = [
    ("Berlin", "DE", "de-DE"),
    ("Chicago", "US", "en-US"),
    ("London", "GB", "en-GB"),
    ("Lyon", "FR", "fr-FR"),
    ("Madrid", "ES", "es-ES"),
    ("Osaka", "JP", "ja-JP"),
    ("Pune", "IN", "en-IN"),
    ("Toronto", "CA", "en-CA"),
];
const SKILLS: [&str; 6] = ["rust", "negotiation", "sql", "writing", "figma", "law"];

/// What several attributes of a user follow from.
struct Drawn {
    index: u32,
    first: &'static str,
    last: &'static str,
    place: (&'static str, &'static str, &'static str),
    contractor: bool,
    no_phone: bool,
    no_title: bool,
    no_cost_center: bool,
}

impl Drawn {
    fn has(&self, attribute: Attribute) -> bool {
        match attribute {
            Attribute::Title => !self.no_title,
            Attribute::CostCenter => !self.no_cost_center,
            _ => true,
        }
    }
}

impl Generator {
    /// One profile attribute; `None` when it is absent from this user's profile.
    pub(crate) fn attribute(&self, index: u32, name: &str) -> Option<Value> {
        let (_, _, attribute) = WRITTEN.iter().find(|(written, _, _)| *written == name)?;
        self.value(&self.draw(index), *attribute)
    }

    /// The whole profile.
    pub(crate) fn attributes(&self, index: u32) -> Attributes {
        let drawn = self.draw(index);
        let values = WRITTEN
            .iter()
            .filter_map(|(name, _, attribute)| Some((Cow::Borrowed(*name), self.value(&drawn, *attribute)?)));
        values.collect()
    }

    /// Writes the properties of the profile, without its braces, as JSON. Attributes that aren't wanted are
    /// left out.
    pub(crate) fn write_profile(&self, out: &mut Vec<u8>, index: u32, wanted: impl Fn(&str) -> bool) {
        let drawn = self.draw(index);
        let start = out.len();
        for (name, key, attribute) in &WRITTEN {
            if !drawn.has(*attribute) || !wanted(name) {
                continue;
            }
            if out.len() != start {
                out.push(b',');
            }
            out.extend_from_slice(key.as_bytes());
            self.write(out, &drawn, *attribute);
        }
    }

    /// Writes the e-mail address as a JSON text: every generated user has one.
    pub(crate) fn write_email(&self, out: &mut Vec<u8>, index: u32) {
        self.write(out, &self.draw(index), Attribute::Email);
    }

    /// The value of an attribute: what is written, read back, so that there is one source of it.
    fn value(&self, drawn: &Drawn, attribute: Attribute) -> Option<Value> {
        if !drawn.has(attribute) {
            return None;
        }
        let mut json = Vec::with_capacity(64);
        self.write(&mut json, drawn, attribute);
        Some(serde_json::from_slice(&json).expect("generated attributes are JSON"))
    }

    /// Writes an attribute as JSON. No generated text needs escaping.
    fn write(&self, out: &mut Vec<u8>, drawn: &Drawn, attribute: Attribute) {
        let index = drawn.index;
        match attribute {
            Attribute::FirstName => quoted(out, &[drawn.first]),
            Attribute::LastName => quoted(out, &[drawn.last]),
            Attribute::MobilePhone if drawn.no_phone => out.extend_from_slice(b"null"),
            Attribute::MobilePhone => {
                out.extend_from_slice(b"\"+1-555-");
                digits::padded(out, self.below(Salt::Phone, index, 10_000_000), 7);
                out.push(b'"');
            }
            Attribute::SecondEmail => out.extend_from_slice(b"null"),
            Attribute::Login | Attribute::Email => {
                out.push(b'"');
                self.write_login(out, index, drawn.first, drawn.last);
                out.push(b'"');
            }
            Attribute::DisplayName => quoted(out, &[drawn.first, " ", drawn.last]),
            Attribute::Title => quoted(out, &[self.pick(Salt::Title, index, &TITLES)]),
            Attribute::Department => {
                quoted(out, &[self.pick(Salt::Department, index, &DEPARTMENTS)]);
            }
            Attribute::Division => quoted(out, &[if index.is_multiple_of(2) { "R&D" } else { "Commercial" }]),
            Attribute::CostCenter => {
                out.extend_from_slice(b"\"CC-");
                digits::padded(out, self.below(Salt::Department, index, 400), 3);
                out.push(b'"');
            }
            Attribute::EmployeeNumber => {
                out.push(b'"');
                digits::padded(out, u64::from(index) + 1, 6);
                out.push(b'"');
            }
            Attribute::Organization => quoted(out, &["Acme"]),
            Attribute::UserType => quoted(out, &[if drawn.contractor { "Contractor" } else { "Employee" }]),
            Attribute::StreetAddress => {
                out.push(b'"');
                digits::decimal(out, u64::from(index % 900 + 1));
                out.extend_from_slice(b" Main Street\"");
            }
            Attribute::City => quoted(out, &[drawn.place.0]),
            Attribute::CountryCode => quoted(out, &[drawn.place.1]),
            Attribute::PreferredLanguage => quoted(out, &[drawn.place.2]),
            Attribute::EmployeeGrade => digits::decimal(out, self.below(Salt::Grade, index, 12) + 1),
            Attribute::Fte => out.extend_from_slice(if index % 8 == 7 { b"0.5" } else { b"1.0" }),
            Attribute::Contractor => out.extend_from_slice(if drawn.contractor { b"true" } else { b"false" }),
            Attribute::Skills => {
                let skill = self.below(Salt::Skill, index, 5) as usize;
                out.push(b'[');
                quoted(out, &[SKILLS[skill]]);
                out.push(b',');
                quoted(out, &[SKILLS[skill + 1]]);
                out.push(b']');
            }
            Attribute::SiteCodes => {
                out.push(b'[');
                digits::decimal(out, u64::from(index % 40));
                out.push(b',');
                digits::decimal(out, u64::from(100 + index % 7));
                out.push(b']');
            }
        }
    }

    pub(crate) fn write_login(&self, out: &mut Vec<u8>, index: u32, first: &str, last: &str) {
        let start = out.len();
        out.extend_from_slice(first.as_bytes());
        out.push(b'.');
        out.extend_from_slice(last.as_bytes());
        out[start..].make_ascii_lowercase();
        out.push(b'.');
        digits::decimal(out, u64::from(index));
        out.push(b'@');
        out.extend_from_slice(DOMAIN.as_bytes());
    }

    /// Draws what several attributes follow from.
    fn draw(&self, index: u32) -> Drawn {
        let (first, last) = self.names(index);
        let missing = self.missing(index);
        Drawn {
            index,
            first,
            last,
            place: self.pick(Salt::City, index, &CITIES),
            contractor: index % 10 == 3,
            no_phone: self.lacks(missing, 2),
            no_title: self.lacks(missing, 5),
            no_cost_center: self.lacks(missing, 7),
        }
    }
}

/// Writes texts that need no escaping as one JSON text.
fn quoted(out: &mut Vec<u8>, parts: &[&str]) {
    out.push(b'"');
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{BASE_SCHEMA, CUSTOM_SCHEMA};

    #[test]
    fn single_attributes_agree_with_the_whole_user() {
        let generator = Generator::new(5, true, 300);
        for index in 0..300 {
            let whole = generator.attributes(index);
            for name in BASE_SCHEMA.iter().chain(&CUSTOM_SCHEMA) {
                let in_whole = whole.iter().find(|(key, _)| key == name).map(|(_, value)| value);
                assert_eq!(in_whole, generator.attribute(index, name).as_ref(), "{name}");
            }
        }
    }
}
