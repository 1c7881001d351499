//! What a run is doing, on stderr: one live line on a terminal, now and then a line elsewhere.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::human;
use super::output::Output;
use crate::http::HttpEvent;
use crate::run::{Event, Observer, Step};

/// Every live line of the process, so that other output can be put above them.
static LINES: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Prints to the terminal without tearing the live lines.
pub(super) fn above<T>(print: impl FnOnce() -> T) -> T {
    LINES.suspend(print)
}

/// Tells a person what a run is doing.
///
/// * On a terminal it is one line that is drawn again a few times a second, and is gone when this is dropped.
/// * Elsewhere it is a line for each step, each wait of a second or more, and otherwise one every few seconds.
/// * With `--quiet` it is nothing; nor with `--json` when stderr is no terminal, since then nobody is watching.
#[derive(Debug)]
pub struct Progress {
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Live { tally: Arc<Mutex<Tally>>, line: ProgressBar },
    Lines(Mutex<Lines>),
    Nothing,
}

impl Progress {
    pub fn start(connector: &str, output: Output) -> Self {
        let tally = Tally::new(connector);
        let terminal = io::stderr().is_terminal();
        let sink = match output.quiet || (output.json && !terminal) {
            true => Sink::Nothing,
            false if terminal => live(tally),
            false => Sink::Lines(Mutex::new(Lines::new(tally))),
        };
        Self { sink }
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        let now = Instant::now();
        match &self.sink {
            // The next drawing shows it.
            Sink::Live { tally, .. } => lock(tally).hear(event, now),
            Sink::Lines(lines) => {
                if let Some(line) = lock(lines).hear(event, now) {
                    anstream::eprintln!("{line}");
                }
            }
            Sink::Nothing => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Sink::Live { line, .. } = &self.sink {
            line.finish_and_clear();
            LINES.remove(line);
        }
    }
}

/// What a panic elsewhere left is still good enough to show.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn live(tally: Tally) -> Sink {
    let tally = Arc::new(Mutex::new(tally));
    let shown = Arc::clone(&tally);
    let draw = move |_: &ProgressState, out: &mut dyn fmt::Write| {
        let line = lock(&shown).line(Instant::now());
        // Drawing is best effort: the formatter fails only if the terminal did.
        let _ = out.write_str(&cut(&line, usize::from(terminal_width()).saturating_sub(3)));
    };
    let style = ProgressStyle::with_template("{spinner} {tally}").expect("the template is a constant");
    let line = LINES.add(ProgressBar::no_length().with_style(style.with_key("tally", draw)));
    line.enable_steady_tick(Duration::from_millis(200));
    Sink::Live { tally, line }
}

fn terminal_width() -> u16 {
    terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0)
}

/// At most `width` columns of the text.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let mut out: String = text
        .chars()
        .take_while(|character| {
            let wide = character.width().unwrap_or(0);
            let fits = wide <= left;
            left = left.saturating_sub(wide);
            fits
        })
        .collect();
    out.push('…');
    out
}

/// What is known of a run so far.
#[derive(Debug)]
struct Tally {
    connector: String,
    step: Option<Step>,
    pages: u64,
    users: u64,
    groups: u64,
    memberships: u64,
    /// Requests that are known and not yet answered.
    ahead: u64,
    retries: u64,
    /// By bucket, what the provider said last: left, of how many.
    budgets: BTreeMap<String, (u32, u32)>,
    /// By bucket, until when nothing is sent, and why.
    waits: BTreeMap<String, (Instant, String)>,
}

impl Tally {
    fn new(connector: &str) -> Self {
        Self {
            connector: connector.to_owned(),
            step: None,
            pages: 0,
            users: 0,
            groups: 0,
            memberships: 0,
            ahead: 0,
            retries: 0,
            budgets: BTreeMap::new(),
            waits: BTreeMap::new(),
        }
    }

