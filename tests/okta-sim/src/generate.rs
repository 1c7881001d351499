//! The ordinary users of a population, each computed from the seed and its index.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::model::{Profile, Provider, Status, User};
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

/// Attributes of a generated user, in the order they are written.
const WRITTEN: [&str; 23] = [
    "firstName",
    "lastName",
    "mobilePhone",
    "secondEmail",
    "login",
    "email",
    "displayName",
    "title",
    "department",
    "division",
    "costCenter",
    "employeeNumber",
    "organization",
    "userType",
    "streetAddress",
    "city",
    "countryCode",
    "preferredLanguage",
    "employeeGrade",
    "fte",
    "contractor",
    "skills",
    "siteCodes",
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
        let created = self.created(index).0;
        (self.status(index) != Status::Staged).then(|| {
            Timestamp((created + self.below(Salt::Activated, index, 3 * 86_400) as i64).min(LAST_DAY))
        })
    }

    pub(crate) fn status_changed(&self, index: u32) -> Option<Timestamp> {
        let activated = self.activated(index)?;
        Some(match self.status(index) {
            Status::Active | Status::Provisioned => activated,
            _ => self.between(Salt::StatusChanged, index, activated),
        })
    }

    pub(crate) fn last_updated(&self, index: u32) -> Timestamp {
        let from = self.status_changed(index).unwrap_or_else(|| self.created(index));
        self.between(Salt::Updated, index, from)
    }

    fn last_login(&self, index: u32) -> Option<Timestamp> {
        let never = matches!(self.status(index), Status::Staged | Status::Provisioned);
        (!never && !self.unset(index, 3)).then(|| self.between(Salt::LastLogin, index, self.created(index)))
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
        let mut login = format!("{first}.{last}.{index}@{DOMAIN}");
        login.make_ascii_lowercase();
        login
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
        let (first, last) = self.names(index);
        let department = self.pick(Salt::Department, index, &DEPARTMENTS);
        let place = self.pick(Salt::City, index, &CITIES);
        let text = |value: &str| Some(Value::String(value.to_owned()));
        match name {
            "firstName" => text(first),
            "lastName" => text(last),
            "mobilePhone" if self.unset(index, 2) => Some(Value::Null),
            "mobilePhone" => {
                Some(Value::String(format!("+1-555-{:07}", self.below(Salt::Phone, index, 10_000_000))))
            }
            "secondEmail" => Some(Value::Null),
            "login" | "email" => Some(Value::String(self.login(index))),
            "displayName" => Some(Value::String(format!("{first} {last}"))),
            "title" if self.unset(index, 5) => None,
            "title" => text(self.pick(Salt::Title, index, &TITLES)),
            "department" => text(department),
            "division" => text(if index.is_multiple_of(2) { "R&D" } else { "Commercial" }),
            "costCenter" if self.unset(index, 7) => None,
            "costCenter" => {
                Some(Value::String(format!("CC-{:03}", self.below(Salt::Department, index, 400))))
            }
            "employeeNumber" => Some(Value::String(format!("{:06}", index + 1))),
            "organization" => text("Acme"),
            "userType" => text(if self.contractor(index) { "Contractor" } else { "Employee" }),
            "streetAddress" => Some(Value::String(format!("{} Main Street", index % 900 + 1))),
            "city" => text(place.0),
            "countryCode" => text(place.1),
            "preferredLanguage" => text(place.2),
            "employeeGrade" => Some(json!(self.below(Salt::Grade, index, 12) + 1)),
            "fte" => Some(json!(if index % 8 == 7 { 0.5 } else { 1.0 })),
            "contractor" => Some(json!(self.contractor(index))),
            "skills" => {
                let skill = self.below(Salt::Skill, index, 5) as usize;
                Some(json!([SKILLS[skill], SKILLS[skill + 1]]))
            }
            "siteCodes" => Some(json!([index % 40, 100 + index % 7])),
            _ => None,
        }
    }

    /// The whole user.
    pub(crate) fn user(&self, index: u32) -> User {
        let provider = self.provider(index);
        let activated = self.activated(index);
        let mut profile = Profile::with_capacity(WRITTEN.len());
        for name in WRITTEN {
            if let Some(value) = self.attribute(index, name) {
                profile.push((Cow::Borrowed(name), value));
            }
        }
        User {
            status: self.status(index),
            created: self.created(index),
            activated,
            status_changed: self.status_changed(index),
            last_login: self.last_login(index),
            last_updated: self.last_updated(index),
            password_changed: activated.filter(|_| provider == Provider::Okta),
            transitioning_to: None,
            provider,
            profile,
        }
    }

    fn names(&self, index: u32) -> (&'static str, &'static str) {
        (self.pick(Salt::First, index, &FIRST_NAMES), self.pick(Salt::Last, index, &LAST_NAMES))
    }

    fn contractor(&self, index: u32) -> bool {
        index % 10 == 3
    }

    /// Whether this user lacks the optional value numbered `nth`; never in a plain population.
    fn unset(&self, index: u32, nth: u64) -> bool {
        self.awkward && (self.seed.value(Salt::Unset as u64, u64::from(index)) >> nth) & 7 == 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_the_same_each_time_and_differs_by_seed() {
        let (a, b) = (Generator::new(1, true, 1000), Generator::new(2, true, 1000));
        assert_eq!(a.user(17).profile, a.user(17).profile);
        assert_ne!(
            (0..50).map(|i| a.login(i)).collect::<Vec<_>>(),
            (0..50).map(|i| b.login(i)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn single_attributes_agree_with_the_whole_user() {
        let generator = Generator::new(5, true, 300);
        for index in 0..300 {
            let user = generator.user(index);
            for name in BASE_SCHEMA.iter().chain(&CUSTOM_SCHEMA) {
                assert_eq!(user.attribute(name), generator.attribute(index, name).as_ref(), "{name}");
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
