use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use super::bindings::host;
use super::limits::{Limit, LimitReached, Limits};
use super::stop::PANIC;

/// Hears what a plugin writes into the log at debug level, a line at a time: a trace, which holds people's data and
/// is for whoever asked for it.
pub type LogListener = Arc<dyn Fn(&str) + Send + Sync>;

/// What a run has used of a plugin so far, over all of its instances.
#[derive(Debug, Default)]
pub(super) struct Meter {
    output: AtomicU64,
    requests: AtomicU64,
    log_lines: AtomicU64,
    log_bytes: AtomicU64,
}

impl Meter {
    /// Counts bytes that the plugin handed over.
    pub fn output(&self, bytes: u64, limits: &Limits) -> Result<(), LimitReached> {
        let total = self.output.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        limits.check(Limit::OutputPerRun, total)
    }

    /// Counts requests that the plugin asked for.
    pub fn requests(&self, count: usize, limits: &Limits) -> Result<(), LimitReached> {
        let total = self.requests.fetch_add(count as u64, Ordering::Relaxed).saturating_add(count as u64);
        limits.check(Limit::Requests, total)
    }

    /// Counts a line for the log. An error when the plugin has gone so far over the limit that it has to be
    /// stopped: lines that are dropped cost the host time too, which no fuel pays for.
    fn log(&self, bytes: u64, limits: &Limits) -> Result<Loggable, LimitReached> {
        let lines = self.log_lines.fetch_add(1, Ordering::Relaxed) + 1;
        let before = self.log_bytes.fetch_add(bytes, Ordering::Relaxed);
        for (limit, amount) in [(Limit::LogLines, lines), (Limit::LogBytes, before)] {
            if amount > limits.amount(limit).saturating_mul(FLOOD) {
                return Err(limits.reached(limit, Some(amount)));
            }
        }
        let allowed = limits.amount(Limit::LogBytes).saturating_sub(before);
        Ok(match lines.checked_sub(limits.amount(Limit::LogLines)) {
            Some(1) => Loggable::FirstDropped,
            Some(2..) => Loggable::Dropped,
            _ if allowed == 0 && bytes > 0 => Loggable::Dropped,
            _ => Loggable::Bytes(bytes.min(allowed)),
        })
    }
}

/// How many times the log's limits a plugin may send before it is stopped. Until then lines are only dropped.
const FLOOD: u64 = 100;

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Loggable {
    /// It goes to the log, this much of it.
    Bytes(u64),
    Dropped,
    /// It and all that follow are dropped.
    FirstDropped,
}

/// What a plugin's store holds for the host.
pub(super) struct State {
    plugin: Arc<str>,
    /// Who hears its lines at debug level, in place of the log.
    listener: Option<LogListener>,
    limits: Arc<Limits>,
    meter: Arc<Meter>,
    /// Bytes of all linear memories.
    memory: u64,
    table_elements: u64,
    /// What the panic hook said; it becomes the reason if a trap follows.
    panic: Option<String>,
    wasi: Option<Box<Wasi>>,
}

impl State {
    pub fn new(plugin: Arc<str>, limits: Arc<Limits>, meter: Arc<Meter>, wasi: bool) -> Self {
        let wasi = wasi.then(|| Box::new(Wasi::empty()));
        Self { plugin, listener: None, limits, meter, memory: 0, table_elements: 0, panic: None, wasi }
    }

    /// Lines at debug level go there, and not to the log.
    pub fn heard_by(mut self, listener: Option<LogListener>) -> Self {
        self.listener = listener;
        self
    }

    /// Bytes of all linear memories.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// After a call that trapped: what the guest said just before, if it was a panic.
    pub fn take_panic(&mut self) -> Option<String> {
        let said = self.wasi.as_ref().map(|wasi| wasi.stderr.text()).unwrap_or_default();
        self.panic.take().or_else(|| said.rfind(PANIC).map(|start| said[start..].to_owned()))
    }

    /// After a call: what was printed or held back goes to the log.
    pub fn flush(&mut self) {
        let mut lines = Vec::from_iter(self.panic.take().map(|text| (host::Level::Error, text)));
        if let Some(wasi) = &self.wasi {
            for (level, text) in
                [(host::Level::Info, wasi.stdout.take()), (host::Level::Warn, wasi.stderr.take())]
            {
                lines.extend(text.lines().map(|line| (level, line.to_owned())));
            }
        }
        for (level, line) in lines {
            // What was kept of a guest's output is too little to be a flood.
            if self.line(level, &line).is_err() {
                return;
            }
        }
    }

    fn line(&self, level: host::Level, message: &str) -> Result<(), LimitReached> {
        let plugin = &*self.plugin;
        let allowed = match self.meter.log(message.len() as u64, &self.limits)? {
            Loggable::Bytes(allowed) => allowed,
            Loggable::Dropped => return Ok(()),
            Loggable::FirstDropped => {
                let key = Limit::LogLines.key();
                tracing::warn!(
                    plugin,
                    "further log lines of this plugin are dropped: it is over its limit {key}"
                );
                return Ok(());
            }
        };
        let cut = message.floor_char_boundary(usize::try_from(allowed).unwrap_or(usize::MAX));
        // A control character could forge lines of our log or move a terminal's cursor.
        let text = message[..cut].replace(char::is_control, " ");
        let note = if cut < message.len() { " (cut: log limit)" } else { "" };
        if let (host::Level::Debug, Some(listener)) = (level, &self.listener) {
            listener(&text);
            return Ok(());
        }
        match level {
            host::Level::Debug => tracing::debug!(plugin, "{text}{note}"),
            host::Level::Info => tracing::info!(plugin, "{text}{note}"),
            host::Level::Warn => tracing::warn!(plugin, "{text}{note}"),
            host::Level::Error => tracing::error!(plugin, "{text}{note}"),
        }
        Ok(())
    }
}

