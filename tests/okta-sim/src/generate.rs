//! The ordinary users of a population, each computed from the seed and its index.

use std::borrow::Cow;

use serde_json::Value;

use crate::digits;
use crate::model::{Attributes, Profile, Provider, Status, User};
use crate::rng::Seed;
use crate::time::Timestamp;

/// 2016-01-01, when the first user was created.
pub(crate) const FIRST_DAY: i64 = 1_451_606_400;
/// 2026-01-01: nothing generated is later, so every change made at run time is newer.
pub(crate) const LAST_DAY: i64 = 1_767_225_600;
/// The domain of generated logins.
pub(crate) const DOMAIN: &str = "acme.example";

/// Attributes of Okta's base user schema; anything else a search names has to be a custom attribute.
pub(crate) const BASE_SCHEMA: [&str; 31] = [
    "login",
    "email",
    "secondEmail",
    "firstName",
    "lastName",
    "middleName",
    "honorificPrefix",
    "honorificSuffix",
    "title",
    "displayName",
    "nickName",
    "profileUrl",
    "primaryPhone",
    "mobilePhone",
    "streetAddress",
    "city",
    "state",
    "zipCode",
    "countryCode",
    "postalAddress",
    "preferredLanguage",
    "locale",
    "timezone",
    "userType",
    "employeeNumber",
    "costCenter",
    "organization",
    "division",
    "department",
    "managerId",
    "manager",
];

/// Custom attributes of the generated organisation, one of each kind a schema may have.
pub(crate) const CUSTOM_SCHEMA: [&str; 5] = ["employeeGrade", "fte", "contractor", "skills", "siteCodes"];

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

const FIRST_NAMES: [&str; 32] = [
    "Ada", "Ahmed", "Aiko", "Alice", "Amara", "Ana", "Ben", "Bianca", "Carlos", "Chen", "Clara", "Daniel",
    "Deepa", "Elena", "Emma", "Farid", "Grace", "Hugo", "Ines", "Isaac", "Jonas", "Kofi", "Laura", "Liam",
    "Mei", "Noah", "Olga", "Priya", "Rosa", "Samuel", "Tariq", "Yuki",
];
const LAST_NAMES: [&str; 32] = [
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

/// Streams of random values, one for each thing drawn.
#[derive(Clone, Copy)]
enum Salt {
    First = 1,
    Last,
    Status,
    Created,
    Activated,
    StatusChanged,
    LastLogin,
    Updated,
    Title,
    Department,
    City,
    Unset,
    Grade,
    Skill,
    Provider,
    Phone,
}

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

/// Times of a user that others follow from.
struct Times {
    status: Status,
    created: Timestamp,
    activated: Option<Timestamp>,
    status_changed: Option<Timestamp>,
}

/// Computes the users of a population.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Generator {
    seed: Seed,
    awkward: bool,
    users: u32,
}

impl Generator {
    pub(crate) fn new(seed: u64, awkward: bool, users: u32) -> Self {
        Self { seed: Seed::new(seed), awkward, users }
    }

    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    /// Roughly a living organisation: 90 in 100 active. A plain population is active throughout.
    pub(crate) fn status(&self, index: u32) -> Status {
        if !self.awkward {
            return Status::Active;
        }
        match self.below(Salt::Status, index, 1000) {
            0..30 => Status::Deprovisioned,
            30..45 => Status::Provisioned,
            45..60 => Status::Staged,
            60..70 => Status::Suspended,
            70..78 => Status::PasswordExpired,
            78..82 => Status::Recovery,
            82..86 => Status::LockedOut,
            _ => Status::Active,
        }
    }

    /// Creation times ascend with the index, as ids do.
    pub(crate) fn created(&self, index: u32) -> Timestamp {
        let step = ((LAST_DAY - FIRST_DAY) as u64 / u64::from(self.users.max(1))).max(1);
        let base = FIRST_DAY + (u64::from(index) * step) as i64;
        Timestamp((base + self.below(Salt::Created, index, step) as i64).min(LAST_DAY))
    }

    /// Null for a user that was never activated.
    pub(crate) fn activated(&self, index: u32) -> Option<Timestamp> {
        self.times(index).activated
    }

    pub(crate) fn status_changed(&self, index: u32) -> Option<Timestamp> {
        self.times(index).status_changed
    }

    pub(crate) fn last_updated(&self, index: u32) -> Timestamp {
        let times = self.times(index);
        self.between(Salt::Updated, index, times.status_changed.unwrap_or(times.created))
    }

