//! Time: budgets, periods, shares and deadlines.
//!
//! Times are *ticks* of the counter that user code reads (`CNTVCT_EL0`), `CNTFRQ_EL0` of them in a
//! second. A deadline is a value of that counter. A *share* is a part of one core's time, in units of
//! 1/[`SHARE_WHOLE`].

/// All of a core's time.
pub const SHARE_WHOLE: u64 = 1 << 20;
/// The shortest budget, in ticks.
pub const BUDGET_TICKS_MIN: u64 = 1 << 10;
/// The longest period, in ticks.
pub const PERIOD_TICKS_MAX: u64 = 1 << 40;
/// A deadline from here on is none.
pub const NEVER: u64 = 1 << 63;

/// The share of a core that `budget` ticks in each `period` are, rounded up.
///
/// `budget` and `period` are at most [`PERIOD_TICKS_MAX`] and `period` is not 0; the share of anything
/// else has no meaning.
#[must_use]
pub const fn share_of(budget: u64, period: u64) -> u64 {
    let divisor = if period == 0 { 1 } else { period };
    budget.wrapping_mul(SHARE_WHOLE).div_ceil(divisor)
}

/// What an allowance of time gives to the one that is split off it: the last argument of
/// `allowance_split`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeGrant {
    /// The highest priority of contexts made from it.
    pub priority: u8,
    /// The highest priority of contexts without a budget.
    pub unlimited: u8,
    /// The share of the core that budgets can take, at most [`SHARE_WHOLE`].
    pub share: u64,
}

impl TimeGrant {
    /// Reads the register: the priorities in bits 7:0 and 15:8, the share above.
    #[must_use]
    pub const fn from_raw(raw: u64) -> TimeGrant {
        let [priority, unlimited, ..] = raw.to_le_bytes();
        TimeGrant {
            priority,
            unlimited,
            share: raw >> 16,
        }
    }

    /// The register. Of the share, the low 48 bits count.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.priority as u64 | (self.unlimited as u64) << 8 | self.share << 16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_is_rounded_up() {
        assert_eq!(share_of(1, 1), SHARE_WHOLE);
        assert_eq!(share_of(1, 2), SHARE_WHOLE / 2);
        assert_eq!(share_of(1, PERIOD_TICKS_MAX), 1);
        assert_eq!(share_of(PERIOD_TICKS_MAX, PERIOD_TICKS_MAX), SHARE_WHOLE);
        assert_eq!(share_of(1, 3), SHARE_WHOLE / 3 + 1);
    }

    #[test]
    fn grant_goes_through_a_register() {
        let grant = TimeGrant {
            priority: 200,
            unlimited: 31,
            share: SHARE_WHOLE,
        };
        assert_eq!(TimeGrant::from_raw(grant.into_raw()), grant);
    }
}
