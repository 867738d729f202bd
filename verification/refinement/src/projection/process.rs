//! Threads, and what they send and wait through.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use ipc_abi::capability::Kind;
use pecan_core::capability::Capability as Words;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    self as object, BANDS, LIGHT, Machine, Number, core_state, endpoint, flag, gate, machine,
    notification, reply, sending, special, state, thread, timed, wait,
};
use pecan_specification::state::{
    Deadline, Endpoint, Gate, Life, Message, Notification, Registers, Reply, Target, Thread, Wait,
};

use super::{Name, Projection, some};

/// The first numbers by which `thread_read` knows debug registers, and how many words each sort has.
const BREAKPOINTS: (u64, u64) = (128, 12);
const WATCHPOINTS: (u64, u64) = (144, 8);

impl<M: Memory> Projection<M> {
    pub(super) fn thread(&self, name: Name) -> Thread {
        let thread = Number::<object::Thread>::from_raw(name);
        let get = |field| self.memory.get(thread, field);
        let wait = self.wait(thread);
        let special = get(thread::SPECIAL);
        let flags = get(thread::FLAGS);
        let (window, sent_through) = self.declared(thread, wait);
        Thread {
            id: self.identity(name),
            life: match get(thread::STATE) {
                state::NEW => Life::New,
                state::LIVE => Life::Live,
                _ => Life::Stopped,
            },
            wait,
            deadline: (special & special::DEADLINE != 0).then(|| self.deadline(thread)),
            table: some(get(thread::TABLE)),
            space: some(get(thread::SPACE)),
            own: some(get(thread::OWN_CONTEXT)),
            context: self.held_context(thread, wait),
            is_caller_gone: special & special::CALLER_GONE != 0,
            handler: some(get(thread::HANDLER)).map(|gate| (gate, get(thread::HANDLER_ID))),
            buffer: some(get(thread::BUFFER)),
            bound: some(get(thread::BOUND)),
            window,
            sent_through,
            flags: flags & !flag::DEBUG,
            is_stepping: flags & flag::STEPPING != 0,
            debug: self.debug_registers(thread),
            registers: self.registers(thread, wait),
        }
    }

    fn wait(&self, thread: Number<object::Thread>) -> Wait {
        let get = |field| self.memory.get(thread, field);
        let number = Number::<()>::from_raw(get(thread::WAIT)).into_raw();
        let fault = || {
            let word = |index| get(thread::FAULT.at(index));
            Message::Fault(word(0), word(1), word(2))
        };
        match get(thread::WAIT) & wait::REASON {
            wait::SEND => Wait::Send {
                endpoint: number,
                gate: get(thread::GATE),
                what: match get(thread::SENDING) {
                    sending::CALL => Message::Call,
                    sending::ONE_WAY => Message::OneWay,
                    _ => fault(),
                },
                badge: get(thread::BADGE),
                band: get(thread::BAND),
            },
            wait::REPLY => Wait::Reply {
                server: number,
                what: Message::Call,
            },
            wait::SLOW_REPLY => Wait::Reply {
                server: number,
                what: fault(),
            },
            wait::SAVED => Wait::Saved {
                reply: number,
                what: Message::Call,
            },
            wait::SAVED_FAULT => Wait::Saved {
                reply: number,
                what: fault(),
            },
            wait::RECEIVE => Wait::Receive(number),
            wait::NOTIFICATION => Wait::Notification(number),
            wait::SLEEP => Wait::Sleep,
            _ => Wait::Nothing,
        }
    }

    fn deadline(&self, thread: Number<object::Thread>) -> Deadline {
        let timed = Number::<object::Timed>::from_raw(thread.into_raw());
        let mark = self.memory.get(timed, timed::SLOT).wrapping_sub(1);
        Deadline {
            when: self.memory.get(timed, timed::WHEN),
            band: mark >> 8 & (BANDS - 1),
        }
    }

    /// The context that a thread holds: dead words count for nothing.
    fn held_context(&self, thread: Number<object::Thread>, wait: Wait) -> Option<Name> {
        if thread == self.current() {
            return some(self.memory.get(self.core_number(), core_state::CONTEXT));
        }
        match wait {
            Wait::Reply { .. } | Wait::Receive(_) => None,
            Wait::Nothing
            | Wait::Send { .. }
            | Wait::Saved { .. }
            | Wait::Notification(_)
            | Wait::Sleep => some(self.memory.get(thread, thread::CONTEXT)),
        }
    }

    /// The window, and the gate through which it sends, of a thread that waits for a message.
    fn declared(
        &self,
        thread: Number<object::Thread>,
        wait: Wait,
    ) -> (u64, Option<(Name, ipc_abi::capability::Rights)>) {
        let window = self.memory.get(thread, thread::WINDOW);
        let words = Words {
            id: 0,
            word: self.memory.get(thread, thread::SENT_THROUGH),
        };
        let through = some(words.number()).map(|gate| (gate, words.rights()));
        match wait {
            Wait::Send { what, .. } | Wait::Reply { what, .. } | Wait::Saved { what, .. } => {
                match what {
                    Message::Call | Message::OneWay => (window, through),
                    Message::Fault(..) => (0, None),
                }
            }
            Wait::Receive(_) => (window, None),
            Wait::Nothing | Wait::Notification(_) | Wait::Sleep => (0, None),
        }
    }

