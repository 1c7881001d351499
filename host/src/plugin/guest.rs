use std::sync::Arc;
use std::time::Duration;

use rollcall_packed::Writer;
use tokio::runtime::Runtime;
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Func, Instance, InstancePre, Lift, Lower, TypedFunc};

use super::bindings::{http, source, transform, types};
use super::lent::{self, lent};
use super::limits::{Limit, Limits};
use super::packed;
use super::state::{LogListener, Meter, State};
use super::stop::StopReason;
use crate::model::{Attribute, Group, Person, PluginKind, Scope};

/// How often a guest that imports WASI gives its thread's timer a chance, in fuel: some milliseconds.
const FUEL_BETWEEN_YIELDS: u64 = 10_000_000;

/// A function that a kind of plugin has to export is not there, or is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ExportFault {
    Missing { name: String },
    WrongType { name: String, detail: String },
}

/// The exported functions of one kind of plugin.
pub(super) trait Functions: Copy + Send + Sync + 'static {
    const KIND: PluginKind;
    /// Looks them up and compares their types with the contract's: only this finds a wrong type.
    fn of(store: &mut Store<State>, instance: &Instance) -> Result<Self, ExportFault>;
    fn configure(&self) -> Configure;
}

type Answer<T> = (Result<T, types::Error>,);
// What is lent has no type that could be kept: these functions are compared when they are looked up, and once
// more, which costs a microsecond, at each call.
type Plan<'a> = (source::Scope, Vec<lent::Attribute<'a>>);
type Groups<'a> = (Vec<lent::Group<'a>>,);
type People<'a> = (Vec<lent::Person<'a>>,);
type PackedPeople<'a> = (packed::Lent<'a>,);
pub(super) type Configure = TypedFunc<(String,), Answer<()>>;

pub(super) const PLUGIN: &str = "rollcall:plugin/plugin@0.1.0";
pub(super) const SOURCE: &str = "rollcall:plugin/source@0.1.0";
pub(super) const TRANSFORM: &str = "rollcall:plugin/transform@0.1.0";
/// Optional: a transform may have it beside `TRANSFORM`.
pub(super) const PACKED_TRANSFORM: &str = "rollcall:plugin/packed-transform@0.1.0";

/// The interfaces that a kind exports, each with its functions.
pub(super) fn required_exports(kind: PluginKind) -> [(&'static str, &'static [&'static str]); 2] {
    [
        (PLUGIN, &["configure"]),
        match kind {
            PluginKind::Source => (SOURCE, &["plan", "decode"]),
            PluginKind::Transform => (TRANSFORM, &["shape-groups", "shape-people"]),
        },
    ]
}

#[derive(Clone, Copy)]
pub(super) struct SourceFunctions {
    configure: Configure,
    plan: Func,
    pub decode: TypedFunc<(http::Request, http::Response), Answer<source::Page>>,
}

impl Functions for SourceFunctions {
    const KIND: PluginKind = PluginKind::Source;

    fn of(store: &mut Store<State>, instance: &Instance) -> Result<Self, ExportFault> {
        Ok(Self {
            configure: function(store, instance, PLUGIN, "configure")?,
            plan: *function::<Plan<'_>, Answer<Vec<http::Request>>>(store, instance, SOURCE, "plan")?.func(),
            decode: function(store, instance, SOURCE, "decode")?,
        })
    }

    fn configure(&self) -> Configure {
        self.configure
    }
}

#[derive(Clone, Copy)]
pub(super) struct TransformFunctions {
    configure: Configure,
    shape_groups: Func,
    shape_people: Func,
    /// Where the plugin takes people packed, too.
    shape_packed: Option<Func>,
}

impl Functions for TransformFunctions {
    const KIND: PluginKind = PluginKind::Transform;

    fn of(store: &mut Store<State>, instance: &Instance) -> Result<Self, ExportFault> {
        let packed = instance.get_export_index(&mut *store, None, PACKED_TRANSFORM).is_some();
        let shape_packed = packed.then(|| {
            function::<PackedPeople<'_>, Answer<packed::Answer>>(
                store,
                instance,
                PACKED_TRANSFORM,
                "shape-people",
            )
        });
        Ok(Self {
            configure: function(store, instance, PLUGIN, "configure")?,
            shape_packed: shape_packed.transpose()?.map(|function| *function.func()),
            shape_groups: *function::<Groups<'_>, Answer<Vec<transform::GroupVerdict>>>(
                store,
                instance,
                TRANSFORM,
                "shape-groups",
            )?
            .func(),
            shape_people: *function::<People<'_>, Answer<Vec<transform::Verdict>>>(
                store,
                instance,
                TRANSFORM,
                "shape-people",
            )?
            .func(),
        })
    }

    fn configure(&self) -> Configure {
        self.configure
    }
}

