//! A token that ends while a run reads is renewed, once, whoever waits for it.

use std::time::Duration;

use okta_sim::Limits;

use super::{token_answers, world, world_with};

/// What the simulator answered besides tokens, without what went well.
fn refused(world: &crate::support::World) -> Vec<u16> {
    let requests = world.sim.requests().into_iter();
    requests
        .filter(|request| request.target != "/oauth2/v1/token" && request.status != 200)
        .map(|request| request.status)
        .collect()
}

#[test]
fn a_token_that_ended_is_renewed_in_mid_run() {
    let world = world();
    world.sim.set_latency(Duration::from_millis(100));
    let running = world.start(&["sync", "acme", "--json"]);
    world.wait_until("a page was read", || {
        world.sim.requests().iter().any(|request| request.target.starts_with("/api/v1/users?"))
    });
    // Nobody told the client: its own clock stands still.
    world.sim.advance(Duration::from_secs(4000));
    world.sim.set_latency(Duration::ZERO);
    let ran = world.wait(running).exits(0);
    assert_eq!(ran.json()["users"]["created"], world.sim.counts().users, "{}", ran.stdout);
    let refused = refused(&world);
    assert!(!refused.is_empty() && refused.iter().all(|status| *status == 401), "{refused:?}");
    assert_eq!(token_answers(&world).iter().filter(|status| **status == 200).count(), 2);
}

#[test]
fn an_invalid_session_is_renewed_once_a_request() {
    let world = world();
    world.sim.add_fault("session-ended where=members every=3 times=3".parse().unwrap());
    world.sync();
    assert_eq!(refused(&world), [403; 3]);
    let renewed = token_answers(&world).iter().filter(|status| **status == 200).count();
    assert!((2..=4).contains(&renewed), "{renewed} tokens");

    // One that stays is what it says: after another token, and after the repetition that the plugin asks for.
    world.sim.clear_faults();
    world.sim.reset_stats();
    world.sim.add_fault("session-ended where=groups".parse().unwrap());
    world.run(&["sync", "acme"]).exits(1).says(&["session"]);
    assert_eq!(refused(&world).len(), 4);
    // So does a permission that is missing, which no token mends.
    world.sim.clear_faults();
    world.sim.reset_stats();
    world.sim.add_fault("forbidden where=groups".parse().unwrap());
    world.run(&["sync", "acme"]).exits(1).says(&["may not read this"]);
    assert_eq!((refused(&world).len(), token_answers(&world).len()), (1, 2));
}

#[test]
fn a_token_endpoint_in_trouble_is_asked_again() {
    let world = world_with("ec.pem", |_| ());
    for fault in ["unavailable where=token times=1", "rate-limited reset=1 where=token times=1"] {
        world.sim.add_fault(fault.parse().unwrap());
    }
    let synced = world.sync();
    assert!(synced["requests"]["retried"].as_u64() >= Some(2), "{synced}");
    assert_eq!(token_answers(&world).iter().filter(|status| **status == 200).count(), 1);
}

/// What tokens cost is not taken from what is left for reading.
#[test]
fn tokens_have_a_budget_of_their_own() {
    let world = world();
    world.sim.set_limits(Limits { token: 10, ..Limits::default() });
    world.sync();
    let stats = world.sim.stats();
    assert_eq!((stats.rate_limited, stats.buckets[&okta_sim::Bucket::Token].requests), (0, 2));
}
