use proptest::prelude::*;

use super::*;

fn limits(limit: u32, remaining: u32, key: u64, after: u64) -> Limits {
    let reset = Reset { key: Some(key), after: Duration::from_secs(after) };
    Limits { limit: Some(limit), remaining: Some(remaining), reset: Some(reset) }
}

fn bucket() -> Bucket {
    Bucket::new(0.8, Duration::from_secs(60))
}

fn go(bucket: &mut Bucket, now: Instant) -> Ticket {
    match bucket.turn(now) {
        Turn::Go(ticket) => ticket,
        other => panic!("has to go, but {other:?}"),
    }
}

fn at(bucket: &mut Bucket, now: Instant) -> Duration {
    match bucket.turn(now) {
        Turn::At(at, _) => at - now,
        other => panic!("has to wait for a moment, but {other:?}"),
    }
}

/// How many may go at this moment.
fn burst(bucket: &mut Bucket, now: Instant) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    while let Turn::Go(ticket) = bucket.turn(now) {
        tickets.push(ticket);
        assert!(tickets.len() < 10_000, "unlimited");
    }
    tickets
}

#[test]
fn the_first_request_goes_alone_until_its_headers_are_known() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    assert!(matches!(bucket.turn(now), Turn::AfterAnswer));
    bucket.answered(&first, &limits(10, 9, 100, 60), now);
    assert_eq!(burst(&mut bucket, now).len(), 7, "8 of 10 in all");
}

#[test]
fn share_respected_and_the_wait_is_reset_minus_date_plus_one_second() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 9, 100, 42), now);
    for remaining in (2..9).rev() {
        let ticket = go(&mut bucket, now);
        bucket.answered(&ticket, &limits(10, remaining, 100, 42), now);
    }
    assert_eq!(at(&mut bucket, now), Duration::from_secs(43));
    let next = now + Duration::from_secs(43);
    let scout = go(&mut bucket, next);
    assert!(matches!(bucket.turn(next), Turn::AfterAnswer), "the next window's first goes alone too");
    bucket.answered(&scout, &limits(10, 9, 160, 60), next);
    assert_eq!(burst(&mut bucket, next).len(), 7);
}

#[test]
fn what_others_spend_is_not_ours_to_spend() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(100, 30, 100, 60), now);
    let tickets = burst(&mut bucket, now);
    assert_eq!(tickets.len(), 10);
    bucket.answered(&tickets[0], &limits(100, 3, 100, 60), now);
    assert_eq!(at(&mut bucket, now), Duration::from_secs(61));
}

#[test]
fn a_share_is_at_least_one_request() {
    let now = Instant::now();
    for limit in [1, 2] {
        let mut bucket = Bucket::new(0.01, Duration::from_secs(60));
        let first = go(&mut bucket, now);
        bucket.answered(&first, &limits(limit, limit - 1, 100, 2), now);
        assert_eq!(at(&mut bucket, now), Duration::from_secs(3));
        go(&mut bucket, now + Duration::from_secs(3));
    }
    let shares = [(100, 0.29, 29), (10, 0.7, 7), (35, 0.8, 28), (600, 1.0, 600), (3, 0.5, 1), (u32::MAX, 1.0, u32::MAX)];
    for (limit, share, ours) in shares {
        assert_eq!(Bucket::new(share, Duration::ZERO).ours(limit), ours, "{limit} × {share}");
    }
}

#[test]
fn answers_out_of_order_do_not_raise_the_budget() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 9, 100, 60), now);
    let [one, two, three] = [go(&mut bucket, now), go(&mut bucket, now), go(&mut bucket, now)];
    bucket.answered(&three, &limits(10, 6, 100, 60), now);
    bucket.answered(&one, &limits(10, 8, 100, 60), now);
    bucket.answered(&two, &limits(10, 7, 101, 61), now);
    assert_eq!(burst(&mut bucket, now).len(), 4, "6 left, 2 of them not ours");
}

