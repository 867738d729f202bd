//! Random scenarios: a state of the kernel, the registers of the thread that makes a system call, and
//! what the fast path is expected to do.
//!
//! A state is *sound*: it satisfies the invariants that the fast path rests on (`check.rs` of
//! `pecan-core`), with everything that they leave open chosen at random, words that nobody should read
//! included. Half of the scenarios are then changed in one place, or two, so that a condition of the
//! fast path does not hold.

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};
use ipc_abi::capability::{Kind, Rights};
use pecan_core::object::{
    CORES_MAX, Core, EXTRA_MARK, Endpoint, Field, FrameKind, Gate, LIGHT, Layout, NUMBER_BITS,
    REPLY_MARK, Slots, Thread, UNITS_PER_FRAME, core_state, endpoint, gate, notification, sending,
    special, state, thread, wait,
};

use crate::machine::{CPACR, ELR, ESR, Registers, SP_EL0, SPSR, TPIDR_EL0, TPIDR_EL1, TTBR0};
use crate::random::Random;
use crate::spoil::{Spoil, spoil};
use crate::store::{DIRECT_MAP, Store};

/// `ESR_EL1` of a `svc`: its class, and that it is one instruction of 32 bits.
pub(crate) const SVC: u64 = 0x15 << 26 | 1 << 25;
/// The first system call that has no fast path.
const FIRST_OTHER: u64 = SystemCall::ReplyReceive as u64 + 1;
const THREAD_UNITS: u64 = Thread::WORDS as u64 / 8;
const ENDPOINT_UNITS: u64 = Endpoint::WORDS as u64 / 8;
/// Frames of stack below the core's object.
const STACK_FRAMES: u64 = 1;
/// Frames of the machine: real ones have their memory in the lower of them.
const FRAMES: u64 = 1 << 34;

/// What the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `call`.
    Call,
    /// `reply_receive`, to a caller.
    Reply,
    /// `reply_receive`, to a thread that faulted.
    Fault,
    /// Another system call, or another exception: nothing that a fast path is for.
    Other,
}

/// The objects of a scenario, by number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cast {
    pub(crate) core: u64,
    /// The index of the core.
    pub(crate) index: u64,
    /// The thread that makes the system call.
    pub(crate) current: u64,
    /// The server that waits, or who is answered.
    pub(crate) partner: u64,
    /// Who waits behind the server, or who waits already; 0 if nobody does.
    pub(crate) neighbor: u64,
    pub(crate) endpoint: u64,
    pub(crate) gate: u64,
    pub(crate) slots: u64,
    /// Bound to the current thread, perhaps; without signals.
    pub(crate) notification: u64,
}

/// A scenario; its memory is in a [`Store`].
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) route: Route,
    pub(crate) cast: Cast,
    /// The registers of the user, at the vector.
    pub(crate) registers: Registers,
    /// What was changed; nothing if the fast path applies.
    pub(crate) spoils: Vec<Spoil>,
}

impl Scenario {
    /// Whether the fast path has to be taken.
    pub(crate) fn applies(&self) -> bool {
        self.spoils.is_empty() && self.route != Route::Other
    }
}

/// Makes the scenario of a seed in `store`.
pub(crate) fn make(seed: u64, store: &mut Store) -> Scenario {
    let mut random = Random::new(seed);
    let route = random.pick(&[
        Route::Call,
        Route::Call,
        Route::Call,
        Route::Reply,
        Route::Reply,
        Route::Reply,
        Route::Fault,
        Route::Fault,
        Route::Other,
    ]);
    store.clear();
    let cast = place_objects(&mut random, store);
    let registers = random_registers(&mut random);
    let mut scenario = Scenario {
        route,
        cast,
        registers,
        spoils: Vec::new(),
    };
    let mut maker = Maker {
        random,
        store,
        scenario: &mut scenario,
    };
    maker.fill();
    maker.threads();
    maker.core();
    match route {
        Route::Call => maker.call(),
        Route::Reply => maker.reply(),
        Route::Fault => maker.fault(),
        Route::Other => maker.reply(),
    }
    maker.enter();
    if route != Route::Other && maker.random.once_in(2) {
        spoil(&mut maker);
    }
    scenario
}