impl host::Host for State {
    fn log(&mut self, level: host::Level, message: String) -> wasmtime::Result<()> {
        // Held back: if a trap follows, this is its reason and is told there.
        let told = if matches!(level, host::Level::Error) && message.starts_with(PANIC) {
            self.panic.replace(message).map_or(Ok(()), |earlier| self.line(host::Level::Error, &earlier))
        } else {
            self.line(level, &message)
        };
        Ok(told?)
    }
}

/// Refuses by an error and not by "no": a guest can't carry on, and the reason stays exact.
impl ResourceLimiter for State {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.saturating_add((desired - current) as u64);
        self.limits.check(Limit::Memory, total)?;
        self.memory = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add((desired - current) as u64);
        self.limits.check(Limit::TableElements, total)?;
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        usize::try_from(self.limits.get(Limit::Instances)).unwrap_or(usize::MAX)
    }
}

/// The empty world of a guest that imports WASI: no arguments, environment, folders or network; clocks that
/// stand still and random numbers that repeat, so that a run can be replayed.
struct Wasi {
    context: WasiCtx,
    table: ResourceTable,
    stdout: Printed,
    stderr: Printed,
}

impl Wasi {
    fn empty() -> Self {
        let (stdout, stderr) = (Printed::default(), Printed::default());
        let seed = || Deterministic::new((1..=251).collect());
        let context = WasiCtx::builder()
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .secure_random(seed())
            .insecure_random(seed())
            .insecure_random_seed(0)
            .wall_clock(Still)
            .monotonic_clock(Still)
            .build();
        Self { context, table: ResourceTable::new(), stdout, stderr }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let wasi = self.wasi.as_mut().expect("only the linker for guests that import WASI calls this");
        WasiCtxView { ctx: &mut wasi.context, table: &mut wasi.table }
    }
}

/// A clock that stands still at the epoch.
struct Still;

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// The end of what a guest printed during a call.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Printed {
    /// More than a panic's message; what was printed before is forgotten.
    const KEPT: usize = 64 << 10;

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        let over = kept.len().saturating_sub(Self::KEPT);
        kept.drain(..over);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(overrides: &str) -> Limits {
        Limits::default().with(&toml::from_str(overrides).unwrap())
    }

    #[test]
    fn a_runs_totals_count_over_all_instances() {
        let limits = limits("output-mib-per-run = 1\nrequests-per-run = 3");
        let meter = Meter::default();
        assert!(meter.output(1 << 20, &limits).is_ok());
        assert_eq!(meter.output(1, &limits).unwrap_err().seen, Some(2));
        assert!(meter.requests(3, &limits).is_ok());
        assert_eq!(meter.requests(1, &limits).unwrap_err().seen, Some(4));
    }

    #[test]
    fn the_log_is_cut_and_then_dropped() {
        let bounds = limits("log-kib-per-run = 1\nlog-lines-per-run = 4");
        let meter = Meter::default();
        assert_eq!(meter.log(1000, &bounds), Ok(Loggable::Bytes(1000)));
        assert_eq!(meter.log(100, &bounds), Ok(Loggable::Bytes(24)));
        assert_eq!(meter.log(1, &bounds), Ok(Loggable::Dropped));
        assert_eq!(meter.log(0, &bounds), Ok(Loggable::Bytes(0)));
        assert_eq!(meter.log(1, &bounds), Ok(Loggable::FirstDropped));
        assert_eq!(meter.log(1, &bounds), Ok(Loggable::Dropped));
    }

    #[test]
    fn a_flood_of_lines_or_of_text_stops_the_plugin() {
        let bounds = limits("log-kib-per-run = 1\nlog-lines-per-run = 2");
        let (lines, text) = (Meter::default(), Meter::default());
        assert!((0..200).all(|_| lines.log(0, &bounds).is_ok()));
        assert_eq!(lines.log(0, &bounds).unwrap_err().limit, Limit::LogLines);
        assert!(text.log(1 << 20, &bounds).is_ok());
        assert_eq!(text.log(0, &bounds).unwrap_err().limit, Limit::LogBytes);
    }

    #[test]
    fn a_listener_hears_the_lines_at_debug_level_within_the_limits() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&heard);
        let listener: LogListener = Arc::new(move |line| lines.lock().unwrap().push(line.to_owned()));
        let bounds = Arc::new(limits("log-lines-per-run = 3"));
        let state = State::new("p".into(), bounds, Arc::default(), false).heard_by(Some(listener));
        for (level, line) in [
            (host::Level::Debug, "one\u{1b}"),
            (host::Level::Info, "for the log"),
            (host::Level::Debug, "two"),
            (host::Level::Debug, "too many"),
        ] {
            state.line(level, line).unwrap();
        }
        assert_eq!(*heard.lock().unwrap(), ["one ", "two"]);
    }

    #[test]
    fn memories_and_tables_are_summed() {
        let limits = Arc::new(limits("memory-mib = 1\ntable-elements = 10"));
        let mut state = State::new("p".into(), limits, Arc::default(), false);
        assert!(state.memory_growing(0, 1 << 19, None).unwrap());
        assert!(state.memory_growing(0, 1 << 19, None).unwrap());
        let error = state.memory_growing(1 << 19, (1 << 19) + 1, None).unwrap_err();
        assert_eq!(error.downcast_ref::<LimitReached>().unwrap().seen, Some(2));
        assert!(state.table_growing(0, 10, None).unwrap());
        assert!(state.table_growing(0, 1, None).is_err());
    }
}
