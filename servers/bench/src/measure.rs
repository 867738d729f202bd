//! The measuring loop.

use ipc_abi::service::bench::{BenchError, Unit};
use userlib::read_cycles;

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
        let start = read_cycles();
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
    ///
    /// # Errors
    ///
    /// None.
    pub fn calibrate() -> Result<Gauge, BenchError> {
        measure(|| (), |()| Ok(())).map(Gauge::of)
    }

    /// Judges by what nothing cost: a counter of instructions says in every round the same, which is
    /// the few instructions of a reading.
    fn of(nothing: Summary) -> Gauge {
        let is_exact = nothing.min == nothing.max && nothing.max <= MOST_INSTRUCTIONS_OF_A_READING;
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

/// A reading is one instruction, and moving its result at most another two.
const MOST_INSTRUCTIONS_OF_A_READING: u64 = 3;

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
        assert_eq!(unit(40, 40), Unit::Cycles);
    }
}
