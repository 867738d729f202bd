//! The measuring loop.
//!
//! The first reading gives up every register that a system call takes (`start_cycles`), so that no
//! instruction that loads one escapes the measurement; what the compiler moves in between the readings
//! is counted, too. So a figure is never less than what the operation costs.

use ipc_abi::service::bench::{BenchError, Unit};
use userlib::{read_cycles, read_cycles_twice, start_cycles};

use crate::samples::{Overhead, Samples, Summary};

/// Measures `operation` round by round. Before each round comes `prepare`, after it `check`, which
/// gets what the operation brought; neither is measured.
///
/// # Errors
///
/// Those of `prepare` and `check`.
#[inline(always)]
pub fn measure_prepared<T>(
    mut prepare: impl FnMut() -> Result<(), BenchError>,
    mut operation: impl FnMut() -> T,
    mut check: impl FnMut(T) -> Result<(), BenchError>,
) -> Result<Summary, BenchError> {
    let mut samples = Samples::new();
    loop {
        prepare()?;
        let start = start_cycles();
        let outcome = operation();
        let end = read_cycles();
        check(outcome)?;
        samples.add(end.wrapping_sub(start));
        if let Some(summary) = samples.summarize() {
            return Ok(summary);
        }
    }
}

/// Measures `operation` round by round; after each, `check` gets what it brought.
///
/// # Errors
///
/// Those of `check`.
#[inline(always)]
pub fn measure<T>(
    operation: impl FnMut() -> T,
    check: impl FnMut(T) -> Result<(), BenchError>,
) -> Result<Summary, BenchError> {
    measure_prepared(|| Ok(()), operation, check)
}

/// Measures `operation` round by round, up to where `end` says that it was over; both get `state`.
///
/// # Errors
///
/// Those of `end`.
#[inline(always)]
pub fn measure_until<S, T>(
    state: &mut S,
    mut operation: impl FnMut(&mut S) -> T,
    mut end: impl FnMut(&mut S, T) -> Result<u64, BenchError>,
) -> Result<Summary, BenchError> {
    let mut samples = Samples::new();
    loop {
        let start = start_cycles();
        let outcome = operation(state);
        samples.add(end(state, outcome)?.wrapping_sub(start));
        if let Some(summary) = samples.summarize() {
            return Ok(summary);
        }
    }
}

/// What the counter is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// What two readings around nothing cost.
    pub overhead: Overhead,
    /// What it counts.
    pub unit: Unit,
}

impl Gauge {
    /// Tries the counter out.
    #[must_use]
    pub fn calibrate() -> Gauge {
        let mut samples = Samples::new();
        loop {
            let (first, second) = read_cycles_twice();
            samples.add(second.wrapping_sub(first));
            if let Some(nothing) = samples.summarize() {
                return Gauge::of(nothing);
            }
        }
    }

    /// Judges by what nothing cost: a counter of instructions says in every round that a reading is
    /// one.
    fn of(nothing: Summary) -> Gauge {
        let is_exact = nothing.min == 1 && nothing.max == 1;
        let unit = if is_exact {
            Unit::Instructions
        } else {
            Unit::Cycles
        };
        Gauge {
            overhead: nothing.overhead(),
            unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_counter_that_is_always_the_same_counts_instructions() {
        let unit = |min, max| {
            Gauge::of(Summary {
                min,
                median: min,
                max,
            })
            .unit
        };
        assert_eq!(unit(1, 1), Unit::Instructions);
        assert_eq!(unit(1, 2), Unit::Cycles);
        assert_eq!(unit(2, 2), Unit::Cycles);
    }
}
