use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::admission::Admitted;
use super::bindings::types;
use super::call::{CallError, Identity, Source, Transform};
use super::guest::{ExportFault, Functions, Guest, Mould, SourceFunctions, TransformFunctions};
use super::limits::{Limit, LimitReached, Limits};
use super::packed;
use super::state::{LogListener, Meter};
use super::stop::StopReason;
use super::weight::{Weight, records};
use crate::model::{
    Attribute, Group, GroupVerdict, Manifest, Page, Person, Request, Response, Scope, Verdict,
};

/// How far an instance's memory may have grown over what it had when it was configured and still be kept for
/// the next call. Linear memory never shrinks, so one huge page would otherwise hold its memory for the run.
const KEPT_GROWTH: u64 = 32 << 20;

/// A configured plugin: instances that are made when needed, as many as there are cores, each used by one call
/// at a time and kept for the next. After a trap, a limit or a panic the instance is thrown away.
pub(super) struct Pool<F> {
    identity: Identity,
    manifest: Manifest,
    mould: Mould,
    settings: String,
    slots: Mutex<Slots<F>>,
    freed: Condvar,
    most: usize,
}

struct Slots<F> {
    idle: Vec<Configured<F>>,
    in_use: usize,
}

struct Configured<F> {
    guest: Guest,
    functions: F,
    /// Bytes, right after `configure`.
    memory: u64,
}

/// Why an instance gave no answer: its own error, or its end.
enum Failure {
    Answered(types::Error),
    Stopped(StopReason),
}

impl<F: Functions> Pool<F> {
    /// Configures one instance at once, so that wrong settings are told before a run begins.
    pub fn new(
        admitted: Admitted,
        settings: String,
        connector: &str,
        limits: &Limits,
        listener: Option<LogListener>,
    ) -> Result<Self, CallError> {
        let most = thread::available_parallelism().map_or(1, usize::from);
        let mould = Mould {
            instance: admitted.instance,
            wasi: admitted.wasi,
            label: admitted.identity.to_string().into(),
            connector: connector.to_owned(),
            limits: Arc::new(limits.clone()),
            meter: Arc::new(Meter::default()),
            listener,
        };
        let pool = Self {
            identity: admitted.identity,
            manifest: admitted.manifest,
            mould,
            settings,
            slots: Mutex::new(Slots { idle: Vec::new(), in_use: 0 }),
            freed: Condvar::new(),
            most,
        };
        pool.use_one("configure", |_, _| Ok(()))?;
        Ok(pool)
    }

    fn limits(&self) -> &Limits {
        &self.mould.limits
    }

    fn use_one<T>(
        &self,
        function: &'static str,
        work: impl FnOnce(&mut Guest, &F) -> Result<T, Failure>,
    ) -> Result<T, CallError> {
        let slot = Slot::take(self);
        let mut configured = match slot.idle() {
            Some(idle) => idle,
            None => self.configured().map_err(|failure| self.error("configure", failure))?,
        };
        let outcome = work(&mut configured.guest, &configured.functions);
        match outcome {
            Err(Failure::Stopped(_)) => {}
            _ if configured.guest.memory() > configured.memory + KEPT_GROWTH => {}
            _ => slot.give_back(configured),
        }
        outcome.map_err(|failure| self.error(function, failure))
    }

    fn configured(&self) -> Result<Configured<F>, Failure> {
        let mut guest = Guest::new(&self.mould).map_err(Failure::Stopped)?;
        let functions: F = guest.functions().map_err(|fault| {
            let (ExportFault::Missing { name } | ExportFault::WrongType { name, .. }) = fault;
            // Admission has seen it.
            Failure::Stopped(StopReason::Broke(format!("its export {name} changed")))
        })?;
        guest
            .call(functions.configure(), (self.settings.clone(),))
            .map_err(Failure::Stopped)?
            .map_err(Failure::Answered)?;
        let memory = guest.memory();
        Ok(Configured { guest, functions, memory })
    }

    fn error(&self, function: &'static str, failure: Failure) -> CallError {
        let plugin = Box::new(self.identity.clone());
        match failure {
            Failure::Answered(error) => CallError::Answered { plugin, error: error.into() },
            Failure::Stopped(reason) => CallError::Stopped { plugin, function, reason },
        }
    }