    fn hear(&mut self, event: Event, now: Instant) {
        match event {
            Event::Step(step) => {
                self.step = Some(step);
                self.waits.clear();
            }
            Event::Collected { pages, users, groups, memberships, waiting } => {
                (self.pages, self.users, self.groups, self.memberships) = (pages, users, groups, memberships);
                self.ahead = waiting;
            }
            Event::Http(HttpEvent::Sent { .. }) => {}
            Event::Http(HttpEvent::Retrying { .. }) => self.retries += 1,
            Event::Http(HttpEvent::Waiting { bucket, reason, wait }) => {
                self.waits.insert(bucket, (now + wait, reason));
            }
            Event::Http(HttpEvent::Budget { bucket, limit, remaining }) => {
                self.budgets.insert(bucket, (remaining, limit));
            }
        }
    }

    /// The longest wait that is still going on.
    fn wait(&self, now: Instant) -> Option<(&str, Duration, &str)> {
        self.waits
            .iter()
            .filter(|(_, (until, _))| *until > now)
            .max_by_key(|(_, (until, _))| *until)
            .map(|(bucket, (until, reason))| (bucket.as_str(), *until - now, reason.as_str()))
    }

    /// The most telling first, since a narrow terminal cuts the end.
    fn line(&self, now: Instant) -> String {
        let mut parts = Vec::new();
        let step = match self.step {
            None => "starting",
            Some(Step::Collect) => "reading",
            Some(Step::Wait) => "waiting for another run",
            Some(Step::Shape) => "shaping",
            Some(Step::Plan) => "planning",
            Some(Step::Apply) => "applying",
        };
        if let Some((bucket, wait, reason)) = self.wait(now) {
            parts.push(waiting(bucket, wait, reason));
        }
        for (number, one, many) in [
            (self.users, "user", "users"),
            (self.groups, "group", "groups"),
            (self.memberships, "membership", "memberships"),
            (self.pages, "page", "pages"),
        ] {
            if number > 0 {
                parts.push(human::plural(number, one, many));
            }
        }
        if self.step == Some(Step::Collect) {
            if self.ahead > 0 {
                parts.push(format!("{} ahead", human::plural(self.ahead, "request", "requests")));
            }
            if self.retries > 0 {
                parts.push(human::plural(self.retries, "retry", "retries"));
            }
            if !self.budgets.is_empty() {
                let budgets = self.budgets.iter().map(|(bucket, (left, limit))| {
                    format!("{bucket} {} of {}", human::count((*left).into()), human::count((*limit).into()))
                });
                parts.push(format!("left: {}", budgets.collect::<Vec<_>>().join(", ")));
            }
        }
        match parts.is_empty() {
            true => format!("{}: {step}", self.connector),
            false => format!("{}: {step}: {}", self.connector, parts.join(" · ")),
        }
    }
}

/// Seconds are rounded up, so that a countdown ends at 1.
fn waiting(bucket: &str, wait: Duration, reason: &str) -> String {
    let wait =
        human::duration(Duration::from_secs(wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)));
    format!("waiting {wait} for `{bucket}`: {reason}")
}

/// Chooses what is worth a line of a log.
#[derive(Debug)]
struct Lines {
    tally: Tally,
    /// When the last line of totals, or the last of a retry, was given.
    totals: Option<Instant>,
    retry: Option<Instant>,
    /// By bucket, the end of the wait that was last told.
    told: BTreeMap<String, Instant>,
}

