//! Whether a process that died is started again.

use alloc::collections::VecDeque;

use ipc_abi::manifest::Restart;

/// When a process was started again, as far as its policy asks.
#[derive(Clone, Debug, Default)]
pub struct History {
    ticks: VecDeque<u64>,
}

/// What to do with a dead process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again.
    Restart,
    /// Its policy never starts it again.
    StayDead,
    /// It died more often than its policy bears.
    GiveUp,
}

impl History {
    /// Decides about a process with the policy `restart` that died at `now`, in ticks of a counter
    /// of `hertz`; remembers a restart.
    pub fn decide(&mut self, restart: Restart, now: u64, hertz: u64) -> Verdict {
        let Restart::Always { limit, seconds } = restart else {
            return Verdict::StayDead;
        };
        let period = u64::from(seconds).saturating_mul(hertz);
        while self
            .ticks
            .front()
            .is_some_and(|then| now.saturating_sub(*then) >= period)
        {
            self.ticks.pop_front();
        }
        if self.ticks.len() >= usize::from(limit) {
            return Verdict::GiveUp;
        }
        self.ticks.push_back(now);
        Verdict::Restart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERTZ: u64 = 1000;

    #[test]
    fn never_is_never() {
        assert_eq!(
            History::default().decide(Restart::Never, 0, HERTZ),
            Verdict::StayDead
        );
    }

    #[test]
    fn one_death_past_the_limit_is_the_last() {
        let policy = Restart::Always {
            limit: 3,
            seconds: 10,
        };
        let mut history = History::default();
        for now in [0, 1, 9999] {
            assert_eq!(history.decide(policy, now, HERTZ), Verdict::Restart);
        }
        assert_eq!(history.decide(policy, 9999, HERTZ), Verdict::GiveUp);
    }

    #[test]
    fn deaths_are_forgotten_after_the_period() {
        let policy = Restart::Always {
            limit: 1,
            seconds: 10,
        };
        let mut history = History::default();
        assert_eq!(history.decide(policy, 5, HERTZ), Verdict::Restart);
        assert_eq!(history.decide(policy, 10_004, HERTZ), Verdict::GiveUp);
        assert_eq!(history.decide(policy, 10_005, HERTZ), Verdict::Restart);
    }
}
