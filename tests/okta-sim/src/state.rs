//! What the parts of a running simulator share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::fault::Faults;
use crate::limits::RateLimiter;
use crate::oauth::Desk;
use crate::org::Org;
use crate::quirks::Quirks;
use crate::sorted::SortedSearches;
use crate::stats::Recorder;
use crate::time::Clock;

/// What a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// A read-only administrator: everything the simulator answers.
    Full,
    /// No admin role: `GET /api/v1/users` is 200 with an empty list, everything else 403 E0000006. The
    /// trap that makes a sync with such a token look like a company without people.
    NoAdminRole,
}

/// Settings that may change while running.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) quirks: Quirks,
    pub(crate) latency: Duration,
    pub(crate) gzip: bool,
}

/// The simulator's state. No lock is held across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) clock: Clock,
    org: RwLock<Org>,
    settings: RwLock<Settings>,
    tokens: RwLock<HashMap<String, Access>>,
    limiter: Mutex<RateLimiter>,
    faults: Mutex<Faults>,
    recorder: Mutex<Recorder>,
    desk: Mutex<Desk>,
    pub(crate) sorted: SortedSearches,
    pub(crate) in_flight: AtomicU32,
    pub(crate) served: AtomicU64,
    /// The user who made the tokens, from the start; the tokens die with the account.
    pub(crate) owner: Option<u32>,
}

impl State {
    pub(crate) fn new(
        clock: Clock,
        org: Org,
        settings: Settings,
        tokens: HashMap<String, Access>,
        limiter: RateLimiter,
        recorder: Recorder,
    ) -> Self {
        let owner = (0..org.user_indices()).find(|&index| org.status(index) == Some(crate::Status::Active));
        Self {
            clock,
            org: RwLock::new(org),
            settings: RwLock::new(settings),
            tokens: RwLock::new(tokens),
            limiter: Mutex::new(limiter),
            faults: Mutex::default(),
            recorder: Mutex::new(recorder),
            desk: Mutex::default(),
            sorted: SortedSearches::default(),
            in_flight: AtomicU32::new(0),
            served: AtomicU64::new(0),
            owner,
        }
    }

    // A panic while a lock is held is a bug of the simulator that its own request reports; the others go on.
    pub(crate) fn org(&self) -> RwLockReadGuard<'_, Org> {
        self.org.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The organisation, to change it now.
    pub(crate) fn org_mut(&self) -> RwLockWriteGuard<'_, Org> {
        let mut org = self.org.write().unwrap_or_else(PoisonError::into_inner);
        org.now_ms = self.clock.millis();
        org
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn settings_mut(&self) -> RwLockWriteGuard<'_, Settings> {
        self.settings.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn access(&self, token: &str) -> Option<Access> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).get(token).copied()
    }

    /// Adds a token, changes what it may do, or with `None` revokes it.
    pub(crate) fn set_token(&self, token: String, access: Option<Access>) {
        let mut tokens = self.tokens.write().unwrap_or_else(PoisonError::into_inner);
        match access {
            Some(access) => tokens.insert(token, access),
            None => tokens.remove(&token),
        };
    }

    pub(crate) fn limiter(&self) -> MutexGuard<'_, RateLimiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
