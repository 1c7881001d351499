use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use okta_sim::{ChangeError, GroupType, Population, RunningSim, Sim, Status};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::output::Output;
use super::report::Failure;
use super::runs::{Done, done_by};
use super::{job, show, sync};
use crate::config::{Config, edit};
use crate::directory::{RunId, Store};
use crate::run::{Outcome, RunReport};

/// See a whole sync: a simulated Okta organisation, read twice into a directory of its own.
///
/// The first sync reads everything. Then people are hired, renamed, suspended and deleted in the simulator, and the
/// second sync shows what follows. Nothing leaves this machine, and nothing is left behind unless asked for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall demo\n  \
    rollcall demo --keep rollcall-demo")]
pub(super) struct DemoArguments {
    /// Keep configuration and directory in this new folder, to look around in.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Shown {
    first: RunReport,
    /// What was then changed in the simulator.
    steps: Vec<String>,
    second: RunReport,
}

pub(super) fn run(arguments: &DemoArguments, output: Output) -> Result<Exit, Failure> {
    let failed = |what: &str, error: &dyn std::error::Error| {
        Failure::new(Exit::Failed, what.to_owned()).because(error)
    };
    let temporary;
    let folder: &Path = match &arguments.keep {
        Some(folder) => {
            fs::create_dir(folder).map_err(|error| {
                failed(&format!("failed to make the folder {}", folder.display()), &error)
                    .with_hint(Some("name a folder that does not exist yet"))
            })?;
            folder
        }
        None => {
            temporary =
                tempfile::tempdir().map_err(|error| failed("failed to make a temporary folder", &error))?;
            temporary.path()
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| failed("failed to start", &error))?;
    let population = Population { users: 250, groups: 20, ..Population::default() };
    let sim = runtime
        .block_on(Sim::builder().population(population).start())
        .map_err(|error| failed("failed to start the simulator", &error))?;
    let config = configure(folder, &sim)?;

    let counts = sim.counts();
    say(
        output,
        &format!(
            "A simulated Okta organisation of {} users and {} groups answers at {}.\n\n1. The first sync reads everything.\n",
            counts.users,
            counts.groups,
            sim.url()
        ),
    )?;
    let first = synced(&config, output)?;
    say(output, &show::report(&first))?;

    let steps =
        change(&sim).map_err(|error| failed("failed to change the simulated organisation", &error))?;
    say(output, "\n2. Things happen in Okta.\n")?;
    for step in &steps {
        say(output, &format!("  {step}"))?;
    }

    say(output, "\n3. The second sync brings the directory in step.\n")?;
    let second = synced(&config, output)?;
    say(output, &show::report(&second))?;
    let done = changes_of(&config, &second)?;
    say(
        output,
        &format!("\nWhat it changed:{}", show::listed(done.lines.iter().cloned(), done.lines.len() as u64)),
    )?;
    say(output, &where_to_go(arguments))?;
    if output.json {
        output.result(String::new, || Shown { first, steps, second })?;
    }
    Ok(Exit::Done)
}

fn say(output: Output, text: &str) -> Result<(), Failure> {
    if output.json { Ok(()) } else { output.result(|| text.to_owned(), || Value::Null) }
}

/// An ordinary configuration: what the demo does, anyone can do.
fn configure(folder: &Path, sim: &RunningSim) -> Result<Config, Failure> {
    let token = folder.join("okta-token");
    write_private(&token, sim.token()).map_err(|error| {
        Failure::new(Exit::Failed, format!("failed to write {}", token.display())).because(&error)
    })?;
    let text = format!(
        "# Made by `rollcall demo`. The simulator that it reads ends with the demo.\n\n\
         [connector.demo]\nplugin = \"okta\"\nendpoint = \"{}\"\ncredential = {{ file = \"okta-token\" }}\n",
        sim.url()
    );
    Ok(edit::create(&folder.join("rollcall.toml"), &text)?)
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}

fn synced(config: &Config, output: Output) -> Result<RunReport, Failure> {
    let report = sync::sync(config, "demo", output, None, sync::Wishes::default())?;
    match report.outcome {
        Outcome::Done | Outcome::Problems | Outcome::Held => Ok(report),
        Outcome::Failed => Err(Failure::silent(Exit::Failed)),
        Outcome::Cancelled => Err(Failure::silent(Exit::Interrupted)),
    }
}

fn changes_of(config: &Config, report: &RunReport) -> Result<Done, Failure> {
    let mut store = job::existing_store(config.directory(None)?)?;
    let reader = store.read()?;
    Ok(done_by(reader.as_ref(), RunId(report.run.unwrap_or_default()))?)
}

/// A day in the life of an organisation. Gives a line for each thing that happened.
fn change(sim: &RunningSim) -> Result<Vec<String>, ChangeError> {
    let ids = sim.user_ids();
    let login = |id: &str| {
        let user = sim.user(id).unwrap_or_default();
        user["profile"]["login"].as_str().unwrap_or_default().to_owned()
    };
    let active = |id: &&String| sim.user(id).is_some_and(|user| user["status"] == "ACTIVE");
    // The first active user made the token, so nothing happens to them.
    let mut people = ids.iter().filter(active).skip(1);
    let mut steps = Vec::new();

    let profile: Map<String, Value> = json!({
        "login": "grace.hopper@example.com",
        "email": "grace.hopper@example.com",
        "firstName": "Grace",
        "lastName": "Hopper",
        "department": "Compilers",
    })
    .as_object()
    .cloned()
    .unwrap_or_default();
    let grace = sim.create_user(Status::Active, profile)?;
    let compilers = sim.create_group(GroupType::OktaGroup, "Compilers", Some("They translate"));
    sim.add_member(&compilers, &grace)?;
    steps.push("grace.hopper@example.com is hired and founds the group Compilers".to_owned());

    if let Some(id) = people.next() {
        let before = login(id);
        let after = format!("married.{before}");
        sim.rename_login(id, &after)?;
        sim.add_member(&compilers, id)?;
        steps.push(format!("{before} is now called {after}, and joins Compilers"));
    }
    if let Some(id) = people.next() {
        sim.set_status(id, Status::Suspended)?;
        steps.push(format!("{} is suspended", login(id)));
    }
    if let Some(id) = people.next() {
        sim.update_profile(id, Map::from_iter([("department".to_owned(), json!("Compilers"))]))?;
        steps.push(format!("{} moves to the department Compilers", login(id)));
    }
    if let Some(id) = people.next() {
        let name = login(id);
        // Okta deletes in two steps: the first only deactivates.
        sim.delete_user(id)?;
        sim.delete_user(id)?;
        steps.push(format!("{name} is deleted, which never removes anybody here without being told to"));
    }
    Ok(steps)
}

fn where_to_go(arguments: &DemoArguments) -> String {
    let look = match &arguments.keep {
        Some(folder) => format!(
            "Look around in the directory that was made:\n  cd {}\n  rollcall users\n  rollcall group Compilers\n  rollcall run 2\n\n",
            folder.display()
        ),
        None => {
            "Do it again with `rollcall demo --keep FOLDER`, to look around in the directory that is made.\n\n"
                .to_owned()
        }
    };
    format!("\n{look}Connect your own Okta:\n  rollcall init\n  rollcall plan NAME\n  rollcall sync NAME")
}