#[test]
fn an_answer_of_the_window_before_says_nothing() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 9, 100, 1), now);
    let late = go(&mut bucket, now);
    let later = now + Duration::from_secs(2);
    let scout = go(&mut bucket, later);
    bucket.answered(&late, &limits(10, 8, 100, 0), later);
    assert!(matches!(bucket.turn(later), Turn::AfterAnswer), "the old window's 8 left are gone");
    bucket.answered(&scout, &limits(10, 5, 160, 60), later);
    assert_eq!(burst(&mut bucket, later).len(), 3);
}

#[test]
fn an_answer_of_a_newer_window_replaces_the_present_one() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 4, 100, 1), now);
    let [one, _two] = [go(&mut bucket, now), go(&mut bucket, now)];
    assert!(matches!(bucket.turn(now), Turn::At(..)));
    bucket.answered(&one, &limits(10, 9, 160, 60), now);
    assert_eq!(burst(&mut bucket, now).len(), 6, "9 left, one under way, two not ours");
}

#[test]
fn a_lost_request_may_have_been_counted() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 9, 100, 60), now);
    let lost = go(&mut bucket, now);
    bucket.lost(&lost);
    assert_eq!(burst(&mut bucket, now).len(), 6);
}

#[test]
fn a_lost_scout_is_followed_by_another() {
    let now = Instant::now();
    let mut bucket = bucket();
    for _ in 0..3 {
        let scout = go(&mut bucket, now);
        assert!(matches!(bucket.turn(now), Turn::AfterAnswer));
        bucket.lost(&scout);
    }
    go(&mut bucket, now);
}

#[test]
fn a_bucket_without_limit_headers_is_unlimited_until_it_has_some() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &Limits::default(), now);
    let tickets: Vec<Ticket> = (0..1000).map(|_| go(&mut bucket, now)).collect();
    bucket.answered(&tickets[0], &limits(2000, 1990, 100, 60), now);
    assert_eq!(burst(&mut bucket, now).len(), 1990 - 999 - 400);
}

#[test]
fn a_429_waits_until_reset() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    assert_eq!(bucket.refused(&first, &limits(10, 0, 100, 17), None, now) - now, Duration::from_secs(18));
    assert_eq!(at(&mut bucket, now), Duration::from_secs(18));
    go(&mut bucket, now + Duration::from_secs(18));
}

#[test]
fn a_429_without_reset_waits_the_manifests_window_or_what_it_says_itself() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    assert_eq!(bucket.refused(&first, &Limits::default(), None, now) - now, Duration::from_secs(60));
    let next = now + Duration::from_secs(60);
    let second = go(&mut bucket, next);
    let asked = Some(Duration::from_secs(7));
    assert_eq!(bucket.refused(&second, &Limits::default(), asked, next) - next, Duration::from_secs(7));
    let next = next + Duration::from_secs(7);
    let third = go(&mut bucket, next);
    bucket.answered(&third, &Limits::default(), next);
    assert_eq!(burst_is_unlimited(&mut bucket, next), true);
}

fn burst_is_unlimited(bucket: &mut Bucket, now: Instant) -> bool {
    (0..100).all(|_| matches!(bucket.turn(now), Turn::Go(_)))
}

#[test]
fn resets_that_are_never_true_are_asked_less_and_less_often() {
    let mut now = Instant::now();
    let mut bucket = bucket();
    let mut waits = Vec::new();
    for _ in 0..9 {
        let ticket = go(&mut bucket, now);
        let again = bucket.refused(&ticket, &limits(10, 0, 100, 0), None, now);
        waits.push((again - now).as_secs());
        now = again;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn several_429s_at_once_count_as_one() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 9, 100, 2), now);
    for ticket in burst(&mut bucket, now) {
        assert_eq!(bucket.refused(&ticket, &limits(10, 0, 100, 2), None, now) - now, Duration::from_secs(3));
    }
    assert_eq!(at(&mut bucket, now), Duration::from_secs(3));
}

