//! One state for all that differ in nothing that matters.
//!
//! After every transition the state is brought into a normal form by writing to it, and the
//! exploration goes on from there: the states that are visited are real ones. What is written:
//!
//! - *dead fields* (the table in the kernel's README) get a value that would be noticed if anything
//!   read them;
//! - *registers of whoever runs user code* get fixed values: user code may have put them there;
//! - *identities* are renamed: a living object's follows from its place, and a capability whose
//!   object is gone has one that no object ever gets;
//! - *time* is set back to the start if nothing but the end of a slice depends on it;
//! - *counters for people* (`UNHELPED`) are zero.

use ipc_abi::capability::Kind;
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Context, Core, Frame, FrameKind, ID_WORD, LIGHT, Number, Thread, UNITS_PER_FRAME, context,
    core_state, entry, machine, sending, state, thread, wait,
};

use crate::arena::{Arena, CORE, MACHINE, Place, START, UNIT_WORDS, to_index};

/// What dead fields hold: no number of anything.
const DEAD: u64 = 0xDEAD;
/// The identity of capabilities whose object is gone.
const GONE: u64 = 1 << 40;
/// The next identity, in normal form.
const NEXT_ID: u64 = GONE + 1;
/// When the timer fires if it is off.
const OFF: u64 = !0;

/// So many registers of whoever runs user code, from `x0` on, get a fixed value.
const USER_REGISTERS: usize = 19;

/// What a normal form has to take care of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Care {
    /// Objects are made or destroyed: identities are renamed.
    pub identities: bool,
    /// Deadlines and budgets matter: time is kept as it is.
    pub time: bool,
    /// Registers of stopped threads can be read.
    pub registers: bool,
}

/// Every object of a pool, living or dying: `visit(kind byte, number)`.
fn for_each_object(arena: &Arena, mut visit: impl FnMut(u8, u64)) {
    for frame in arena.frames() {
        let kind = arena.kind(frame);
        if !is_pool(kind) {
            continue;
        }
        let mut used = arena.entry(frame, entry::ID);
        while used != 0 {
            visit(
                kind,
                frame.0 * UNITS_PER_FRAME + u64::from(used.trailing_zeros()),
            );
            used &= used - 1;
        }
    }
}

/// Whether frames of this kind hold objects in places of their own.
const fn is_pool(kind: u8) -> bool {
    kind >= FrameKind::Region as u8 && kind <= FrameKind::Irq as u8 && kind != FrameKind::User as u8
}

/// Whether nothing is different from what it was at `mark`, in a normal form, but registers of the
/// thread that runs, which get fixed values: then the normal form is that of `mark`.
#[must_use]
pub fn is_as_before(arena: &Arena, mark: usize, care: Care) -> bool {
    let view = &arena;
    let core: Number<Core> = Number::from_raw(CORE);
    let current: Number<Thread> = view.link(core, core_state::CURRENT);
    if current.is_none() || care.registers && view.get(current, thread::STATE) != state::LIVE {
        return false;
    }
    let first = to_index(current.into_raw() % UNITS_PER_FRAME) * UNIT_WORDS;
    let mut is_same = true;
    arena.changes(mark, |index, _| {
        is_same &= match arena.place(index) {
            Place::Word { frame, word } => {
                frame == current.frame() && word >= first && is_fixed(word - first)
            }
            Place::Entry { .. } | Place::Kind(_) | Place::Now => false,
        };
    });
    is_same
}

/// Whether a word of a thread that runs user code gets a fixed value.
fn is_fixed(word: usize) -> bool {
    let registers = thread::X.word()..thread::X.word() + USER_REGISTERS;
    let others = [
        thread::X.word() + 20,
        thread::PSTATE.word(),
        thread::WINDOW.word(),
    ];
    registers.contains(&word) || others.contains(&word)
}

/// Brings the state of `arena` into its normal form.
pub fn normalise(arena: &Arena, care: Care) {
    let view = &arena;
    normalise_core(arena);
    let core: Number<Core> = Number::from_raw(CORE);
    let current: Number<Thread> = view.link(core, core_state::CURRENT);
    let used: Number<Context> = view.link(core, core_state::CONTEXT);
    for_each_object(arena, |kind, number| {
        if kind == Kind::Thread as u8 {
            let thread = Number::from_raw(number);
            normalise_registers(arena, thread, thread == current, care);
            normalise_thread(arena, thread, thread == current);
        } else if kind == Kind::SchedulingContext as u8 && number == used.into_raw() {
            view.set(used, context::RUNNING, DEAD);
        }
    });
    if care.identities {
        rename(arena);
    }
    if !care.time {
        set_back(arena);
    }
}

fn normalise_core(arena: &Arena) {
    let view = &arena;
    let core: Number<Core> = Number::from_raw(CORE);
    for index in 0..core_state::EFFECTS_MAX * 4 {
        view.set(core, core_state::EFFECTS.at(index), 0);
    }
    for index in 0..core_state::WOKEN_MAX {
        view.set(core, core_state::WOKEN.at(index), 0);
    }
    view.set(core, core_state::UNHELPED, 0);
    if view.get(core, core_state::SLICE) == 0 {
        view.set(core, core_state::SLICE_CONTEXT, 0);
    }
    if view.get(core, core_state::BILLED) == 0 {
        view.set(core, core_state::STARTED, 0);
    }
    let timed = view.get(core, core_state::TIMED);
    for band in (0..8).filter(|band| timed & 1 << band == 0) {
        view.set(core, core_state::WHEEL_BASE.at(band), DEAD);
    }
}

