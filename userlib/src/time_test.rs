//! Tests of the arithmetic of time, against numbers of twice the width.

use super::*;

/// Rates with and without a remainder: the slowest, the emulator's, Arm's, the fastest.
const RATES: [u32; 8] = [
    1,
    3,
    32_768,
    19_200_000,
    24_000_000,
    62_500_000,
    1_000_000_000,
    u32::MAX,
];

/// Durations at every edge.
fn durations() -> [Duration; 14] {
    [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_nanos(15),
        Duration::from_nanos(16),
        Duration::from_nanos(17),
        Duration::from_micros(1),
        Duration::from_millis(1),
        Duration::from_nanos(999_999_999),
        Duration::from_secs(1),
        Duration::from_nanos(1_000_000_001),
        Duration::from_secs(86_400),
        Duration::from_secs(u64::from(u32::MAX)),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ]
}

#[test]
fn ticks_are_the_least_that_are_not_shorter() {
    for hertz in RATES {
        for duration in durations() {
            let exact = (duration.as_nanos() / 1_000_000_000) * u128::from(hertz)
                + (duration.as_nanos() % 1_000_000_000 * u128::from(hertz)).div_ceil(1_000_000_000);
            let wanted = u64::try_from(exact).unwrap_or(u64::MAX);
            assert_eq!(Rate::new(hertz).ticks_of(duration), wanted, "{hertz}");
        }
    }
}

#[test]
fn duration_is_the_longest_that_is_not_longer() {
    for hertz in RATES {
        for ticks in [0, 1, 2, 999, 62_499_999, 62_500_000, 1 << 40, u64::MAX] {
            let found = Rate::new(hertz).duration_of(ticks).as_nanos();
            let wanted = u128::from(ticks) * 1_000_000_000 / u128::from(hertz);
            assert_eq!(found, wanted, "{ticks} at {hertz}");
        }
    }
}

#[test]
fn there_and_back_is_never_shorter() {
    for hertz in RATES {
        let rate = Rate::new(hertz);
        for duration in durations() {
            let ticks = rate.ticks_of(duration);
            if ticks < u64::MAX {
                assert!(
                    rate.duration_of(ticks) >= duration,
                    "{duration:?} at {hertz}"
                );
            }
        }
    }
}

#[test]
fn rate_of_zero_is_none() {
    assert_eq!(Rate::new(0), Rate::new(1));
}

#[test]
fn deadline_is_not_before_the_duration_is_over() {
    let rate = Rate::new(62_500_000);
    let now = Instant::from_ticks(1000);
    let after = |duration| Deadline::after_at(now, duration, rate).ticks();
    assert_eq!(after(Duration::ZERO), 1000);
    // One tick is 16 ns, and the reading is up to one tick old.
    assert_eq!(after(Duration::from_nanos(1)), 1002);
    assert_eq!(after(Duration::from_nanos(16)), 1002);
    assert_eq!(after(Duration::from_nanos(17)), 1003);
    assert_eq!(after(Duration::from_secs(1)), 62_501_001);
}

#[test]
fn what_is_too_long_is_never() {
    let rate = Rate::new(1_000_000_000);
    let after = |now, duration| Deadline::after_at(Instant::from_ticks(now), duration, rate);
    assert_eq!(after(0, Duration::MAX), Deadline::NEVER);
    assert_eq!(after(NEVER - 2, Duration::from_nanos(1)), Deadline::NEVER);
    assert_eq!(after(NEVER - 3, Duration::from_nanos(1)).ticks(), NEVER - 1);
    assert_eq!(after(u64::MAX, Duration::ZERO), Deadline::NEVER);
    assert_eq!(Deadline::at(Instant::from_ticks(u64::MAX)), Deadline::NEVER);
}

#[test]
fn deadline_is_over_from_its_tick_on() {
    let deadline = Deadline::at(Instant::from_ticks(10));
    let is_over = |ticks| deadline.is_over_at(Instant::from_ticks(ticks));
    assert_eq!([9, 10, 11].map(is_over), [false, true, true]);
    assert!(!Deadline::NEVER.is_over_at(Instant::from_ticks(u64::MAX)));
}

#[test]
fn what_is_left_is_nothing_when_it_is_over() {
    let rate = Rate::new(1000);
    let deadline = Deadline::at(Instant::from_ticks(10));
    let left = |ticks| deadline.left_at(Instant::from_ticks(ticks), rate);
    assert_eq!(left(4), Duration::from_millis(6));
    assert_eq!(left(10), Duration::ZERO);
    assert_eq!(left(11), Duration::ZERO);
    let now = Instant::from_ticks(u64::MAX);
    assert_eq!(Deadline::NEVER.left_at(now, rate), Duration::MAX);
}

#[test]
fn instants_that_are_not_later_are_no_time_apart() {
    let (early, late) = (Instant::from_ticks(5), Instant::from_ticks(1005));
    let rate = Rate::new(1000);
    assert_eq!(late.since_at(early, rate), Duration::from_secs(1));
    assert_eq!(early.since_at(late, rate), Duration::ZERO);
    assert!(early < late);
}