#[test]
fn too_many_at_once_says_nothing_about_the_window() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(10, 9, 100, 60), now);
    let ticket = go(&mut bucket, now);
    bucket.crowded(&ticket);
    assert_eq!(burst(&mut bucket, now).len(), 7);
}

#[test]
fn requests_that_the_old_window_left_behind_may_fall_into_the_new_one() {
    let now = Instant::now();
    let mut bucket = bucket();
    let first = go(&mut bucket, now);
    bucket.answered(&first, &limits(2, 1, 100, 1), now);
    // Ours is one of two, and a request of an unlimited past is still under way.
    bucket.unseen = 1;
    assert!(matches!(bucket.turn(now + Duration::from_secs(2)), Turn::AfterAnswer));
    bucket.lost(&Ticket { generation: 0, scout: false });
    go(&mut bucket, now + Duration::from_secs(2));
}

/// A provider with fixed windows, in milliseconds of its own time, whose clock shows whole seconds.
struct Provider {
    limit: u32,
    window: u64,
    offset: u64,
    window_number: u64,
    /// Of the present window: ours, and others'.
    ours: u32,
    others: u32,
    most_of_ours: u32,
    refused: u32,
}

const EPOCH: u64 = 1_767_225_600;

impl Provider {
    fn roll(&mut self, now: u64) {
        let number = (now + self.offset) / self.window;
        if number != self.window_number {
            self.window_number = number;
            self.ours = 0;
            self.others = 0;
        }
    }

    /// Others spend all but one request of a window, if they can.
    fn others_spend(&mut self, now: u64, count: u32) {
        self.roll(now);
        let most = (self.limit - 1).min(self.limit - self.ours);
        self.others = (self.others + count).min(most).max(self.others);
    }

    /// Status and headers for a request of ours.
    fn answer(&mut self, now: u64) -> (bool, Limits) {
        self.roll(now);
        let ends = (self.window_number + 1) * self.window - self.offset;
        let key = EPOCH + ends / 1000;
        let date = EPOCH + now / 1000;
        let served = self.ours + self.others < self.limit;
        if served {
            self.ours += 1;
            self.most_of_ours = self.most_of_ours.max(self.ours);
        } else {
            self.refused += 1;
        }
        let remaining = self.limit - self.ours - self.others;
        (served, limits(self.limit, remaining, key, key.saturating_sub(date)))
    }
}

#[derive(Debug, Clone)]
struct World {
    limit: u32,
    window: u64,
    offset: u64,
    share: f64,
    parallel: usize,
    requests: u32,
    /// Milliseconds to the provider and back, and the rolled fate: below `lost`, no answer comes.
    trips: Vec<(u64, u64, u8)>,
    lost: u8,
    others: Vec<u32>,
}

struct Outcome {
    most_of_ours: u32,
    refused: u32,
    windows: u64,
    done: u32,
}

