//! Joins the assembly to the numbers of `pecan_core` and `ipc_abi`: every offset that `entry.s` and
//! what follows it, `table.s` and `start.s` use is computed here from the one place where it is written.

use core::arch::global_asm;

use ipc_abi::call::{SYSTEM_CALL_COUNT, SystemCall};
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::fault::FaultReply;
use pecan_core::object::{
    Core, DEBUG_MARK, EXTRA_MARK, LIGHT, Layout, Machine, NUMBER_BITS, core_state, endpoint, flag,
    gate, sending, special, thread, wait,
};

use crate::control::{
    EARLY_PMCR, EARLY_SCTLR, FLOATING_ON, FLOATING_TRAPS, MAIR, MMU_OFF_SCTLR, TRANSLATION_CONTROL,
};
use crate::exception::{FLOATING_CLASS, SVC_SYNDROME, USER_PSTATE};
use crate::layout::{DIRECT_MAP, IMAGE_OFFSET, KINDS};
use crate::translation::{Access, TABLE_BYTES, TABLES, block};

/// Bytes of a core's stack.
const STACK_BYTES: usize = 16 * 1024;
/// Bytes of the stack on which an epitaph is written.
const EPITAPH_STACK_BYTES: usize = 4 * 4096;

/// Whether this is the checking build that [`crate::ghost`] describes.
const GHOST: usize = cfg!(feature = "ghost") as usize;

/// What a capability's kind and lowest right must be for the fast path of `call`.
const GATE_TO_SEND: usize = Kind::Gate as usize | (Rights::SEND.into_raw() as usize) << 8;
/// The bit of a slot's second word that is the right to receive.
const RECEIVE_BIT: usize = 56 + Rights::RECEIVE.into_raw().trailing_zeros() as usize;

// `entry.s` loads and stores neighbours in pairs and counts on these numbers.
const _: () = {
    assert!(Rights::SEND.into_raw() == 1, "the lowest right");
    assert!(
        thread::CORE.word() == thread::LINK.word() + 1,
        "loaded with LINK"
    );
    assert!(
        thread::MASK.word() == thread::SLOTS.word() + 1,
        "loaded with SLOTS"
    );
    assert!(
        thread::WAIT.word() == thread::CALLER.word() + 1,
        "stored with CALLER"
    );
    assert!(
        thread::SPECIAL.word() == thread::NEXT.word() + 1,
        "loaded with NEXT"
    );
    assert!(thread::SP.word() == thread::PC.word() + 1, "stored with PC");
    assert!(
        thread::POINTER.word() == thread::ROOT.word() + 1,
        "loaded with ROOT"
    );
    assert!(
        thread::WINDOW.word() == thread::POINTER.word() + 1,
        "stored with POINTER"
    );
    assert!(
        thread::PREV.word() == thread::WINDOW.word() + 1,
        "stored with WINDOW"
    );
    assert!(gate::BADGE.word() == gate::ID.word() + 1, "loaded with ID");
    assert!(
        endpoint::WAITING.word() == endpoint::ID.word() + 1,
        "loaded with ID"
    );
    assert!(
        thread::FLOATING_CONTROL.word() == thread::VECTOR.word() + 64,
        "behind the vectors"
    );
    assert!(
        thread::FLOATING_STATUS.word() == thread::VECTOR.word() + 65,
        "behind the vectors"
    );
    assert!(
        EXTRA_MARK >= 1 << (NUMBER_BITS + 18),
        "falls off an address"
    );
    assert!(
        FaultReply::Retry as usize == 0 && sending::CALL == 0,
        "zeros"
    );
    assert!(core_state::CURRENT.word() == 0, "at the end of the stack");
    assert!(core_state::PENDING.word() == 1, "loaded with CURRENT");
    assert!(wait::RECEIVE.trailing_zeros() >= 48, "set by one movk");
    assert!(
        endpoint::TAKEN.word() == endpoint::SERVERS.word() + 1,
        "stored with SERVERS"
    );
};

