use wasmtime::{Config, Engine, OptLevel, Strategy};

/// The stack that a guest may use, in bytes. Interpreters (JavaScript, Python) recurse deeply, so twice
/// wasmtime's default; half of the 2 MiB that a blocking thread has, so that host calls fit on top.
const GUEST_STACK: usize = 1 << 20;

/// The stack of a guest that imports WASI, which runs on one of its own: [`GUEST_STACK`] and as much again for
/// the host functions that it calls, as on a blocking thread.
const FIBER_STACK: usize = 2 << 20;

/// The engine could not be made: this machine can't run the sandbox.
#[derive(Debug, thiserror::Error)]
#[error("set up the sandbox: {0}")]
pub struct EngineError(String);

impl EngineError {
    pub fn hint(&self) -> Option<String> {
        Some(
            "the sandbox compiles plugins to machine code; this processor or system doesn't allow that"
                .into(),
        )
    }
}

impl From<wasmtime::Error> for EngineError {
    fn from(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// The one place that makes an engine, so that a plugin means the same everywhere: in a run, in
/// `plugin check`, in its author's test, and in the cache of compiled code.
///
/// One configuration serves guests that import WASI too: on wasmtime 48 their async calls need neither
/// `concurrency_support` nor an engine of their own, only the async functions of a store.
pub(super) fn new_engine() -> Result<Engine, EngineError> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        // Compiled once and cached, run a million times.
        .cranelift_opt_level(OptLevel::Speed)
        // A run can be recorded and replayed on another machine: the bits of a NaN must not differ.
        .cranelift_nan_canonicalization(true)
        // Deterministic, unlike epochs: the same number in an author's test and in production.
        .consume_fuel(true)
        // Nothing here runs two guest calls in one store at once.
        .concurrency_support(false)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        // JSON decoders are several times faster with it, and it is deterministic.
        .wasm_simd(true)
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        // Differs between processors, which a replay must not.
        .wasm_relaxed_simd(false)
        // Not needed by any guest toolchain in use for plugins: less that can be attacked.
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false);
    Ok(Engine::new(&config)?)
}
