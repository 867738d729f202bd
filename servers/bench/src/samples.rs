//! Samples: what one operation cost, round by round.
//!
//! A sample is the difference of two readings of the cycle counter around the operation. From the
//! summary of all samples is taken off what two readings around nothing cost ([`Overhead`]), as
//! `sel4bench` does it. Under `qemu -icount shift=0` the counter counts instructions, and every round
//! of a warm system costs the same.

/// Rounds before the first that counts.
pub const WARM_UP_ROUNDS: usize = 64;
/// Rounds that count: odd, so that the median is one of them.
pub const ROUNDS: usize = 257;

/// The samples of one figure.
#[derive(Clone, Debug)]
pub struct Samples {
    values: [u64; ROUNDS],
    count: usize,
    skipped: usize,
}

/// What two readings of the counter around nothing cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead(u64);

/// The least, the middle and the greatest sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The least.
    pub min: u64,
    /// The middle.
    pub median: u64,
    /// The greatest.
    pub max: u64,
}

impl Default for Samples {
    fn default() -> Self {
        Samples::new()
    }
}

impl Samples {
    /// Makes an empty collection.
    #[must_use]
    pub const fn new() -> Samples {
        Samples {
            values: [0; ROUNDS],
            count: 0,
            skipped: 0,
        }
    }

    /// Takes the next sample: skips the first [`WARM_UP_ROUNDS`] and those after [`ROUNDS`] more.
    pub fn add(&mut self, sample: u64) {
        if self.skipped < WARM_UP_ROUNDS {
            self.skipped += 1;
        } else if let Some(place) = self.values.get_mut(self.count) {
            *place = sample;
            self.count += 1;
        }
    }

    /// Whether all rounds are done.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.count == ROUNDS
    }

    /// Sums up the samples; `None` before all rounds are done.
    #[must_use]
    pub fn summarize(&self) -> Option<Summary> {
        if !self.is_complete() {
            return None;
        }
        let mut sorted = self.values;
        sorted.sort_unstable();
        Some(Summary {
            min: *sorted.first()?,
            median: *sorted.get(ROUNDS / 2)?,
            max: *sorted.last()?,
        })
    }
}

impl Summary {
    /// The overhead, from samples of nothing: their minimum, so that nothing is taken off that was
    /// not spent in every round.
    #[must_use]
    pub const fn overhead(self) -> Overhead {
        Overhead(self.min)
    }

    /// The summary without what the readings themselves cost.
    #[must_use]
    pub const fn less(self, overhead: Overhead) -> Summary {
        Summary {
            min: self.min.saturating_sub(overhead.0),
            median: self.median.saturating_sub(overhead.0),
            max: self.max.saturating_sub(overhead.0),
        }
    }

    /// The summary of each of `count` operations that a round consists of, rounded up.
    #[must_use]
    pub const fn per(self, count: u64) -> Summary {
        Summary {
            min: self.min.div_ceil(count),
            median: self.median.div_ceil(count),
            max: self.max.div_ceil(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(value: impl Fn(usize) -> u64) -> Samples {
        let mut samples = Samples::new();
        for round in 0..WARM_UP_ROUNDS {
            samples.add(1_000_000 + round as u64);
        }
        for round in 0..ROUNDS {
            assert!(!samples.is_complete());
            samples.add(value(round));
        }
        samples
    }

    #[test]
    fn warm_up_and_surplus_rounds_do_not_count() {
        let mut samples = filled(|_| 7);
        samples.add(0);
        let summary = samples.summarize();
        assert_eq!(
            summary,
            Some(Summary {
                min: 7,
                median: 7,
                max: 7
            })
        );
    }

    #[test]
    fn the_median_is_the_middle_one() {
        let samples = filled(|round| (ROUNDS - round) as u64);
        let middle = ROUNDS as u64 / 2 + 1;
        let expected = Summary {
            min: 1,
            median: middle,
            max: ROUNDS as u64,
        };
        assert_eq!(samples.summarize(), Some(expected));
    }

    #[test]
    fn the_overhead_is_the_least_cost_of_nothing_and_is_taken_off() {
        let nothing = filled(|round| 3 + round as u64 % 2);
        let overhead = nothing.summarize().expect("the rounds are done").overhead();
        let samples = filled(|round| if round == 0 { 1 } else { 100 });
        let summary = samples
            .summarize()
            .expect("the rounds are done")
            .less(overhead);
        assert_eq!(
            summary,
            Summary {
                min: 0,
                median: 97,
                max: 97
            }
        );
    }

    #[test]
    fn a_part_of_a_round_is_rounded_up() {
        let summary = filled(|_| 513).summarize().expect("the rounds are done");
        assert_eq!(summary.per(512).median, 2);
        assert_eq!(summary.per(513).median, 1);
    }

    #[test]
    fn an_unfinished_measurement_has_no_summary() {
        assert_eq!(Samples::new().summarize(), None);
    }
}
