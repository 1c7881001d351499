//! The ordinary users of a population, each computed from the seed and its index.

use crate::model::{Profile, Provider, Status, User};
use crate::profile::{FIRST_NAMES, LAST_NAMES};
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

/// Streams of random values, one for each thing drawn.
#[derive(Clone, Copy)]
pub(crate) enum Salt {
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

    pub(crate) fn names(&self, index: u32) -> (&'static str, &'static str) {
        (self.pick(Salt::First, index, &FIRST_NAMES), self.pick(Salt::Last, index, &LAST_NAMES))
    }

    pub(crate) fn missing(&self, index: u32) -> u64 {
        self.seed.value(Salt::Unset as u64, u64::from(index))
    }

    /// Whether a user lacks the optional value numbered `nth`; never in a plain population.
    pub(crate) fn lacks(&self, missing: u64, nth: u64) -> bool {
        self.awkward && (missing >> nth) & 7 == 0
    }

    fn between(&self, salt: Salt, index: u32, from: Timestamp) -> Timestamp {
        Timestamp(from.0 + self.below(salt, index, (LAST_DAY - from.0).max(1) as u64) as i64)
    }

    pub(crate) fn below(&self, salt: Salt, index: u32, bound: u64) -> u64 {
        self.seed.below(salt as u64, u64::from(index), bound)
    }

    pub(crate) fn pick<T: Copy>(&self, salt: Salt, index: u32, choices: &[T]) -> T {
        self.seed.pick(salt as u64, u64::from(index), choices)
    }
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
