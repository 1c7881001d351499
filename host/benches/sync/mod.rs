//! The story of the benchmark, and its table.

mod baseline;
mod process;
mod scenario;
mod simulator;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rollcall::run::{Outcome, RunReport};
use tempfile::TempDir;

use crate::support::{Fetcher, Result};
use baseline::Baseline;
use process::Usage;
use scenario::{Clock, LARGE, LATENCY, Limited, MILLION, RANGES, SMOKE, Scenario, more_requests};
use simulator::{Simulator, Size};

const RUNS: [&str; 3] = ["first", "unchanged", "1 % changed"];

/// What one sync took.
struct Measured {
    usage: Usage,
    simulator: Duration,
    requests: u64,
    steps: Vec<(&'static str, u64)>,
    /// Bytes, after the process ended.
    database: u64,
    report: RunReport,
}

pub fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    // Without cargo's `--bench`, which may come last, this is a smoke test.
    let bench = std::env::args().any(|argument| argument == "--bench");
    let mut size = if bench { LARGE.size } else { SMOKE.size };
    let (mut chosen, mut limited, mut sized, mut serve) = (None, None, false, false);
    while let Some(argument) = arguments.next() {
        let mut number = || -> Result<u32> {
            sized = true;
            Ok(arguments.next().unwrap_or_default().parse()?)
        };
        match argument.as_str() {
            "--bench" => {}
            "--users" => size.users = number()?,
            "--groups" => size.groups = number()?,
            "--members" => size.members = number()?,
            "--empty" => size.empty = number()?,
            "--latency" => size.latency = number()?,
            "--window" => size.window = number()?,
            "--simulator" => serve = true,
            "ranges" => limited = Some(RANGES),
            name => {
                let scenarios = [LATENCY, LARGE, MILLION, SMOKE];
                let found = scenarios.into_iter().find(|scenario| scenario.name == name);
                chosen = Some(found.ok_or_else(|| format!("neither an option nor a scenario: {name}"))?);
            }
        }
    }
    if serve {
        return simulator::serve(size);
    }
    if let Some(Limited { size: full, parallel, most }) = limited {
        // A smaller one by `--users`, to try.
        let users = if sized { size.users } else { full.users };
        return beside_the_limits(&Limited { size: Size { users, ..full }, parallel, most });
    }
    let scenarios = match chosen {
        Some(scenario) => vec![scenario],
        None if sized => vec![Scenario { name: "own", size, goals: None }],
        None if bench => vec![LATENCY, LARGE],
        None => vec![SMOKE],
    };
    scenarios.iter().try_for_each(compare)
}

/// A folder with the configuration of a connector of that simulator, and more of it.
fn folder_for(simulator: &Simulator, more: &str) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("okta-token"), &simulator.token)?;
    let config = format!(
        "[connector.bench]\nplugin = \"okta\"\nendpoint = \"{}\"\ncredential = {{ file = \"okta-token\" }}\n{more}",
        simulator.url
    );
    fs::write(folder.path().join("rollcall.toml"), config)?;
    Ok(folder)
}

/// How near the users' part of a collection comes to what the limits allow.
fn beside_the_limits(limited: &Limited) -> Result<()> {
    let Size { users, latency, window, .. } = limited.size;
    let mut simulator = Simulator::start(limited.size)?;
    let http = format!("[connector.bench.http]\nshare = 1.0\nparallel = {}\n", limited.parallel);
    let folder = folder_for(&simulator, &http)?;
    println!("\nranges: {users} users, {latency} ms a request, windows of {window} s,");
    println!("{} in flight; the limits take {} s\n", limited.parallel, limited.floor());
    for run in &RUNS[..2] {
        let one = sync(&mut simulator, folder.path())?;
        if one.report.outcome != Outcome::Done {
            return Err(format!("the {run} sync failed: {:?}", one.report).into());
        }
        let collected = one.steps[0].1 as f64 / 1e3;
        let ratio = collected / limited.floor() as f64;
        let verdict = if ratio <= limited.most { "≤" } else { "not ≤" };
        println!(
            "{run}: collected in {collected:.1} s, {ratio:.2} × the floor ({verdict} {}), {} requests, {} retried, \
             {:.0} MB",
            limited.most,
            one.requests,
            one.report.requests.retried,
            megabytes(one.usage.memory),
        );
    }
    Ok(())
}

fn compare(scenario: &Scenario) -> Result<()> {
    let size = scenario.size;
    let mut simulator = Simulator::start(size)?;
    let folder = folder_for(&simulator, "")?;

    let before = simulator.report()?;
    let baseline = baseline::read_all(&Fetcher::new(&simulator.url, &simulator.token)?)?;
    let alone = simulator.report()?.cpu - before.cpu;
    let mut measured = Vec::new();
    for run in RUNS {
        let changes = if run == RUNS[2] { Some(simulator.change()?) } else { None };
        let one = sync(&mut simulator, folder.path())?;
        let report = &one.report;
        let told = (
            report.users.created,
            report.users.updated,
            report.memberships.created,
            report.memberships.removed,
        );
        let expected = match (run, changes) {
            (_, Some(changes)) => (0, changes.users, changes.joined, changes.left),
            // All of them are in Everyone as well.
            ("first", None) => (size.users.into(), 0, size.listed_memberships() + u64::from(size.users), 0),
            _ => (0, 0, 0, 0),
        };
        if report.outcome != Outcome::Done || told != expected {
            return Err(format!("the {run} sync did {told:?} and not {expected:?}: {report:?}").into());
        }
        measured.push(one);
    }
    print(scenario, &baseline, alone, &measured);
    Ok(())
}