fn function<P, R>(
    store: &mut Store<State>,
    instance: &Instance,
    interface: &str,
    name: &str,
) -> Result<TypedFunc<P, R>, ExportFault>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    let full = || format!("{interface}#{name}");
    let index = instance
        .get_export_index(&mut *store, None, interface)
        .and_then(|outer| instance.get_export_index(&mut *store, Some(&outer), name));
    let found = index.and_then(|index| instance.get_func(&mut *store, index));
    let found = found.ok_or_else(|| ExportFault::Missing { name: full() })?;
    found
        .typed(&*store)
        .map_err(|error| ExportFault::WrongType { name: full(), detail: format!("{error:#}") })
}

/// What a guest is made of, and what it may use.
pub(super) struct Mould {
    pub instance: InstancePre<State>,
    /// Whether it imports WASI.
    pub wasi: bool,
    /// Name and version, for log lines.
    pub label: Arc<str>,
    /// Whose configuration can raise a limit.
    pub connector: String,
    pub limits: Arc<Limits>,
    pub meter: Arc<Meter>,
    pub listener: Option<LogListener>,
}

/// One instance of a plugin in a store of its own.
pub(super) struct Guest {
    store: Store<State>,
    instance: Instance,
    /// Drives a guest that imports WASI, whose calls can wait.
    runtime: Option<Runtime>,
    connector: String,
    limits: Arc<Limits>,
}

impl Guest {
    /// Instantiates under the limits.
    pub fn new(mould: &Mould) -> Result<Self, StopReason> {
        let limits = mould.limits.clone();
        let state = State::new(mould.label.clone(), limits.clone(), mould.meter.clone(), mould.wasi)
            .heard_by(mould.listener.clone());
        let mut store = Store::new(mould.instance.engine(), state);
        store.limiter(|state| state);
        // Bytes that one call may lift out of the sandbox.
        store.set_hostcall_fuel(usize::try_from(limits.amount(Limit::OutputPerCall)).unwrap_or(usize::MAX));
        let runtime = match mould.wasi {
            true => Some(timer_runtime().map_err(|error| broke(&error))?),
            false => None,
        };
        let timeout = timeout(&limits);
        let outcome = refuel(&mut store, &limits, runtime.is_some()).and_then(|()| match &runtime {
            None => mould.instance.instantiate(&mut store),
            Some(runtime) => runtime.block_on(async {
                match tokio::time::timeout(timeout, mould.instance.instantiate_async(&mut store)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(limits.reached(Limit::CallTimeout, None).into()),
                }
            }),
        });
        let stopped = |store: &mut Store<State>, error| {
            let panic = store.data_mut().take_panic();
            StopReason::from_error(&error, panic.as_deref(), &limits, &mould.connector)
        };
        let instance = outcome.map_err(|error| stopped(&mut store, error))?;
        Ok(Self { store, instance, runtime, connector: mould.connector.clone(), limits })
    }

    pub fn functions<F: Functions>(&mut self) -> Result<F, ExportFault> {
        F::of(&mut self.store, &self.instance)
    }