fn normalise_thread(arena: &Arena, thread: Number<Thread>, is_current: bool) {
    let view = &arena;
    let reason = view.get(thread, thread::WAIT) & wait::REASON;
    let is_dead = matches!(reason, wait::REPLY | wait::SLOW_REPLY | wait::RECEIVE) || is_current;
    let kill = |field| view.set(thread, field, DEAD);
    if is_dead {
        kill(thread::CONTEXT);
    }
    let has_fault = view.get(thread, thread::SENDING) == sending::FAULT;
    if reason != wait::SEND {
        kill(thread::BADGE);
        view.set(thread, thread::BAND, 6);
        if !has_fault {
            view.set(thread, thread::SENDING, sending::ONE_WAY);
        }
    }
    if reason == 0 {
        kill(thread::SENT_THROUGH);
        kill(thread::WINDOW);
    }
    if !has_fault {
        for index in 0..3 {
            kill(thread::FAULT.at(index));
        }
    }
}

fn normalise_registers(arena: &Arena, thread: Number<Thread>, is_current: bool, care: Care) {
    let view = &arena;
    let reason = view.get(thread, thread::WAIT) & wait::REASON;
    let is_live = view.get(thread, thread::STATE) == state::LIVE;
    let is_light = view.get(thread, thread::PSTATE) == LIGHT;
    let kill = |index| view.set(thread, thread::X.at(index), DEAD);
    // Where a deadline was last; the thread's own since then.
    kill(20);
    match reason {
        0 if is_live || !care.registers => {
            for index in 0..USER_REGISTERS as u64 {
                kill(index);
            }
            if is_current || !is_light {
                view.set(thread, thread::PSTATE, 0);
            }
        }
        wait::NOTIFICATION if is_light => {
            kill(0);
            for index in 2..19 {
                kill(index);
            }
        }
        wait::REPLY | wait::SAVED | wait::RECEIVE | wait::NOTIFICATION => {
            for index in 0..19 {
                kill(index);
            }
            view.set(thread, thread::PSTATE, 0);
        }
        _ if is_light => {
            for index in (2..16).chain(17..19) {
                kill(index);
            }
        }
        _ => {}
    }
}

/// The identity of a living object at a place, in normal form: below [`GONE`], and none is that of another.
const fn identity_of(number: u64) -> u64 {
    number
}

/// Gives every living object the identity of its place, and capabilities that of their object.
fn rename(arena: &Arena) {
    let view = &arena;
    let renamed = |kind: u8, number: u64, id: u64| {
        let frame = Frame(number / UNITS_PER_FRAME);
        let holds = if view.kind(frame) != kind {
            0
        } else if kind == Kind::Frame as u8 {
            view.entry(frame, entry::ID)
        } else {
            view.load(number, ID_WORD)
        };
        if holds == id {
            identity_of(number)
        } else {
            GONE
        }
    };
    for frame in arena.frames() {
        if view.kind(frame) != FrameKind::Slots as u8 {
            continue;
        }
        let (slots, _) = arena.frame(frame).as_chunks::<2>();
        for (slot, [id, word]) in slots.iter().enumerate() {
            if word.get() == 0 {
                continue;
            }
            let kind = u8::try_from(word.get() >> 48 & 0xFF).expect("a byte");
            let id = renamed(kind, word.get() >> 6 & ((1 << 40) - 1), id.get());
            view.store(frame.0 * UNITS_PER_FRAME, slot * 2, id);
        }
    }
    for_each_object(arena, |kind, number| {
        let handler = if kind == Kind::Thread as u8 {
            thread::HANDLER.word()
        } else if kind == Kind::SchedulingContext as u8 {
            context::HANDLER.word()
        } else {
            return;
        };
        let gate = view.load(number, handler);
        if gate != 0 {
            let id = renamed(Kind::Gate as u8, gate, view.load(number, handler + 1));
            view.store(number, handler + 1, id);
        }
    });
    rename_objects(arena);
    view.set(Number::from_raw(MACHINE), machine::NEXT_ID, NEXT_ID);
}

fn rename_objects(arena: &Arena) {
    let view = &arena;
    for_each_object(arena, |_, number| {
        if view.load(number, ID_WORD) != 0 {
            view.store(number, ID_WORD, identity_of(number));
        }
    });
    for frame in arena.frames() {
        let is_user = view.kind(frame) == FrameKind::User as u8;
        let is_dying = view.entry(frame, entry::SPACE) & pecan_core::object::user::DYING != 0;
        if is_user && !is_dying {
            let id = identity_of(frame.0 * UNITS_PER_FRAME);
            view.set_entry(frame, entry::ID, id);
        }
    }
}

/// Sets the time back to the start, and with it the end of the slice and the timer.
fn set_back(arena: &Arena) {
    let view = &arena;
    let core: Number<Core> = Number::from_raw(CORE);
    let passed = view.now() - START;
    if passed == 0 {
        return;
    }
    let slice = view.get(core, core_state::SLICE);
    if slice != 0 {
        view.set(core, core_state::SLICE, slice - passed);
    }
    let armed = view.get(core, core_state::ARMED);
    if armed != OFF {
        view.set(core, core_state::ARMED, armed - passed);
    }
    arena.set_now(START);
}
