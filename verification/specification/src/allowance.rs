//! Allowances: authority over numbers (interrupt lines, address space identifiers) and over time.
//!
//! Numbers are split and merged like the frames of a region. Time is a highest priority, a highest
//! priority without a budget, and a share of the core; whatever was made from an allowance of time goes
//! with it.

use core::ops::Range;

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::time::{BUDGET_TICKS_MIN, PERIOD_TICKS_MAX, TimeGrant, share_of};

use crate::capability::Answer;
use crate::create::{HOLDER, Vacancy};
use crate::state::{Allowance, Grant, Number, Sort, State, Ticks};

/// The most numbers of one `allowance_merge`.
const MERGE_NUMBERS: u64 = 64;

impl State {
    /// The allowance of numbers that `handle` names, and its own numbers.
    pub(crate) fn find_numbers(
        &self,
        handle: u64,
        wanted: Sort,
    ) -> Result<(Number, Range<u64>), Error> {
        let allowance = self.find(handle, Kind::Allowance, Rights::WRITE)?;
        match self.allowances[&allowance].grant {
            Grant::Numbers {
                sort, first, limit, ..
            } if sort == wanted => Ok((allowance, first..limit)),
            Grant::Numbers { .. } | Grant::Time { .. } => Err(Error::BadArgument),
        }
    }

    /// The allowance of time that `handle` names, and its core.
    pub(crate) fn find_time(&self, handle: u64) -> Result<(Number, u64), Error> {
        let allowance = self.find(handle, Kind::Allowance, Rights::WRITE)?;
        match self.allowances[&allowance].grant {
            Grant::Time { core, .. } => Ok((allowance, core)),
            Grant::Numbers { .. } => Err(Error::BadArgument),
        }
    }

    /// Whether an object has a number.
    pub(crate) fn is_number_used(&self, sort: Sort, number: u64) -> bool {
        match sort {
            Sort::Asid => self.spaces.values().any(|it| it.asid == Some(number)),
            Sort::Irq => {
                let lives = |it: &&crate::state::Irq| it.id.is_some();
                self.irqs.values().filter(lives).any(|it| it.line == number)
            }
        }
    }

    /// Whether an allowance begins at a number.
    fn is_number_granted(&self, wanted: Sort, number: u64) -> bool {
        let lives = |it: &&Allowance| it.id.is_some();
        self.allowances
            .values()
            .filter(lives)
            .any(|it| match it.grant {
                Grant::Numbers { sort, first, .. } => sort == wanted && first == number,
                Grant::Time { .. } => false,
            })
    }

    /// `allowance_split`.
    pub(crate) fn allowance_split(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        [allowance, count]: [u64; 2],
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::Allowance, region, number, place)?;
        let parent = self.find(allowance, Kind::Allowance, Rights::WRITE)?;
        match self.allowances[&parent].grant {
            Grant::Time { .. } => {
                self.split_time(vacancy, parent, TimeGrant::from_raw(count))?;
            }
            Grant::Numbers {
                sort,
                first,
                limit,
                end,
            } => {
                let start = check_count(count, limit - first).map(|()| limit - count)?;
                if (start..limit).any(|it| self.is_number_used(sort, it)) {
                    return Err(Error::Exhausted);
                }
                let kept = Grant::Numbers {
                    sort,
                    first,
                    limit: start,
                    end,
                };
                self.allowance(parent).grant = kept;
                let given = Grant::Numbers {
                    sort,
                    first: start,
                    limit,
                    end: limit,
                };
                self.add_allowance(vacancy, given);
            }
        }
        Ok(0)
    }

    fn add_allowance(&mut self, vacancy: Vacancy, grant: Grant) {
        let id = self.occupy(vacancy, HOLDER);
        self.allowances
            .insert(vacancy.number, Allowance { id, grant });
    }

    fn split_time(
        &mut self,
        vacancy: Vacancy,
        parent: Number,
        wanted: TimeGrant,
    ) -> Result<(), Error> {
        let Grant::Time {
            core,
            priority,
            unlimited,
            left,
            ..
        } = self.allowances[&parent].grant
        else {
            return Err(Error::BadArgument);
        };
        let is_above = u64::from(wanted.priority) > priority
            || u64::from(wanted.unlimited) > unlimited
            || wanted.unlimited > wanted.priority;
        if is_above {
            return Err(Error::OutOfRange);
        }
        if wanted.share > left {
            return Err(Error::Exhausted);
        }
        self.give_share(parent, 0, wanted.share);
        let grant = Grant::Time {
            core,
            priority: u64::from(wanted.priority),
            unlimited: u64::from(wanted.unlimited),
            left: wanted.share,
            share: wanted.share,
            parent: Some(parent),
        };
        self.add_allowance(vacancy, grant);
        Ok(())
    }

    /// An allowance of time gets the share `back` and gives the share `out`.
    pub(crate) fn give_share(&mut self, allowance: Number, back: u64, out: u64) {
        if let Grant::Time { left, .. } = &mut self.allowance(allowance).grant {
            *left = *left + back - out;
        }
    }

    /// What is left of the share of an allowance of time.
    pub(crate) fn share_left(&self, allowance: Number) -> u64 {
        match self.allowances[&allowance].grant {
            Grant::Time { left, .. } => left,
            Grant::Numbers { .. } => 0,
        }
    }

    /// Checks priority, budget and period against an allowance of time: the answer is the share that they
    /// take.
    pub(crate) fn check_time_grant(
        &self,
        allowance: Number,
        wanted: u64,
        budget: Ticks,
        period: Ticks,
    ) -> Answer {
        let Grant::Time {
            priority,
            unlimited,
            ..
        } = self.allowances[&allowance].grant
        else {
            return Err(Error::BadArgument);
        };
        if budget == 0 && period == 0 {
            return if wanted > unlimited {
                Err(Error::OutOfRange)
            } else {
                Ok(0)
            };
        }
        let is_sound = BUDGET_TICKS_MIN <= budget && budget <= period && period <= PERIOD_TICKS_MAX;
        if wanted > priority || !is_sound {
            return Err(Error::OutOfRange);
        }
        Ok(share_of(budget, period))
    }

    /// `allowance_merge`.
    pub(crate) fn allowance_merge(&mut self, allowance: u64, count: u64) -> Answer {
        let allowance = self.find(allowance, Kind::Allowance, Rights::WRITE)?;
        let Grant::Numbers {
            sort,
            first,
            limit,
            end,
        } = self.allowances[&allowance].grant
        else {
            return Err(Error::BadArgument);
        };
        if count == 0 || count > (end - limit).min(MERGE_NUMBERS) {
            return Err(Error::OutOfRange);
        }
        let mut wanted = limit..limit + count;
        if wanted.any(|it| self.is_number_used(sort, it) || self.is_number_granted(sort, it)) {
            return Err(Error::InUse);
        }
        self.allowance(allowance).grant = Grant::Numbers {
            sort,
            first,
            limit: limit + count,
            end,
        };
        Ok(0)
    }
}

/// Checks how many of `own` numbers are to be split off: not none, and not all.
fn check_count(count: u64, own: u64) -> Result<(), Error> {
    if count == 0 {
        Err(Error::BadArgument)
    } else if count >= own {
        Err(Error::Exhausted)
    } else {
        Ok(())
    }
}