    /// Bytes of all its linear memories.
    pub fn memory(&self) -> u64 {
        self.store.data().memory()
    }

    /// One call, with fresh fuel. After an error the guest must not be used again.
    pub fn call<P, T>(
        &mut self,
        function: TypedFunc<P, Answer<T>>,
        params: P,
    ) -> Result<Result<T, types::Error>, StopReason>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        Answer<T>: ComponentNamedList + Lift,
        T: Send + Sync + 'static,
    {
        let limits = &self.limits;
        let store = &mut self.store;
        let outcome = refuel(store, limits, self.runtime.is_some()).and_then(|()| match &self.runtime {
            None => function.call(&mut *store, params),
            Some(runtime) => runtime.block_on(async {
                match tokio::time::timeout(timeout(limits), function.call_async(&mut *store, params)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(limits.reached(Limit::CallTimeout, None).into()),
                }
            }),
        });
        match outcome {
            Ok((answer,)) => {
                store.data_mut().flush();
                Ok(answer)
            }
            Err(error) => {
                let panic = store.data_mut().take_panic();
                store.data_mut().flush();
                Err(StopReason::from_error(&error, panic.as_deref(), limits, &self.connector))
            }
        }
    }
}

impl Guest {
    pub fn plan(
        &mut self,
        functions: &SourceFunctions,
        scope: &Scope,
        known: &[Attribute],
    ) -> Result<Result<Vec<http::Request>, types::Error>, StopReason> {
        let typed = self.again::<Plan<'_>, _>(functions.plan)?;
        self.call(typed, (scope.into(), lent(known)))
    }

    pub fn shape_groups(
        &mut self,
        functions: &TransformFunctions,
        groups: &[Group],
    ) -> Result<Result<Vec<transform::GroupVerdict>, types::Error>, StopReason> {
        let typed = self.again::<Groups<'_>, _>(functions.shape_groups)?;
        self.call(typed, (lent(groups),))
    }

    pub fn shape_people(
        &mut self,
        functions: &TransformFunctions,
        people: &[Person],
    ) -> Result<Result<Vec<transform::Verdict>, types::Error>, StopReason> {
        let typed = self.again::<People<'_>, _>(functions.shape_people)?;
        self.call(typed, (lent(people),))
    }

    /// The same, packed; nothing where the plugin can't.
    pub fn shape_packed(
        &mut self,
        functions: &TransformFunctions,
        people: &[Person],
    ) -> Option<Result<Result<packed::Answer, types::Error>, StopReason>> {
        let function = functions.shape_packed?;
        let Writer { texts, numbers } = packed::people(people);
        Some(
            self.again::<PackedPeople<'_>, _>(function)
                .and_then(|typed| self.call(typed, (packed::Lent { texts: &texts, numbers: &numbers },))),
        )
    }

    fn again<P, T>(&self, function: Func) -> Result<TypedFunc<P, Answer<T>>, StopReason>
    where
        P: ComponentNamedList + Lower,
        Answer<T>: ComponentNamedList + Lift,
    {
        function.typed(&self.store).map_err(|error| StopReason::Broke(format!("its type changed: {error:#}")))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // A runtime that is dropped in async code would panic; this one has nothing to wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn refuel(store: &mut Store<State>, limits: &Limits, yields: bool) -> wasmtime::Result<()> {
    store.set_fuel(limits.get(Limit::Fuel))?;
    if yields {
        store.fuel_async_yield_interval(Some(FUEL_BETWEEN_YIELDS))?;
    }
    Ok(())
}

fn timeout(limits: &Limits) -> Duration {
    Duration::from_secs(limits.get(Limit::CallTimeout))
}

/// Not the host's own runtime, whose threads never run guest code.
fn timer_runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

fn broke(error: &dyn std::error::Error) -> StopReason {
    StopReason::Broke(format!("no runtime for a guest that imports WASI: {error}"))
}