fn place_objects(random: &mut Random, store: &mut Store) -> Cast {
    let mut frame = |store: &mut Store, count: u64, kind: FrameKind| loop {
        let memory = 0x4_0000 + random.below(1 << 22);
        let anywhere = random.below(FRAMES - count);
        let first = random.pick(&[memory, memory, anywhere]);
        if first != 0 && !(first..first + count).any(|it| store.has(it)) {
            (first..first + count).for_each(|it| store.add(it, kind as u8));
            return first * UNITS_PER_FRAME;
        }
    };
    let core_frames = Core::WORDS as u64 / 512;
    let stack = frame(store, STACK_FRAMES + core_frames, FrameKind::Kernel);
    let pools = [0; 3].map(|_| frame(store, 1, FrameKind::Thread));
    let endpoints = frame(store, 1, FrameKind::Endpoint);
    let gates = frame(store, 1, FrameKind::Gate);
    let slots = frame(store, 1, FrameKind::Slots);
    let notifications = frame(store, 1, FrameKind::Notification);
    // Sometimes two threads share a frame.
    let half = random.below(2) * THREAD_UNITS;
    let partner = random.pick(&[
        pools[0] + THREAD_UNITS - half,
        pools[1],
        pools[1] + THREAD_UNITS,
    ]);
    let neighbor = random.pick(&[0, pools[2], pools[2] + THREAD_UNITS]);
    Cast {
        core: stack + STACK_FRAMES * UNITS_PER_FRAME,
        index: random.below(CORES_MAX as u64),
        current: pools[0] + half,
        partner,
        neighbor,
        endpoint: endpoints + random.below(UNITS_PER_FRAME / ENDPOINT_UNITS) * ENDPOINT_UNITS,
        gate: gates + random.below(UNITS_PER_FRAME),
        slots,
        notification: notifications + random.below(UNITS_PER_FRAME / 2) * 2,
    }
}

fn random_registers(random: &mut Random) -> Registers {
    let mut registers = Registers::zero();
    registers.x.fill_with(|| random.word());
    registers.system.fill_with(|| random.word());
    // The architecture has no more bits here.
    registers.system[CPACR] &= 0xFFFF_FFFF;
    registers.flags = u32::try_from(random.below(16)).unwrap_or(0);
    registers
}

/// Fills in a scenario.
pub(crate) struct Maker<'a> {
    pub(crate) random: Random,
    pub(crate) store: &'a mut Store,
    pub(crate) scenario: &'a mut Scenario,
}

