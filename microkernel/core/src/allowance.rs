//! Allowances: authority over numbered things.
//!
//! Of interrupt lines and ASIDs an allowance has `[FIRST, FIRST + COUNT)`, of which `[FIRST, LIMIT)`
//! are its own; the rest went to allowances split off it. The machine has two tables for each sort:
//! who uses a number, and which allowance begins at it. First numbers are unique (a split never
//! takes the first), so a range in which no number is used and no allowance begins can be granted
//! again. A third table has one bit per number in use, so that a range is looked through in at most
//! [`BITMAP_WORDS`] steps.
//!
//! Of time an allowance has one core, a highest priority, a highest priority of contexts without a
//! budget, and a share of the core: budgets take from it what they need in the long run, and give it
//! back when they end. What was made from an allowance of time goes with it: contexts, and
//! allowances that were split off.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::time::TimeGrant;

use crate::create::{HOLDER, Vacancy};
use crate::kernel::{Answer, Kernel};
use crate::list::List;
use crate::memory::{Fields, Memory};
use crate::object::{
    Allowance, Context, Field, Machine, Number, allowance, context, machine, sort,
};

/// The contexts made from an allowance of time.
pub(crate) const CONTEXTS: List<Allowance, Context> = List {
    head: allowance::CONTEXTS,
    next: context::ALLOWANCE_NEXT,
    prev: context::ALLOWANCE_PREV,
};
/// The allowances of time split off one.
pub(crate) const CHILDREN: List<Allowance, Allowance> = List {
    head: allowance::CHILDREN,
    next: allowance::NEXT,
    prev: allowance::PREV,
};

/// Words in a bitmap of numbers in use.
pub const BITMAP_WORDS: u64 = machine::LINES / 64;
/// Numbers that one `allowance_merge` takes back at most.
pub const MERGE_NUMBERS: u64 = 64;

/// The machine's tables of one sort of number.
struct Tables {
    users: Field<Machine>,
    first: Field<Machine>,
    used: Field<Machine>,
}

const IRQ_TABLES: Tables = Tables {
    users: machine::IRQS,
    first: machine::IRQ_FIRST,
    used: machine::LINES_USED,
};
const ASID_TABLES: Tables = Tables {
    users: machine::ASIDS,
    first: machine::ASID_FIRST,
    used: machine::ASIDS_USED,
};

const fn tables_of(sort: u64) -> &'static Tables {
    if sort == sort::IRQ {
        &IRQ_TABLES
    } else {
        &ASID_TABLES
    }
}

impl<M: Memory + Copy> Kernel<M> {
    /// `allowance_split`.
    ///
    /// # Errors
    ///
    /// Those of every creation, and of the handle `allowance` (right `WRITE`); for time ([`TimeGrant`])
    /// `OutOfRange` for priorities above the allowance's own or above each other, `Exhausted` for a
    /// greater share than is left; else `BadArgument` for no number, `Exhausted` for as many as it has
    /// or more, or if one of them is in use.
    pub fn allowance_split(
        &self,
        region: u64,
        object: u64,
        destination: u64,
        allowance: u64,
        count: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy::<Allowance>(region, object, destination)?;
        let parent = self.find_seldom::<Allowance>(allowance, Rights::WRITE)?;
        let child: Number<Allowance> = vacancy.number();
        let sort = self.memory.get(parent, allowance::SORT);
        if sort == sort::TIME {
            return self.split_time(&vacancy, parent, TimeGrant::from_raw(count));
        }
        let first = self.memory.get(parent, allowance::FIRST);
        let limit = self.memory.get(parent, allowance::LIMIT);
        if count == 0 {
            return Err(Error::BadArgument);
        }
        if count >= limit.wrapping_sub(first) {
            return Err(Error::Exhausted);
        }
        let start = limit.wrapping_sub(count);
        if self.first_number(sort, start, limit, Use::Taken).is_some() {
            return Err(Error::Exhausted);
        }
        self.finish(&vacancy, Kind::Allowance, HOLDER)?;
        self.memory.set(parent, allowance::LIMIT, start);
        self.fill_allowance(child, sort, start, count);
        Ok(0)
    }

