//! Ten rules of a company over many people, native: `cargo bench -p rollcall-rules --bench people`. The sandbox is
//! measured by the host's benchmark of the name `rules`.

mod population;

use std::hint::black_box;
use std::time::Instant;

use rollcall_plugin::{Transform as _, testing};
use rollcall_rules::Rules;

/// As many people as the host hands over at a time.
const BATCH: usize = 500;

fn main() {
    // Without cargo's `--bench` this is a smoke test.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 200 } else { 1 };
    let settings: toml::Table = toml::from_str(include_str!("company.toml")).expect("the rules are TOML");
    let settings = serde_json::to_value(settings).expect("TOML without dates is JSON");
    let rules: Rules = testing::configure(settings).expect("the rules are right");
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let people = population::people(BATCH);
        let start = Instant::now();
        drop(black_box(rules.shape_people(people)).expect("no rule ends the run"));
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let median = times[times.len() / 2].as_secs_f64() / BATCH as f64;
    println!("{:.2} µs a person, {:.0} people a second a core", median * 1e6, 1.0 / median);
}