/// At most one line of totals, and one about a retry, in this time.
const EVERY: Duration = Duration::from_secs(5);
/// Shorter waits are not worth a line. Two waits that end this close to each other are the same one.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl Lines {
    fn new(tally: Tally) -> Self {
        Self { tally, totals: None, retry: None, told: BTreeMap::new() }
    }

    fn hear(&mut self, event: Event, now: Instant) -> Option<String> {
        let connector = self.tally.connector.clone();
        let due = |last: Option<Instant>| last.is_none_or(|last| now.duration_since(last) >= EVERY);
        let line = match &event {
            Event::Http(HttpEvent::Waiting { bucket, reason, wait }) if *wait >= WORTH_TELLING => {
                let until = now + *wait;
                let known = self.told.get(bucket).is_some_and(|told| until < *told + WORTH_TELLING);
                (!known).then(|| {
                    self.told.insert(bucket.clone(), until);
                    format!("{connector}: {}", waiting(bucket, *wait, reason))
                })
            }
            Event::Http(HttpEvent::Retrying { reason, wait, .. })
                if *wait >= WORTH_TELLING && due(self.retry) =>
            {
                self.retry = Some(now);
                Some(format!("{connector}: trying again in {}: {reason}", human::duration(*wait)))
            }
            _ => None,
        };
        let step = matches!(event, Event::Step(_));
        let totals = matches!(event, Event::Collected { .. });
        self.tally.hear(event, now);
        if step || (totals && due(self.totals)) {
            self.totals = Some(now);
            return Some(self.tally.line(now));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collected(pages: u64) -> Event {
        Event::Collected { pages, users: 200 * pages, groups: 1, memberships: 12_345, waiting: 3 }
    }

    fn wait(seconds: u64) -> Event {
        let reason = "0 of 600 left, the window ends then".to_owned();
        Event::Http(HttpEvent::Waiting { bucket: "users".into(), reason, wait: Duration::from_secs(seconds) })
    }

    #[test]
    fn the_line_says_what_goes_on() {
        let start = Instant::now();
        let mut tally = Tally::new("acme");
        assert_eq!(tally.line(start), "acme: starting");
        tally.hear(Event::Step(Step::Collect), start);
        tally.hear(collected(12), start);
        tally.hear(
            Event::Http(HttpEvent::Budget { bucket: "users".into(), limit: 600, remaining: 120 }),
            start,
        );
        tally.hear(
            Event::Http(HttpEvent::Budget { bucket: "groups".into(), limit: 1500, remaining: 1200 }),
            start,
        );
        let reading = "2,400 users · 1 group · 12,345 memberships · 12 pages · 3 requests ahead · \
            left: groups 1,200 of 1,500, users 120 of 600";
        assert_eq!(tally.line(start), format!("acme: reading: {reading}"));

        tally.hear(wait(23), start);
        let waiting = |seconds| {
            format!(
                "acme: reading: waiting {seconds} s for `users`: 0 of 600 left, the window ends then · {reading}"
            )
        };
        assert_eq!(tally.line(start), waiting(23));
        assert_eq!(tally.line(start + Duration::from_millis(3_100)), waiting(20));
        assert_eq!(tally.line(start + Duration::from_millis(22_900)), waiting(1));
        assert_eq!(tally.line(start + Duration::from_secs(23)), format!("acme: reading: {reading}"));

        tally.hear(Event::Step(Step::Plan), start);
        assert_eq!(
            tally.line(start),
            "acme: planning: 2,400 users · 1 group · 12,345 memberships · 12 pages"
        );
    }

    #[test]
    fn a_log_gets_few_lines() {
        let start = Instant::now();
        let mut lines = Lines::new(Tally::new("acme"));
        let mut told = vec![lines.hear(Event::Step(Step::Collect), start)];
        // A thousand pages in ten seconds, eight requests that wait for the same window, and a bad line.
        for page in 0..1000 {
            let now = start + Duration::from_millis(10 * page);
            told.push(lines.hear(collected(page), now));
            told.push(lines.hear(Event::Http(HttpEvent::Sent { bucket: "users".into() }), now));
            let (bucket, reason) = ("users".to_owned(), "connection reset".to_owned());
            let wait = Duration::from_secs(2);
            told.push(lines.hear(Event::Http(HttpEvent::Retrying { bucket, reason, wait }), now));
        }
        for _ in 0..8 {
            told.push(lines.hear(wait(30), start + Duration::from_secs(10)));
        }
        told.push(lines.hear(wait(60), start + Duration::from_secs(40)));
        let short = HttpEvent::Waiting {
            bucket: "logs".into(),
            reason: "pace".into(),
            wait: Duration::from_millis(999),
        };
        told.push(lines.hear(Event::Http(short), start + Duration::from_secs(41)));
        let told: Vec<String> = told.into_iter().flatten().collect();
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn cuts_to_the_width() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("名前です", 6), "名前…");
        assert_eq!(cut("名前", 0), "…");
    }
}