    /// Makes an allowance of time, split off `parent`.
    fn split_time(&self, vacancy: &Vacancy, parent: Number<Allowance>, grant: TimeGrant) -> Answer {
        let is_above = u64::from(grant.priority) > self.memory.get(parent, allowance::LIMIT)
            || u64::from(grant.unlimited) > self.memory.get(parent, allowance::UNLIMITED);
        if is_above || grant.unlimited > grant.priority {
            return Err(Error::OutOfRange);
        }
        let left = self.memory.get(parent, allowance::COUNT);
        if grant.share > left {
            return Err(Error::Exhausted);
        }
        self.finish(vacancy, Kind::Allowance, HOLDER)?;
        let child: Number<Allowance> = vacancy.number();
        self.memory
            .set(parent, allowance::COUNT, left.wrapping_sub(grant.share));
        self.fill_time(child, self.memory.get(parent, allowance::FIRST), grant);
        self.memory.set_link(child, allowance::PARENT, parent);
        self.push(&CHILDREN, parent, child);
        Ok(0)
    }

    /// Makes a new allowance one of the time of `core`.
    pub(crate) fn fill_time(&self, allowance: Number<Allowance>, core: u64, grant: TimeGrant) {
        self.memory.set(allowance, allowance::SORT, sort::TIME);
        self.memory.set(allowance, allowance::FIRST, core);
        self.memory
            .set(allowance, allowance::LIMIT, u64::from(grant.priority));
        self.memory
            .set(allowance, allowance::UNLIMITED, u64::from(grant.unlimited));
        self.memory.set(allowance, allowance::COUNT, grant.share);
        self.memory.set(allowance, allowance::SHARE, grant.share);
    }

    /// Takes an allowance of time that goes out of the one it was split off, with its share.
    fn leave_parent(&self, child: Number<Allowance>) {
        let parent: Number<Allowance> = self.memory.link(child, allowance::PARENT);
        if parent.is_none() {
            return;
        }
        self.remove(&CHILDREN, parent, child);
        let left = self.memory.get(parent, allowance::COUNT);
        let share = self.memory.get(child, allowance::SHARE);
        self.memory
            .set(parent, allowance::COUNT, left.wrapping_add(share));
        self.memory.set(child, allowance::PARENT, 0);
    }

    /// Something that was made from a dying allowance, which goes next: a context or an allowance.
    pub(crate) fn next_dependent(&self, allowance: Number<Allowance>) -> Option<(Kind, u64)> {
        let context = self.memory.get(allowance, allowance::CONTEXTS);
        if context != 0 {
            return Some((Kind::SchedulingContext, context));
        }
        let child = self.memory.get(allowance, allowance::CHILDREN);
        (child != 0).then_some((Kind::Allowance, child))
    }

    /// Makes a new allowance one of `count` numbers from `first`.
    pub(crate) fn fill_allowance(
        &self,
        allowance: Number<Allowance>,
        sort: u64,
        first: u64,
        count: u64,
    ) {
        self.memory.set(allowance, allowance::SORT, sort);
        self.memory.set(allowance, allowance::FIRST, first);
        self.memory.set(allowance, allowance::COUNT, count);
        self.memory
            .set(allowance, allowance::LIMIT, first.wrapping_add(count));
        self.memory
            .set_link(self.machine(), tables_of(sort).first.at(first), allowance);
    }

    /// No allowance begins any more where the dying `allowance` did; one of time gives its share back.
    pub(crate) fn unlink_allowance(&self, allowance: Number<Allowance>) {
        let sort = self.memory.get(allowance, allowance::SORT);
        if sort == sort::TIME {
            self.leave_parent(allowance);
            return;
        }
        let first = self.memory.get(allowance, allowance::FIRST);
        self.memory
            .set(self.machine(), tables_of(sort).first.at(first), 0);
    }

    /// `allowance_merge`.
    ///
    /// # Errors
    ///
    /// Those of the allowance's handle (right `WRITE`); `BadArgument` if it is one of time,
    /// `OutOfRange` unless 1 to [`MERGE_NUMBERS`] numbers are asked for, and no more than it lacks,
    /// `InUse` if one is in use or an allowance begins at it.
    pub fn allowance_merge(&self, allowance: u64, count: u64) -> Answer {
        let allowance = self.find_seldom::<Allowance>(allowance, Rights::WRITE)?;
        let sort = self.memory.get(allowance, allowance::SORT);
        if sort == sort::TIME {
            return Err(Error::BadArgument);
        }
        let first = self.memory.get(allowance, allowance::FIRST);
        let limit = self.memory.get(allowance, allowance::LIMIT);
        let end = first.wrapping_add(self.memory.get(allowance, allowance::COUNT));
        if count == 0 || count > end.wrapping_sub(limit).min(MERGE_NUMBERS) {
            return Err(Error::OutOfRange);
        }
        let tables = tables_of(sort);
        for index in self.memory.at_most::<MERGE_NUMBERS>(0..count) {
            let number = limit.wrapping_add(index);
            let user = self.memory.get(self.machine(), tables.users.at(number));
            let begins = self.memory.get(self.machine(), tables.first.at(number));
            if user | begins != 0 {
                return Err(Error::InUse);
            }
        }
        self.memory
            .set(allowance, allowance::LIMIT, limit.wrapping_add(count));
        Ok(0)
    }

