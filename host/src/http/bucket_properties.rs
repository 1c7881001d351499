//! What holds for a bucket whatever the provider's windows, the network's delays and others' requests are like.

use proptest::prelude::*;

use super::tests::limits;
use super::*;

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
    /// Milliseconds to the provider and back, and the rolled fate: of every third request that rolled below
    /// `lost`, no answer comes.
    trips: Vec<(u64, u64, u8)>,
    lost: u8,
    others: Vec<u32>,
}

struct UnderWay {
    /// When the provider sees it, and when its answer is here.
    seen: u64,
    here: u64,
    ticket: Ticket,
    lost: bool,
    /// Once the provider has seen it: was it served, and what is left.
    said: Option<(bool, Limits)>,
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
    let mut out: Vec<UnderWay> = Vec::new();
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
                    let lost = sent.is_multiple_of(3) && fate < world.lost;
                    out.push(UnderWay { seen: now + to, here: now + to + back, ticket, lost, said: None });
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
        for request in &out {
            wake = wake.min(if request.said.is_none() { request.seen } else { request.here });
        }
        now = now.max(wake);
        provider.others_spend(now, world.others[step % world.others.len()]);
        for request in &mut out {
            if request.seen <= now && request.said.is_none() {
                request.said = Some(provider.answer(now));
            }
        }
        let mut at = 0;
        while at < out.len() {
            if out[at].here <= now && out[at].said.is_some() {
                let UnderWay { ticket, said, lost, .. } = out.swap_remove(at);
                match said.filter(|_| !lost) {
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

fn worlds(
    others: impl Strategy<Value = Vec<u32>>,
    lost: impl Strategy<Value = u8>,
) -> impl Strategy<Value = World> {
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
        world in worlds(Just(vec![0]), Just(0_u8)),
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
