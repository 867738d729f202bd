//! Contexts and the core: who runs, who is next, who pays.

use alloc::vec::Vec;

use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{self as object, Number, context, core_state, machine, timed};
use pecan_specification::state::{Context, Machine, Running, Slice, State};

use super::{Name, Projection, some};

impl<M: Memory> Projection<M> {
    pub(super) fn context(&self, name: Name) -> Context {
        let context = Number::<object::Context>::from_raw(name);
        let get = |field| self.memory.get(context, field);
        let timed = Number::<object::Timed>::from_raw(name);
        let mut refills = Vec::new();
        for index in 0..get(context::REFILL_COUNT).min(context::REFILLS_MAX) {
            let place = get(context::REFILL_FIRST).wrapping_add(index) & (context::REFILLS_MAX - 1);
            let word = |at: u64| get(context::REFILLS.at(place.wrapping_mul(2).wrapping_add(at)));
            refills.push((word(0), word(1)));
        }
        Context {
            id: self.identity(name),
            core: get(context::CORE),
            priority: get(context::PRIORITY),
            budget: get(context::BUDGET),
            period: get(context::PERIOD),
            refills,
            is_refilling: self.memory.get(timed, timed::SLOT) != 0,
            used: get(context::USED),
            share: get(context::SHARE),
            allowance: some(get(context::ALLOWANCE)),
            handler: some(get(context::HANDLER)).map(|gate| (gate, get(context::HANDLER_ID))),
        }
    }

    /// Brings what the core knows up to date.
    pub fn core(&self, state: &mut State) {
        let core = self.core_number();
        let get = |field| self.memory.get(core, field);
        state.running = some(get(core_state::CURRENT)).map(|thread| Running {
            thread,
            context: get(core_state::CONTEXT),
            helper: some(get(core_state::HELPER)),
        });
        state.ready.clear();
        self.ready(&mut state.ready);
        state.woken.clear();
        for index in 0..get(core_state::WOKEN_COUNT) {
            state.woken.push(get(core_state::WOKEN.at(index)));
        }
        state.slice = some(get(core_state::SLICE)).map(|end| Slice {
            context: some(get(core_state::SLICE_CONTEXT)),
            end,
        });
        state.billed =
            some(get(core_state::BILLED)).map(|billed| (billed, get(core_state::STARTED)));
        state.unhelped = get(core_state::UNHELPED);
        let machine: Number<object::Machine> = self.memory.link(core, core_state::MACHINE);
        state.next_id = self.memory.get(machine, machine::NEXT_ID);
        state.now = self.memory.now();
        state.machine = Machine {
            breakpoints: get(core_state::BREAKPOINTS),
            watchpoints: get(core_state::WATCHPOINTS),
            slice_ticks: get(core_state::SLICE_TICKS),
        };
    }

    /// The contexts that want the core, in the order in which they get it.
    fn ready(&self, all: &mut Vec<Name>) {
        let core = self.core_number();
        let ahead = self.memory.get(core, core_state::AHEAD);
        let mut left = some(ahead).map(|name| {
            let priority = self.memory.get(Number::from_raw(name), context::PRIORITY);
            (name, priority)
        });
        for word in (0..4_u64).rev() {
            let mut bits = self.memory.get(core, core_state::READY.at(word));
            while bits != 0 {
                let bit = 63_u64.wrapping_sub(u64::from(bits.leading_zeros()));
                bits &= !(1 << bit);
                let priority = word.wrapping_mul(64).wrapping_add(bit);
                if let Some((name, _)) = left.take_if(|(_, of_ahead)| *of_ahead >= priority) {
                    all.push(name);
                }
                let head = self.memory.link(core, core_state::QUEUE_HEAD.at(priority));
                all.extend(self.list(head, context::NEXT));
            }
        }
        all.extend(left.map(|(name, _)| name));
    }
}