/// Runs requests against the provider in virtual time, event by event.
fn live_through(world: &World) -> Outcome {
    let start = Instant::now();
    let instant = |now: u64| start + Duration::from_millis(now);
    let mut provider = Provider {
        limit: world.limit,
        window: world.window,
        offset: world.offset,
        window_number: world.offset / world.window,
        ours: 0,
        others: 0,
        most_of_ours: 0,
        refused: 0,
    };
    let mut bucket = Bucket::new(world.share, Duration::from_millis(world.window));
    // Under way: when the provider sees it, when the answer is here, what it says (once it is known).
    let mut out: Vec<(u64, u64, Ticket, Option<Option<(bool, Limits)>>, bool)> = Vec::new();
    let (mut now, mut sent, mut done, mut step) = (0_u64, 0_usize, 0_u32, 0_usize);
    while done < world.requests {
        step += 1;
        assert!(step < 200_000, "no progress: {done} of {} done at {now} ms", world.requests);
        let mut wake = u64::MAX;
        while out.len() < world.parallel && done + u32::try_from(out.len()).unwrap() < world.requests {
            match bucket.turn(instant(now)) {
                Turn::Go(ticket) => {
                    let (to, back, fate) = world.trips[sent % world.trips.len()];
                    sent += 1;
                    out.push((now + to, now + to + back, ticket, None, fate < world.lost));
                }
                Turn::At(at, _) => {
                    wake = u64::try_from((at - start).as_millis()).unwrap();
                    assert!(wake > now);
                    break;
                }
                Turn::AfterAnswer => {
                    assert!(!out.is_empty(), "waits for an answer that nothing will give");
                    break;
                }
            }
        }
        for (seen, here, _, answer, _) in &out {
            wake = wake.min(if answer.is_none() { *seen } else { *here });
        }
        now = now.max(wake);
        provider.others_spend(now, world.others[step % world.others.len()]);
        for (seen, _, _, answer, lost) in &mut out {
            if *seen <= now && answer.is_none() {
                let said = provider.answer(now);
                *answer = Some((!*lost).then_some(said));
            }
        }
        let mut at = 0;
        while at < out.len() {
            if out[at].1 <= now && out[at].3.is_some() {
                let (_, _, ticket, answer, _) = out.swap_remove(at);
                match answer.flatten() {
                    None => bucket.lost(&ticket),
                    Some((true, limits)) => {
                        bucket.answered(&ticket, &limits, instant(now));
                        done += 1;
                    }
                    Some((false, limits)) => {
                        bucket.refused(&ticket, &limits, None, instant(now));
                    }
                }
            } else {
                at += 1;
            }
        }
    }
    Outcome {
        most_of_ours: provider.most_of_ours,
        refused: provider.refused,
        windows: (now + world.offset) / world.window + 1,
        done,
    }
}

fn worlds(others: impl Strategy<Value = Vec<u32>>, lost: impl Strategy<Value = u8>) -> impl Strategy<Value = World> {
    (
        (1_u32..40, 2_u64..60, 0_u64..60_000, 1_u32..=100, 1_usize..10, 1_u32..120),
        prop::collection::vec((1_u64..3000, 1_u64..3000, 0_u8..100), 1..20),
        lost,
        others,
    )
        .prop_map(|((limit, window, offset, share, parallel, requests), trips, lost, others)| World {
            limit,
            window: window * 1000,
            offset: offset % (window * 1000),
            share: f64::from(share) / 100.0,
            parallel,
            requests,
            trips,
            lost,
            others,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_share_is_never_exceeded_when_nobody_else_spends(
        world in worlds(Just(vec![0]), prop_oneof![Just(0_u8), 0_u8..40]),
    ) {
        let ours = Bucket::new(world.share, Duration::ZERO).ours(world.limit);
        let outcome = live_through(&world);
        prop_assert_eq!(outcome.done, world.requests);
        prop_assert!(outcome.most_of_ours <= ours, "{} of {}", outcome.most_of_ours, ours);
        prop_assert_eq!(outcome.refused, 0);
    }

    #[test]
    fn progress_is_made_whatever_others_spend(world in worlds(prop::collection::vec(0_u32..5, 1..9), 0_u8..40)) {
        let outcome = live_through(&world);
        prop_assert_eq!(outcome.done, world.requests);
    }

    /// With short ways, a window's budget is used: at most one window in two is lost to the second that the
    /// wait adds and to the provider's rounding (windows here last at least 4 s).
    #[test]
    fn the_budget_is_used(world in worlds(Just(vec![0]), Just(0_u8))) {
        let trips = world.trips.iter().map(|(to, back, _)| (to % 20 + 1, back % 20 + 1, 99)).collect();
        let world = World { trips, window: world.window.max(4000), offset: world.offset % 4000, ..world };
        let ours = Bucket::new(world.share, Duration::ZERO).ours(world.limit);
        let outcome = live_through(&world);
        let needed = u64::from(world.requests.div_ceil(ours));
        prop_assert!(outcome.windows <= needed * 2 + 1, "{} windows for {needed}", outcome.windows);
    }
}
