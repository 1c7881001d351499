use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Ran, Running, World};

/// Late in an evening, before the runs of the night.
pub const EVENING: &str = "2027-03-01T23:00:00Z";

/// At three in the night in Berlin, which is two in UTC.
pub const NIGHTLY: &str = "schedule = { full = \"0 3 * * *\", time-zone = \"Europe/Berlin\" }\n";

/// A company, and a clock that stands still until it is set.
pub struct Scene {
    pub world: World,
}

/// A service at work.
pub struct Serving {
    process: Running,
    log: PathBuf,
}

impl Scene {
    /// The connector `acme` with these lines.
    pub fn new(mut world: World, lines: &str) -> Self {
        let clock = world.whole().join("clock");
        fs::write(&clock, EVENING).unwrap();
        world.place.variables.push(("ROLLCALL_CLOCK".into(), clock.display().to_string()));
        world.place.variables.push(("TZ".into(), "UTC".into()));
        world.configure(lines);
        Self { world }
    }

    pub fn at(&self, time: &str) {
        let (new, clock) = (self.world.whole().join("clock.new"), self.world.whole().join("clock"));
        fs::write(&new, time).unwrap();
        fs::rename(new, clock).unwrap();
    }

    /// Lets the time go on in steps of a few seconds until it happens.
    pub fn ticks_until(&self, from: &str, what: &str, mut happened: impl FnMut() -> bool) {
        let mut now: jiff::Timestamp = from.parse().unwrap();
        self.world.wait_until(what, || {
            now += jiff::SignedDuration::from_secs(3);
            self.at(&now.to_string());
            happened()
        });
    }

    pub fn start(&self) -> Serving {
        self.start_with(&[])
    }

    pub fn start_with(&self, variables: &[(&str, &str)]) -> Serving {
        let log = self.world.whole().join("serve.log");
        let file = fs::File::create(&log).unwrap();
        let process = self.world.start_with(&["serve"], |command| {
            command.stderr(Stdio::from(file)).envs(variables.iter().copied());
        });
        Serving { process, log }
    }

    /// A service that has begun to serve.
    pub fn serve(&self) -> Serving {
        let mut serving = self.start();
        self.waits_for(&mut serving, "serving ");
        serving
    }

    /// Waits for a line of the log.
    #[track_caller]
    pub fn waits_for(&self, serving: &mut Serving, text: &str) {
        self.waits_for_lines(serving, text, 1);
    }

    #[track_caller]
    pub fn waits_for_lines(&self, serving: &mut Serving, text: &str, lines: usize) {
        self.world.wait_until(text, || {
            let there = serving.lines(text) >= lines;
            assert!(there || serving.process.is_running(), "it ended without {text:?}:\n{}", serving.log());
            there
        });
    }

    /// Sets the clock, and waits until the run of that time, or what it says, is over.
    #[track_caller]
    pub fn run_at(&self, serving: &mut Serving, time: &str, text: &str) {
        const OVER: &str = ": the next run begins at";
        let before = serving.lines(OVER);
        self.at(time);
        self.waits_for(serving, text);
        self.waits_for_lines(serving, OVER, before + 1);
    }

    /// Waits for its end.
    pub fn ends(&self, serving: Serving) -> (Ran, String) {
        let log = serving.log.clone();
        let ran = self.world.wait(serving.process);
        (ran, fs::read_to_string(log).unwrap())
    }

    /// Asks it to stop, and gives its log.
    #[track_caller]
    pub fn stop(&self, serving: Serving) -> String {
        serving.process.signal(rustix::process::Signal::TERM);
        let (ran, log) = self.ends(serving);
        assert_eq!(ran.code, Some(0), "{log}");
        log
    }

    pub fn status(&self) -> Value {
        self.world.run(&["status", "--json"]).exits(0).json()
    }

    /// Outcome and start of each run, the first one first.
    pub fn runs(&self) -> Vec<(String, String)> {
        let runs = self.world.run(&["runs", "--json"]).exits(0).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut all: Vec<_> = runs
            .as_array()
            .unwrap()
            .iter()
            .map(|run| (text(&run["outcome"]), text(&run["started_at"])))
            .collect();
        all.reverse();
        all
    }
}

impl Serving {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// How many lines of the log say this.
    pub fn lines(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    pub fn process(&mut self) -> &mut Running {
        &mut self.process
    }
}
