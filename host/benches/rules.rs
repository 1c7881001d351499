//! Ten rules of a company over 100,000 people, in the sandbox and native: `cargo bench -p rollcall --bench rules`,
//! and with `-- --plugins DIR` for a `rules.wasm` that is not the built-in one.
//!
//! Native is the crate `rollcall-rules`, called directly. Sandboxed is the component, called as a run calls it: in
//! batches, through the pool, under fuel and limits, with the people copied in and the verdicts lifted out. Both
//! shape the same people, in turns and on one core, and it is the core's time that is measured: what else the
//! machine does counts less.

#[path = "support/cpu.rs"]
mod cpu;
#[path = "../../plugins/rules/benches/population.rs"]
mod population;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Duration;

use rollcall::model;
use rollcall::plugin::{Cache, Library, Limits, Sandbox, Setup, shape_people};
use rollcall::run::BATCH;
use rollcall_plugin::{Person, Transform as _, Value, Verdict, testing};
use rollcall_rules::Rules;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Least that one core has to shape in the sandbox, in people a second.
const RATE_GOAL: f64 = 20_000.0;
/// Most that a person may cost in the sandbox, against native.
const RATIO_GOAL: f64 = 2.5;

fn main() -> Result<()> {
    // Without cargo's `--bench` this is a smoke test.
    let count = if std::env::args().any(|argument| argument == "--bench") { 100_000 } else { BATCH };
    let settings: toml::Table = toml::from_str(include_str!("../../plugins/rules/benches/company.toml"))?;
    let settings = serde_json::to_value(settings)?;
    let native: Rules = testing::configure(settings.clone()).map_err(|error| error.message)?;
    let folder = std::env::args().skip_while(|argument| argument != "--plugins").nth(1).map(PathBuf::from);
    let library = Library::open(folder.as_deref(), Sandbox::new(Cache::none())?)?;
    let listed = library.find("rules", None, None)?;
    let limits = Limits::default();
    let sandboxed =
        library.transform(listed, Setup { connector: "bench", settings: &settings, limits: &limits })?;
    let none = serde_json::json!({});
    let copying =
        library.transform(listed, Setup { connector: "bench", settings: &none, limits: &limits })?;

    let people = population::people(count);
    let (mut natives, mut sandboxes, mut copies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kept, mut native_kept) = (0, 0);
    for batch in people.chunks(BATCH) {
        let given = batch.to_vec();
        let start = cpu::time();
        let verdicts = black_box(native.shape_people(given).map_err(|error| error.message)?);
        native_kept += verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Keep(_))).count();
        drop(verdicts);
        natives.push(cpu::time() - start);
        let given: Vec<model::Person> = batch.iter().map(hosts).collect();
        let start = cpu::time();
        let verdicts = black_box(shape_people(sandboxed.as_ref(), &given)?);
        kept += verdicts.iter().filter(|verdict| matches!(verdict, model::Verdict::Keep(_))).count();
        drop(verdicts);
        sandboxes.push(cpu::time() - start);
        let start = cpu::time();
        drop(black_box(shape_people(copying.as_ref(), &given)?));
        copies.push(cpu::time() - start);
    }
    assert_eq!(kept, native_kept, "both keep the same people");

    println!("\nTen rules, rules {} ({}), {count} people", listed.manifest.version, &listed.sha256[..12]);
    let (native, sandboxed) = (a_person(natives), a_person(sandboxes));
    println!("{:10} {:>7.2} µs a person {:>9.0} people a second", "native", native * 1e6, 1.0 / native);
    println!(
        "{:10} {:>7.2} µs a person {:>9.0} people a second",
        "sandbox",
        sandboxed * 1e6,
        1.0 / sandboxed
    );
    let copies = a_person(copies);
    println!(
        "{:10} {:>7.2} µs a person: the same without rules, that is, call, copy in and out",
        "  of which",
        copies * 1e6
    );
    let work = (sandboxed - copies) / native;
    println!("{:10} {:>7.2} × native: the rules alone", "", work);
    let (rate, ratio) = (1.0 / sandboxed, sandboxed / native);
    println!("goal: at least {RATE_GOAL:.0} people a second a core, {}", verdict(rate >= RATE_GOAL));
    println!("goal: at most {RATIO_GOAL:.1} × native, {ratio:.2} ×, {}", verdict(ratio <= RATIO_GOAL));
    Ok(())
}

/// The median batch, in seconds a person.
fn a_person(mut batches: Vec<Duration>) -> f64 {
    batches.sort_unstable();
    batches[batches.len() / 2].as_secs_f64() / BATCH as f64
}

fn hosts(person: &Person) -> model::Person {
    let user = &person.user;
    let attributes = user.attributes.iter().map(|attribute| model::Attribute {
        name: attribute.name.clone(),
        value: match &attribute.value {
            Value::Text(text) => model::Value::Text(text.clone()),
            other => unreachable!("the population has texts only, not {other:?}"),
        },
    });
    model::Person {
        user: model::User {
            id: user.id.clone(),
            username: user.username.clone(),
            email: user.email.clone(),
            display_name: user.display_name.clone(),
            given_name: user.given_name.clone(),
            family_name: user.family_name.clone(),
            active: user.active,
            attributes: attributes.collect(),
        },
        groups: person
            .groups
            .iter()
            .map(|group| model::GroupRef { id: group.id.clone(), name: group.name.clone() })
            .collect(),
    }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}