impl Maker<'_> {
    /// Writes a field.
    pub(crate) fn set<O: Layout>(&mut self, number: u64, field: Field<O>, value: u64) {
        self.store.prepare(number, field.word(), value);
    }

    /// Reads a field.
    pub(crate) fn get<O: Layout>(&self, number: u64, field: Field<O>) -> u64 {
        self.store.field(number, field.word())
    }

    /// Random words everywhere: no path may depend on those that are not set below.
    fn fill(&mut self) {
        let mut word = self.random.word();
        for (_, _, words) in self.store.frames() {
            for place in words {
                word = word.wrapping_mul(0xD134_2543_DE82_EF95).wrapping_add(1);
                place.set(word ^ word >> 32);
            }
        }
    }

    fn threads(&mut self) {
        let cast = self.scenario.cast;
        for number in [cast.current, cast.partner, cast.neighbor] {
            if number == 0 {
                continue;
            }
            let mark = self.random.pick(&[0, 0, EXTRA_MARK]);
            self.set(number, thread::LINK, REPLY_MARK | mark | number);
            self.set(number, thread::CORE, cast.index);
            self.set(number, thread::SLOTS, cast.slots);
            self.set(number, thread::MASK, 255);
            self.set(number, thread::SPECIAL, 0);
            self.set(number, thread::WAIT, 0);
            self.set(number, thread::CALLER, 0);
            self.set(number, thread::NEXT, 0);
            self.set(number, thread::PREV, 0);
            self.set(number, thread::STATE, state::LIVE);
            let usual = self.random.below(1 << 32);
            let program_state = self.random.pick(&[LIGHT, usual]);
            self.set(number, thread::PSTATE, program_state);
        }
    }

    fn core(&mut self) {
        let cast = self.scenario.cast;
        let pending = self.random.pick(&[0, 0, 1, 2, 4, 7]);
        // The marks are those of the current thread; who it was is of no account.
        let marks = self.get(cast.current, thread::LINK) & EXTRA_MARK;
        let other = self.random.below(1 << 40);
        let number = self.random.pick(&[cast.current, cast.partner, other]);
        // Near the partner, too: every bit counts.
        let near = cast.partner ^ self.random.bit_of((1 << NUMBER_BITS) - 1);
        let owners = [0, cast.current, cast.partner, cast.partner, near];
        let owner = self.random.pick(&owners);
        let context = self.random.below(1 << 40);
        self.set(cast.core, core_state::PENDING, pending);
        self.set(cast.core, core_state::INDEX, cast.index);
        self.set(cast.core, core_state::EXTRA, REPLY_MARK | marks | number);
        self.set(cast.core, core_state::FLOATING_OWNER, owner);
        self.set(cast.core, core_state::CONTEXT, context);
        // A thread that serves on its own context has the mark OWN_TIME.
        let own = self.random.pick(&[0, context ^ 1]);
        self.set(cast.current, thread::OWN_CONTEXT, own);
    }

    /// The partner, and perhaps the neighbor, wait for a message.
    fn call(&mut self) {
        let cast = self.scenario.cast;
        let waits = wait::RECEIVE | cast.endpoint;
        self.set(cast.partner, thread::WAIT, waits);
        self.set(cast.partner, thread::NEXT, cast.neighbor);
        if cast.neighbor != 0 {
            self.set(cast.neighbor, thread::WAIT, waits);
            self.set(cast.neighbor, thread::PREV, cast.partner);
        }
        let servers = endpoint::SERVERS.at(2 * cast.index);
        self.set(cast.endpoint, servers, cast.partner);
        self.set(cast.gate, gate::ENDPOINT, cast.endpoint);
        let identity = self.get(cast.gate, gate::ID);
        self.capability(Kind::Gate, cast.gate, identity, Rights::SEND);
        // It may serve somebody itself, on whatever time.
        let others = special::SIGNALLED | special::CALLER_GONE | special::OWN_TIME;
        let special = self.random.word() & others;
        self.set(cast.current, thread::SPECIAL, special);
    }

    /// The current thread serves the partner.
    fn reply(&mut self) {
        let cast = self.scenario.cast;
        let caller = self.get(cast.partner, thread::LINK);
        self.set(cast.current, thread::CALLER, caller);
        let waits = self.get(cast.current, thread::LINK);
        self.set(cast.partner, thread::WAIT, waits);
        let servers = endpoint::SERVERS.at(2 * cast.index);
        self.set(cast.endpoint, servers, cast.neighbor);
        self.set(cast.endpoint, endpoint::WAITING, 0);
        if cast.neighbor != 0 {
            self.set(cast.neighbor, thread::WAIT, wait::RECEIVE | cast.endpoint);
        }
        let bound = self.random.pick(&[0, cast.notification]);
        self.set(cast.current, thread::BOUND, bound);
        self.set(cast.notification, notification::BITS, 0);
        let identity = self.get(cast.endpoint, endpoint::ID);
        self.capability(Kind::Endpoint, cast.endpoint, identity, Rights::RECEIVE);
    }

    /// The same, and the partner faulted.
    fn fault(&mut self) {
        self.reply();
        let cast = self.scenario.cast;
        let link = self.get(cast.current, thread::LINK) & !wait::REASON;
        self.set(cast.partner, thread::WAIT, wait::SLOW_REPLY | link);
        self.set(cast.partner, thread::SENDING, sending::FAULT);
        let program_state = self.random.below(1 << 32);
        self.set(cast.partner, thread::PSTATE, program_state);
    }

    /// Puts a capability with at least `right` where `x17` names it.
    fn capability(&mut self, kind: Kind, number: u64, identity: u64, right: Rights) {
        let slots = self.scenario.cast.slots;
        let handle = 1 + self.random.below(255);
        self.scenario.registers.x[17] = handle;
        let rights = u64::from(right.into_raw()) | self.random.below(256);
        let word = rights << 56 | (kind as u64) << 48 | number << 6;
        self.set_slot(slots, handle, identity, word);
    }

    /// Writes a slot.
    pub(crate) fn set_slot(&mut self, slots: u64, handle: u64, identity: u64, word: u64) {
        let at = usize::try_from(handle % 256 * 2).unwrap_or(0);
        self.set(slots, Field::<Slots>::new(0).at(at as u64), identity);
        self.set(slots, Field::<Slots>::new(0).at(at as u64 + 1), word);
    }

    /// What `ESR_EL1` says: which system call it is.
    fn syndrome(&mut self) -> u64 {
        match self.scenario.route {
            Route::Call => SVC | SystemCall::Call as u64,
            Route::Reply | Route::Fault => SVC | SystemCall::ReplyReceive as u64,
            Route::Other => {
                let calls = SYSTEM_CALL_COUNT as u64 - FIRST_OTHER;
                let call = SVC | (FIRST_OTHER + self.random.below(calls));
                let unknown = SVC | self.random.below(1 << 16).max(FIRST_OTHER);
                let class = self.random.bit_of(0x3F << 26) ^ SVC ^ self.random.below(2);
                self.random.pick(&[call, unknown, class])
            }
        }
    }

    /// The registers at the vector.
    fn enter(&mut self) {
        let cast = self.scenario.cast;
        let root = self.get(cast.current, thread::ROOT);
        let syndrome = self.syndrome();
        let method = self.random.below(2);
        let program_state = self.random.below(1 << 32);
        let registers = &mut self.scenario.registers;
        registers.sp = DIRECT_MAP + (cast.current << 6);
        // The low half of the tag is the sender's; of an answer to a fault, what to do.
        registers.x[16] &= 0xFFFF_FFFF;
        if self.scenario.route == Route::Fault {
            registers.x[16] = registers.x[16] & !0xFFFF | method;
        }
        registers.system[ESR] = syndrome;
        registers.system[SPSR] = program_state;
        registers.system[TPIDR_EL1] = DIRECT_MAP + (cast.core << 6);
        registers.system[TTBR0] = root;
        self.store.set_core(cast.core);
    }
}

/// The system registers that user code can see, or whose user code it is.
pub(crate) const VISIBLE: [usize; 6] = [ELR, SPSR, SP_EL0, TPIDR_EL0, TTBR0, CPACR];

const _: () = assert!(Gate::WORDS == 8 && Slots::WORDS == 512);