global_asm!(
    include_str!("entry.s"),
    include_str!("floating.s"),
    include_str!("fast.s"),
    include_str!("slow.s"),
    GHOST = const GHOST,
    X = const thread::X.offset(),
    LINK = const thread::LINK.offset(),
    SLOTS = const thread::SLOTS.offset(),
    CALLER = const thread::CALLER.offset(),
    WAIT = const thread::WAIT.offset(),
    NEXT = const thread::NEXT.offset(),
    SPECIAL = const thread::SPECIAL.offset(),
    PC = const thread::PC.offset(),
    ROOT = const thread::ROOT.offset(),
    POINTER = const thread::POINTER.offset(),
    WINDOW = const thread::WINDOW.offset(),
    PREV = const thread::PREV.offset(),
    SENDING = const thread::SENDING.offset(),
    FAULT_NOT_REPLY = const wait::SLOW_REPLY ^ wait::REPLY,
    CONTINUE_AT = const FaultReply::ContinueAt as usize,
    PSTATE = const thread::PSTATE.offset(),
    SENT_THROUGH = const thread::SENT_THROUGH.offset(),
    GATE_ID = const gate::ID.offset(),
    GATE_ENDPOINT = const gate::ENDPOINT.offset(),
    ENDPOINT_ID = const endpoint::ID.offset(),
    SERVERS = const endpoint::SERVERS.offset(),
    CURRENT = const core_state::CURRENT.offset(),
    EXTRA = const core_state::EXTRA.offset(),
    FLOATING_OWNER = const core_state::FLOATING_OWNER.offset(),
    FLAGS = const thread::FLAGS.offset(),
    VECTOR = const thread::VECTOR.offset(),
    EXTRA_BIT = const EXTRA_MARK.trailing_zeros(),
    DEBUG_BIT = const DEBUG_MARK.trailing_zeros(),
    FLOATING_BIT = const flag::FLOATING.trailing_zeros(),
    FOREIGN_BIT = const special::FOREIGN.trailing_zeros(),
    FLOATING_CLASS = const FLOATING_CLASS,
    FLOATING_TRAPS = const FLOATING_TRAPS,
    FLOATING_ON = const FLOATING_ON,
    NUMBER_BITS = const NUMBER_BITS,
    FRAME_BITS = const NUMBER_BITS - 6,
    DIRECT_MAP = const DIRECT_MAP,
    KINDS = const KINDS,
    GATE = const Kind::Gate as usize,
    GATE_TO_SEND = const GATE_TO_SEND,
    ENDPOINT = const Kind::Endpoint as usize,
    RECEIVE_BIT = const RECEIVE_BIT,
    WAIT_RECEIVE = const wait::RECEIVE >> 48,
    SVC_SYNDROME = const SVC_SYNDROME,
    WAIT_CALL = const SystemCall::Wait as usize,
    LIGHT = const LIGHT,
    CALL = const SystemCall::Call as usize,
    REPLY_RECEIVE = const SystemCall::ReplyReceive as usize,
    NULL = const SystemCall::Null as usize,
    LAST_CALL = const SYSTEM_CALL_COUNT - 1,
    USER_PSTATE_LOW = const USER_PSTATE & 0xFFFF,
    USER_PSTATE_HIGH = const USER_PSTATE >> 16,
);

global_asm!(
    include_str!("table.s"),
    FIRST_FUNCTION = const SystemCall::Signal as usize,
    LAST_CALL = const SYSTEM_CALL_COUNT - 1,
);

global_asm!(
    include_str!("start.s"),
    GHOST = const GHOST,
    TEXT_OFFSET = const IMAGE_OFFSET,
    EL2 = const 2 << 2,
    HCR_RW = const 1_u64 << 31,
    SCTLR_OFF = const MMU_OFF_SCTLR,
    SCTLR_EARLY = const EARLY_SCTLR,
    SPSR_EL1H = const 0x3C5, // D, A, I, F masked; EL1 with its own stack pointer
    PMCR_START = const EARLY_PMCR,
    MAIR = const MAIR,
    TCR = const TRANSLATION_CONTROL,
    PA_RANGE_48 = const 5,
    DIRECT_MAP = const DIRECT_MAP,
    EARLY_MEMORY = const block(1 << 30, Access::EarlyMemory),
    EARLY_DEVICES = const block(0, Access::Device),
    STACK_BYTES = const STACK_BYTES,
    EPITAPH_STACK_BYTES = const EPITAPH_STACK_BYTES,
    CORE_BYTES = const Core::WORDS * 8,
    MACHINE_BYTES = const Machine::WORDS * 8,
    TABLES_BYTES = const TABLES * TABLE_BYTES,
);
