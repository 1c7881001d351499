//! Large listings, read in ranges.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_okta::Okta;
use rollcall_plugin::testing::{self, Reading};
use rollcall_plugin::{Request, Response, Scope, Source, date};
use serde_json::{Value, json};

use crate::fake::{Org, refusal, user};

const BEGAN: i64 = 1_600_000_000;

/// People who were created at those seconds.
fn org(created: &[i64], page: usize) -> Org {
    let user = |(number, &seconds): (usize, &i64)| {
        let mut user =
            user(&format!("u{number:04}"), if number % 9 == 5 { "DEPROVISIONED" } else { "ACTIVE" });
        user["created"] = json!(date::format(seconds));
        user
    };
    Org { users: created.iter().enumerate().map(user).collect(), groups: vec![], page }
}

fn users_requests(reading: &Reading) -> Vec<&Request> {
    reading.requests.iter().filter(|request| request.bucket == "users").collect()
}

fn chains(reading: &Reading) -> usize {
    users_requests(reading).iter().filter(|request| !request.path.contains("&after=")).count()
}

/// How often each of them was given.
fn given(org: &Org, reading: &Reading) -> BTreeMap<String, usize> {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let mut times = BTreeMap::new();
    for request in users_requests(reading) {
        for user in okta.decode(request, &org.answer(request)).unwrap().users {
            *times.entry(user.id).or_default() += 1;
        }
    }
    times
}