    fn over(&self, reached: LimitReached) -> Failure {
        Failure::Stopped(StopReason::Limit { reached, connector: self.mould.connector.clone() })
    }

    /// Counts what an answer adds to the run.
    fn count(&self, answer: &impl Weight, requests: usize) -> Result<(), Failure> {
        let (meter, limits) = (&self.mould.meter, self.limits());
        let counted = meter.output(answer.weight(), limits).and_then(|()| meter.requests(requests, limits));
        counted.map_err(|reached| self.over(reached))
    }
}

/// The right to use one instance. Idle and used instances together are never more than the most: each was
/// made under such a right, when none was idle.
struct Slot<'a, F> {
    slots: &'a Mutex<Slots<F>>,
    freed: &'a Condvar,
}

impl<'a, F> Slot<'a, F> {
    /// Waits until fewer than the most instances are in use.
    fn take(pool: &'a Pool<F>) -> Self {
        let mut slots = lock(&pool.slots);
        while slots.in_use >= pool.most {
            slots = pool.freed.wait(slots).unwrap_or_else(PoisonError::into_inner);
        }
        slots.in_use += 1;
        Self { slots: &pool.slots, freed: &pool.freed }
    }

    fn idle(&self) -> Option<Configured<F>> {
        lock(self.slots).idle.pop()
    }

    fn give_back(&self, configured: Configured<F>) {
        lock(self.slots).idle.push(configured);
    }
}

impl<F> Drop for Slot<'_, F> {
    fn drop(&mut self) {
        lock(self.slots).in_use -= 1;
        self.freed.notify_one();
    }
}

fn lock<F>(slots: &Mutex<Slots<F>>) -> MutexGuard<'_, Slots<F>> {
    // A panic while it was held leaves the numbers right: each section is one step.
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer<T>(called: Result<Result<T, types::Error>, StopReason>) -> Result<T, Failure> {
    called.map_err(Failure::Stopped)?.map_err(Failure::Answered)
}

impl Source for Pool<SourceFunctions> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, CallError> {
        self.use_one("plan", |guest, functions| {
            let given = answer(guest.plan(functions, scope, known))?;
            let requests: Vec<Request> = given.into_iter().map(Request::from).collect();
            self.count(&requests, requests.len())?;
            Ok(requests)
        })
    }

    fn decode(&self, request: &Request, response: Response) -> Result<Page, CallError> {
        self.use_one("decode", |guest, functions| {
            let page = Page::from(answer(guest.call(functions.decode, (request.into(), response.into())))?);
            let checked = self.limits().check(Limit::Records, records(&page));
            checked.map_err(|reached| self.over(reached))?;
            self.count(&page, page.next.len())?;
            Ok(page)
        })
    }
}

impl Transform for Pool<TransformFunctions> {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        self.use_one("shape-groups", |guest, functions| {
            let given = answer(guest.shape_groups(functions, groups))?;
            one_for_each("groups", given.len(), groups.len())?;
            let verdicts: Vec<GroupVerdict> = given.into_iter().map(GroupVerdict::from).collect();
            self.count(&verdicts, 0)?;
            Ok(verdicts)
        })
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        self.use_one("shape-people", |guest, functions| {
            let verdicts = match guest.shape_packed(functions, people) {
                Some(called) => unpacked(&answer(called)?, people)?,
                None => {
                    let given = answer(guest.shape_people(functions, people))?;
                    one_for_each("people", given.len(), people.len())?;
                    given.into_iter().map(Verdict::from).collect()
                }
            };
            self.count(&verdicts, 0)?;
            Ok(verdicts)
        })
    }
}

fn unpacked(given: &packed::Answer, people: &[Person]) -> Result<Vec<Verdict>, Failure> {
    let broke = |malformed| {
        Failure::Stopped(StopReason::Broke(format!("its packed verdicts can't be read: {malformed}")))
    };
    one_for_each("people", given.count().map_err(broke)?, people.len())?;
    given.verdicts(people).map_err(broke)
}

fn one_for_each(of: &str, given: usize, wanted: usize) -> Result<(), Failure> {
    if given == wanted {
        return Ok(());
    }
    Err(Failure::Stopped(StopReason::Broke(format!("it gave {given} verdicts for {wanted} {of}"))))
}