fn sync(simulator: &mut Simulator, folder: &Path) -> Result<Measured> {
    let (out, log) = (folder.join("out"), folder.join("log"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
    command
        .args(["sync", "bench", "--json", "--verbose"])
        .current_dir(folder)
        .env_remove("ROLLCALL_CONFIG")
        .env_remove("ROLLCALL_LOG")
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&log)?);
    let before = simulator.report()?;
    let (status, usage) = process::run(&mut command)?;
    let after = simulator.report()?;
    let log = fs::read_to_string(log)?;
    if !status.success() {
        return Err(format!("rollcall failed: {status}\n{log}").into());
    }
    let steps = ["collected", "indexed", "planned", "applied"];
    Ok(Measured {
        usage,
        simulator: after.cpu - before.cpu,
        requests: after.requests - before.requests,
        steps: steps.into_iter().map(|step| Ok((step, milliseconds(&log, step)?))).collect::<Result<_>>()?,
        database: fs::metadata(folder.join("rollcall.db"))?.len(),
        report: serde_json::from_str(&fs::read_to_string(out)?)?,
    })
}

/// How long a step took by the line that it logs.
fn milliseconds(log: &str, step: &str) -> Result<u64> {
    let line = log.lines().find(|line| line.contains(&format!(" {step}")));
    let value = line.and_then(|line| line.split("milliseconds=").nth(1)?.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("the log says nothing of {step:?}:\n{log}"))?.parse()?)
}

fn print(scenario: &Scenario, baseline: &Baseline, alone: Duration, measured: &[Measured]) {
    let Size { users, groups, empty, latency, .. } = scenario.size;
    println!("\n{}: {users} users, {groups} groups ({empty} empty) and Everyone,", scenario.name);
    println!("{} memberships besides Everyone's, {latency} ms a request", scenario.size.listed_memberships());
    println!(
        "simulator alone, {} in flight: {} pages, {:.0} MB in {:.2} s: {:.0} pages/s ({:.2} s of CPU)\n",
        baseline::IN_FLIGHT,
        baseline.pages,
        megabytes(baseline.bytes),
        baseline.wall.as_secs_f64(),
        baseline.pages as f64 / baseline.wall.as_secs_f64(),
        alone.as_secs_f64(),
    );
    let row = |what: &str, cell: &dyn Fn(usize, &Measured) -> String| {
        print!("{what:28}");
        for (at, run) in measured.iter().enumerate() {
            print!(" {:>21}", cell(at, run));
        }
        println!();
    };
    let goals = scenario.goals.as_ref();
    let wall = |at: usize, clock: Clock| goals.filter(|goals| goals.clock == clock)?.wall[at];
    row("", &|at, _| RUNS[at].to_owned());
    row("wall of the process", &|at, run| {
        beside(run.usage.wall.as_secs_f64(), wall(at, Clock::Process), "s")
    });
    row("  of the simulator's alone", &|_, run| {
        format!("{:.2} ×", run.usage.wall.as_secs_f64() / baseline.wall.as_secs_f64())
    });
    row("wall of the run", &|at, run| {
        beside(run.report.milliseconds.total as f64 / 1e3, wall(at, Clock::Run), "s")
    });
    for step in 0..measured[0].steps.len() {
        row(&format!("  {}", measured[0].steps[step].0), &|_, run| {
            format!("{:.2} s", run.steps[step].1 as f64 / 1e3)
        });
    }
    row("CPU of rollcall", &|_, run| format!("{:.2} s", run.usage.cpu.as_secs_f64()));
    row("CPU of the simulator", &|_, run| format!("{:.2} s", run.simulator.as_secs_f64()));
    let lock = goals.and_then(|goals| goals.lock);
    row("write lock", &|_, run| beside(run.steps[3].1 as f64 / 1e3, lock, "s"));
    let memory = goals.and_then(|goals| goals.memory);
    row("peak memory", &|_, run| beside(megabytes(run.usage.memory), memory, "MB"));
    let most = baseline.pages + more_requests(users);
    row("requests", &|_, run| {
        format!("{} ({} {most})", run.requests, if run.requests <= most { "≤" } else { "not ≤" })
    });
    let database = goals.and_then(|goals| goals.database);
    row("database", &|_, run| beside(megabytes(run.database), database, "MB"));
}

/// A figure, and whether it reaches its goal.
fn beside(value: f64, most: Option<f64>, unit: &str) -> String {
    match most {
        Some(most) => format!("{value:.2} {unit} ({} {most})", if value <= most { "≤" } else { "not ≤" }),
        None => format!("{value:.2} {unit}"),
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