    fn registers(&self, thread: Number<object::Thread>, wait: Wait) -> Registers {
        let get = |field| self.memory.get(thread, field);
        let mut x = [0; 31];
        let state = get(thread::PSTATE);
        let is_light = state == LIGHT;
        let is_dead = is_for_message(wait);
        for (index, word) in (0_u64..).zip(&mut x) {
            let is_zero = index < 19 && (is_dead || is_light && !matches!(index, 0 | 1 | 16));
            if !is_zero {
                *word = get(thread::X.at(index));
            }
        }
        Registers {
            x,
            sp: get(thread::SP),
            pc: get(thread::PC),
            pointer: get(thread::POINTER),
            program_state: if is_dead || is_light { 0 } else { state },
        }
    }

    fn debug_registers(&self, thread: Number<object::Thread>) -> BTreeMap<u64, u64> {
        let mut registers = BTreeMap::new();
        for ((first, count), field) in [
            (BREAKPOINTS, thread::BREAKPOINT),
            (WATCHPOINTS, thread::WATCHPOINT),
        ] {
            for index in 0..count {
                let value = self.memory.get(thread, field.at(index));
                if value != 0 {
                    registers.insert(first.wrapping_add(index), value);
                }
            }
        }
        registers
    }

    pub(super) fn endpoint(&self, name: Name) -> Endpoint {
        let endpoint = Number::<object::Endpoint>::from_raw(name);
        let id = self.identity(name);
        let head = if id.is_some() {
            endpoint::SERVERS
        } else {
            endpoint::DYING_SERVERS
        };
        let mut servers: Vec<Name> = self
            .list(self.memory.link(endpoint, head), thread::NEXT)
            .collect();
        servers.reverse();
        let mut senders = Vec::new();
        for band in (0..BANDS).rev() {
            let head = self.memory.link(endpoint, endpoint::BAND_HEAD.at(band));
            senders.extend(self.list(head, thread::NEXT));
        }
        Endpoint {
            id,
            servers,
            senders,
            taken: some(self.memory.get(endpoint, endpoint::TAKEN)),
        }
    }

    /// Whether somebody waits at an endpoint.
    fn is_awaited(&self, name: Name) -> bool {
        let endpoint = Number::<object::Endpoint>::from_raw(name);
        let get = |field| self.memory.get(endpoint, field);
        get(endpoint::WAITING) | get(endpoint::SERVERS) | get(endpoint::DYING_SERVERS) != 0
    }

    pub(super) fn gate(&self, name: Name) -> Gate {
        let gate = Number::<object::Gate>::from_raw(name);
        let endpoint = self.memory.get(gate, gate::ENDPOINT);
        let notification = self.memory.get(gate, gate::NOTIFICATION);
        let machine: Number<Machine> = self.memory.link(self.core_number(), core_state::MACHINE);
        let null = self.memory.get(machine, machine::NULL_ENDPOINT);
        let is_alive = |name| self.identity(name).is_some();
        let target = if notification != 0 && self.holds(Kind::Notification, notification) {
            if is_alive(notification) {
                Target::Notification(notification)
            } else {
                Target::Nowhere
            }
        } else if endpoint != 0
            && endpoint != null
            && self.holds(Kind::Endpoint, endpoint)
            && (is_alive(endpoint) || self.is_awaited(endpoint))
        {
            Target::Endpoint(endpoint)
        } else {
            Target::Nowhere
        };
        Gate {
            id: self.identity(name),
            badge: self.memory.get(gate, gate::BADGE),
            target,
        }
    }

    pub(super) fn notification(&self, name: Name) -> Notification {
        Notification {
            id: self.identity(name),
            bits: self.memory.get(Number::from_raw(name), notification::BITS),
        }
    }

    pub(super) fn reply(&self, name: Name) -> Reply {
        let reply = Number::<object::Reply>::from_raw(name);
        Reply {
            id: self.identity(name),
            server: some(self.memory.get(reply, reply::SERVER)),
            is_stale: self.memory.get(reply, reply::STALE) != 0,
        }
    }
}

/// Whether the message registers of a thread that waits so will be written by what it waits for.
const fn is_for_message(wait: Wait) -> bool {
    match wait {
        Wait::Reply { what, .. } | Wait::Saved { what, .. } => !matches!(what, Message::Fault(..)),
        Wait::Receive(_) | Wait::Notification(_) => true,
        Wait::Nothing | Wait::Send { .. } | Wait::Sleep => false,
    }
}