/// Years of slow growth with imports of many within seconds, in an order of its own.
fn growth() -> impl Strategy<Value = Vec<i64>> {
    let stretch = (1_usize..80, prop_oneof![Just(0), 1_i64..5, 1_000_i64..10_000_000]);
    prop::collection::vec(stretch, 1..9).prop_flat_map(|stretches| {
        let mut now = BEGAN;
        let mut all = Vec::new();
        for (people, gap) in stretches {
            now += 1_000;
            all.extend((0..people).map(|_| {
                now += gap;
                now
            }));
        }
        Just(all).prop_shuffle()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn everybody_is_given_exactly_once(created in growth(), page in 1_usize..4) {
        let org = org(&created, page);
        let reading = org.read(json!({}));
        prop_assert_eq!(reading.users.len(), created.len());
        let times = given(&org, &reading);
        prop_assert!(times.values().all(|&times| times == 1), "{:?}", times);
        let left = (0..created.len()).filter(|number| number % 9 == 5).count();
        prop_assert_eq!(reading.removed.get("").map_or(0, Vec::len), left);
        // A full last page is followed by an empty one.
        let pages = created.len() / page + 1;
        let asked = users_requests(&reading).len();
        prop_assert!(asked <= pages + 2 * (chains(&reading) - 1), "{} requests, {} pages", asked, pages);
    }
}

#[test]
fn a_steady_growth_is_split_into_chains_of_like_length() {
    let created: Vec<i64> = (0..1_000).map(|number| BEGAN + 3_600 * number).collect();
    let reading = org(&created, 1).read(json!({}));
    assert_eq!(chains(&reading), 1 + (1_000_usize - 25).div_ceil(128));
    assert!(users_requests(&reading).len() <= 1_001 + chains(&reading));
}

#[test]
fn a_small_organisation_is_one_chain() {
    let created: Vec<i64> = (0..24).map(|number| BEGAN + 3_600 * number).collect();
    let reading = org(&created, 1).read(json!({}));
    assert_eq!((chains(&reading), users_requests(&reading).len()), (1, 25));
}

#[test]
fn an_import_of_thousands_does_not_hold_up_the_rest() {
    let created: Vec<i64> =
        (0..1_000).map(|number| BEGAN + 3_600 * (number - number.clamp(0, 900))).collect();
    let reading = org(&created, 1).read(json!({}));
    assert_eq!(reading.users.len(), 1_000);
    assert!(chains(&reading) > 1);
}

#[test]
fn a_listing_that_is_not_sorted_is_one_chain() {
    let created: Vec<i64> = (0..400).map(|number| BEGAN + 3_600 * (number * 149 % 400)).collect();
    let org = org(&created, 2);
    // What ignores the order answers in that of ids.
    let unsorted = |request: &Request| -> Option<Response> {
        let path = request.path.replace("&sortBy=created&sortOrder=asc", "");
        (request.bucket == "users").then(|| org.answer(&Request { path, ..request.clone() }))
    };
    let reading = org.run(json!({}), &Scope::Full, unsorted).unwrap();
    assert_eq!((reading.users.len(), chains(&reading)), (400, 1));
}

#[test]
fn disorder_behind_a_seam_leaves_nobody_out() {
    let created: Vec<i64> = (0..400).map(|number| BEGAN + 3_600 * number).collect();
    let org = org(&created, 2);
    // Pages after the split come backwards: nothing is certain any more about where the rest is.
    let mut pages = 0;
    let reversed = |request: &Request| -> Option<Response> {
        if request.bucket != "users" {
            return None;
        }
        pages += 1;
        let mut answer = org.answer(request);
        if pages > 30 {
            let mut people: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
            people.reverse();
            answer.body = Value::from(people).to_string().into_bytes();
        }
        Some(answer)
    };
    let reading = org.run(json!({}), &Scope::Full, reversed).unwrap();
    assert_eq!(reading.users.len(), 400);
}

#[test]
fn where_okta_does_not_sort_the_listing_is_one_chain() {
    let created: Vec<i64> = (0..200).map(|number| BEGAN + 3_600 * number).collect();
    let org = org(&created, 2);
    let refuse = |request: &Request| request.path.contains("sortBy").then(|| refusal(400, "E0000031"));
    let reading = org.run(json!({}), &Scope::Full, refuse).unwrap();
    assert_eq!((reading.users.len(), chains(&reading)), (200, 2), "the one refused and the one read");

    let refuse = |request: &Request| (request.bucket == "users").then(|| refusal(400, "E0000031"));
    let settings = json!({"users": {"search": "staus eq \"ACTIVE\""}});
    let stopped = org.run(settings, &Scope::Full, refuse).unwrap_err();
    assert_eq!(stopped.error.code, "settings", "an expression that is wrong is told as before");
}

/// What a later run of changes goes on from is left by whichever chain began the listing.
#[test]
fn a_listing_that_okta_does_not_sort_leaves_its_checkpoint() {
    let org = org(&(0..200).map(|number| BEGAN + 3_600 * number).collect::<Vec<_>>(), 2);
    let dated = |response: Response| response.with_header("date", "Tue, 24 Nov 2026 08:30:00 GMT");
    let answer = |request: &Request, refused: bool| match refused && request.path.contains("sortBy") {
        true => Some(dated(refusal(400, "E0000031"))),
        false => Some(dated(org.answer(request))),
    };
    for refused in [false, true] {
        let reading = org.run(json!({}), &Scope::Full, |request| answer(request, refused)).unwrap();
        let began = reading.checkpoints.get("users").map(String::as_str);
        assert_eq!(began, Some("2026-11-24T08:30:00.000Z"), "refused: {refused}");
    }
}

/// As a credential of narrow rights may be answered that asks for an order.
#[test]
fn where_okta_takes_too_long_to_sort_the_listing_is_one_chain() {
    let org = org(&(0..200).map(|number| BEGAN + 3_600 * number).collect::<Vec<_>>(), 2);
    let slow = |request: &Request| request.path.contains("sortBy").then(|| refusal(500, "E0000009"));
    let reading = org.run(json!({}), &Scope::Full, slow).unwrap();
    assert_eq!(reading.users.len(), 200);
}

#[test]
fn where_okta_does_not_search_for_times_nobody_is_left_out() {
    // A range that is denser than was guessed is split more than once.
    let created: Vec<i64> =
        (0..900).map(|number| BEGAN + 3_600 * number.min(60) + 9 * (number - number.min(60))).collect();
    let org = org(&created, 1);
    let refuse = |request: &Request| request.path.contains("created%20ge").then(|| refusal(400, "E0000031"));
    let reading = org.run(json!({}), &Scope::Full, refuse).unwrap();
    assert_eq!(reading.users.len(), 900);
    let plain = users_requests(&reading).into_iter().filter(|request| !request.path.contains("sortBy"));
    let mut asked: Vec<_> = plain.map(|request| (&request.path, &request.context)).collect();
    let all = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), all, "no request is the same as another, which the host would take for a loop");
}