    /// Finds the allowance of one sort that `handle` names.
    ///
    /// # Errors
    ///
    /// Those of the handle (right `WRITE`); `BadArgument` if it is of another sort.
    pub(crate) fn find_allowance(
        &self,
        handle: u64,
        sort: u64,
    ) -> Result<Number<Allowance>, Error> {
        let allowance = self.find_seldom::<Allowance>(handle, Rights::WRITE)?;
        if self.memory.get(allowance, allowance::SORT) == sort {
            Ok(allowance)
        } else {
            Err(Error::BadArgument)
        }
    }

    /// Checks that an interrupt line is the allowance's own and unused.
    pub(crate) fn check_number(
        &self,
        allowance: Number<Allowance>,
        number: u64,
    ) -> Result<(), Error> {
        let is_own = number >= self.memory.get(allowance, allowance::FIRST)
            && number < self.memory.get(allowance, allowance::LIMIT);
        if !is_own {
            return Err(Error::OutOfRange);
        }
        let user = self.memory.get(self.machine(), machine::IRQS.at(number));
        if user == 0 {
            Ok(())
        } else {
            Err(Error::Exhausted)
        }
    }

    /// Finds an ASID of the allowance that nobody uses.
    ///
    /// # Errors
    ///
    /// `Exhausted`.
    pub(crate) fn find_asid(&self, allowance: Number<Allowance>) -> Result<u64, Error> {
        let first = self.memory.get(allowance, allowance::FIRST);
        let limit = self.memory.get(allowance, allowance::LIMIT);
        self.first_number(sort::ASID, first, limit, Use::Unused)
            .ok_or(Error::Exhausted)
    }

    /// Finds the first number of `[first, limit)` in the wanted state.
    fn first_number(&self, sort: u64, first: u64, limit: u64, wanted: Use) -> Option<u64> {
        let used = tables_of(sort).used;
        for word in self.memory.at_most::<BITMAP_WORDS>(0..BITMAP_WORDS) {
            let base = word.wrapping_mul(64);
            let bits = self.memory.get(self.machine(), used.at(word));
            let bits = match wanted {
                Use::Taken => bits,
                Use::Unused => !bits,
            };
            let below_limit = ones_below(limit.saturating_sub(base));
            let from_first = !ones_below(first.saturating_sub(base));
            let found = bits & below_limit & from_first;
            if found != 0 {
                return Some(base.wrapping_add(u64::from(found.trailing_zeros())));
            }
        }
        None
    }

    /// The object `user` uses `number` from now on.
    pub(crate) fn take_number(&self, sort: u64, number: u64, user: u64) {
        self.set_user(sort, number, user);
    }

    /// Nobody uses `number` any more.
    pub(crate) fn give_number_back(&self, sort: u64, number: u64) {
        self.set_user(sort, number, 0);
    }

    fn set_user(&self, sort: u64, number: u64, user: u64) {
        let tables = tables_of(sort);
        let machine = self.machine();
        let number = number % machine::LINES;
        self.memory.set(machine, tables.users.at(number), user);
        let word = tables.used.at(number / 64);
        let bit = 1 << (number % 64);
        let used = self.memory.get(machine, word);
        self.memory.set(
            machine,
            word,
            if user == 0 { used & !bit } else { used | bit },
        );
    }
}

/// What is looked for in a range of numbers.
#[derive(Clone, Copy)]
enum Use {
    Taken,
    Unused,
}

/// The lowest `count` bits; all from 64 on.
const fn ones_below(count: u64) -> u64 {
    if count >= 64 {
        !0
    } else {
        (1_u64 << count).wrapping_sub(1)
    }
}