    /// The times that others follow from.
    fn times(&self, index: u32) -> Times {
        let (status, created) = (self.status(index), self.created(index));
        if status == Status::Staged {
            return Times { status, created, activated: None, status_changed: None };
        }
        let activation = created.0 + self.below(Salt::Activated, index, 3 * 86_400) as i64;
        let activated = Timestamp(activation.min(LAST_DAY));
        let status_changed = match status {
            Status::Active | Status::Provisioned => activated,
            _ => self.between(Salt::StatusChanged, index, activated),
        };
        Times { status, created, activated: Some(activated), status_changed: Some(status_changed) }
    }

    fn provider(&self, index: u32) -> Provider {
        match self.below(Salt::Provider, index, 10) {
            0 => Provider::ActiveDirectory,
            1 => Provider::Federation,
            _ => Provider::Okta,
        }
    }

    pub(crate) fn login(&self, index: u32) -> String {
        let (first, last) = self.names(index);
        let mut login = Vec::with_capacity(48);
        self.write_login(&mut login, index, first, last);
        String::from_utf8(login).expect("generated logins are ASCII")
    }

    /// The index of the generated user with this login or, without a domain, short login.
    pub(crate) fn find_login(&self, login: &str) -> Option<u32> {
        let short = match login.split_once('@') {
            Some((short, domain)) => domain.eq_ignore_ascii_case(DOMAIN).then_some(short)?,
            None => login,
        };
        let index: u32 = short.rsplit_once('.')?.1.parse().ok()?;
        let known = index < self.users && {
            let own = self.login(index);
            own.len() > short.len() && own[..own.len() - DOMAIN.len() - 1].eq_ignore_ascii_case(short)
        };
        known.then_some(index)
    }

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

    /// The whole user; its profile is computed when it is asked for.
    pub(crate) fn user(&self, index: u32) -> User {
        let provider = self.provider(index);
        let Times { status, created, activated, status_changed } = self.times(index);
        let never = matches!(status, Status::Staged | Status::Provisioned);
        let logged_in = !never && !self.lacks(self.missing(index), 3);
        User {
            status,
            created,
            activated,
            status_changed,
            last_login: logged_in.then(|| self.between(Salt::LastLogin, index, created)),
            last_updated: self.between(Salt::Updated, index, status_changed.unwrap_or(created)),
            password_changed: activated.filter(|_| provider == Provider::Okta),
            transitioning_to: None,
            provider,
            profile: Profile::Generated(*self, index),
        }
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

    fn write_login(&self, out: &mut Vec<u8>, index: u32, first: &str, last: &str) {
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

    fn names(&self, index: u32) -> (&'static str, &'static str) {
        (self.pick(Salt::First, index, &FIRST_NAMES), self.pick(Salt::Last, index, &LAST_NAMES))
    }

    fn missing(&self, index: u32) -> u64 {
        self.seed.value(Salt::Unset as u64, u64::from(index))
    }

    /// Whether a user lacks the optional value numbered `nth`; never in a plain population.
    fn lacks(&self, missing: u64, nth: u64) -> bool {
        self.awkward && (missing >> nth) & 7 == 0
    }

    fn between(&self, salt: Salt, index: u32, from: Timestamp) -> Timestamp {
        Timestamp(from.0 + self.below(salt, index, (LAST_DAY - from.0).max(1) as u64) as i64)
    }

    fn below(&self, salt: Salt, index: u32, bound: u64) -> u64 {
        self.seed.below(salt as u64, u64::from(index), bound)
    }

    fn pick<T: Copy>(&self, salt: Salt, index: u32, choices: &[T]) -> T {
        self.seed.pick(salt as u64, u64::from(index), choices)
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

    #[test]
    fn a_user_is_the_same_each_time_and_differs_by_seed() {
        let (a, b) = (Generator::new(1, true, 1000), Generator::new(2, true, 1000));
        assert_eq!(a.attributes(17), a.attributes(17));
        assert_ne!(
            (0..50).map(|i| a.login(i)).collect::<Vec<_>>(),
            (0..50).map(|i| b.login(i)).collect::<Vec<_>>()
        );
    }

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

    #[test]
    fn logins_are_found_with_and_without_domain() {
        let generator = Generator::new(5, true, 300);
        let login = generator.login(299);
        assert_eq!(generator.find_login(&login.to_uppercase()), Some(299));
        assert_eq!(generator.find_login(login.split('@').next().unwrap()), Some(299));
        assert_eq!(generator.find_login("nobody.300@acme.example"), None);
        assert_eq!(generator.find_login("299"), None);
    }

    #[test]
    fn times_are_in_order() {
        let generator = Generator::new(5, true, 5000);
        for index in 0..5000 {
            assert!(generator.created(index) <= generator.last_updated(index));
            assert!(generator.last_updated(index).0 <= LAST_DAY);
            assert!(index == 0 || generator.created(index - 1) <= generator.created(index));
        }
    }
}
