use super::*;

pub(super) fn limits(limit: u32, remaining: u32, key: u64, after: u64) -> Limits {
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
    let shares = [
        (100, 0.29, 29),
        (10, 0.7, 7),
        (35, 0.8, 28),
        (600, 1.0, 600),
        (3, 0.5, 1),
        (u32::MAX, 1.0, u32::MAX),
    ];
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
    assert!(burst_is_unlimited(&mut bucket, next));
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
