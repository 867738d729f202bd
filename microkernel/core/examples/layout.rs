//! Prints the layout of the kernel's objects as JSON, for tools that do not speak Rust.
//!
//! `verification/` reads it, so that no proof repeats an offset or a number.

use ipc_abi::call::{CacheOperation, PlatformCount, PlatformOperation, SystemCall, Window};
use ipc_abi::capability::{FrameMode, Kind, Rights, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use ipc_abi::fault::{self, FaultReply, FaultWord};
use ipc_abi::tag::{MessageKind, Tag};
use ipc_abi::time::{BUDGET_TICKS_MIN, NEVER, PERIOD_TICKS_MAX};
use pecan_core::kernel::Effect;
use pecan_core::object::{
    self, Allowance, CapTable, Context, Core, Endpoint, Entry, Field, Frame, FrameKind, Gate, Irq,
    Layout, Machine, Notification, PageTable, Platform, Record, Region, Reply, Slots, Space,
    Thread, Timed, allowance, context, core_state, endpoint, entry, flag, gate, irq, machine,
    notification, pending, platform, record, region, reply, sending, sort, space, special, state,
    table, thread, timed, user, wait,
};
use pecan_core::{allowance as allowances, help, ipc, large, region as regions};

/// Names and numbers of constants of one module.
macro_rules! constants {
    ($prefix:literal, $module:ident: $($name:ident),+) => {
        vec![$((concat!($prefix, stringify!($name)), $module::$name),)+]
    };
}

/// Names and fields of one module.
macro_rules! fields {
    ($module:ident: $($name:ident),+) => {
        vec![$((stringify!($name), $module::$name),)+]
    };
}

/// Names and numbers of an enum's variants.
macro_rules! variants {
    ($prefix:literal, $type:ident: $($name:ident),+) => {
        vec![$((concat!($prefix, stringify!($name)), $type::$name as u64),)+]
    };
}

type Rows = Vec<(&'static str, u64)>;

fn main() {
    println!("{{");
    print_numbers("constants", &constants());
    print_numbers("kinds", &kinds());
    print_numbers("frame_kinds", &frame_kinds());
    print_numbers("rights", &rights());
    print_numbers("errors", &errors());
    print_numbers("effects", &effects());
    println!(
        "  \"objects\": {{\n{}\n  }}\n}}",
        [authorities(), processes(), messages(), machines()]
            .concat()
            .join(",\n")
    );
}

fn constants() -> Rows {
    let mut rows = vec![
        ("OBJECT_UNIT_BYTES", object::OBJECT_UNIT_BYTES),
        ("NUMBER_BITS", u64::from(object::NUMBER_BITS)),
        ("UNITS_PER_FRAME", object::UNITS_PER_FRAME),
        ("CHUNKS_MAX", table::CHUNKS_MAX),
        ("CHUNK_SLOTS", table::CHUNK_SLOTS),
        ("EFFECTS_MAX", core_state::EFFECTS_MAX),
        ("LINES", machine::LINES),
        ("FREE_STEPS", regions::FREE_STEPS),
        ("MERGE_NUMBERS", allowances::MERGE_NUMBERS),
        ("LARGE_FRAMES", large::LARGE_FRAMES),
        ("LARGE_BYTES", large::LARGE_BYTES),
        ("REPLY_MARK", object::REPLY_MARK),
        ("EXTRA_MARK", object::EXTRA_MARK),
        ("DEBUG_MARK", object::DEBUG_MARK),
        ("LIGHT", object::LIGHT),
        ("BANDS", object::BANDS),
        ("PRIORITIES", object::PRIORITIES),
        ("REFILLS_MAX", context::REFILLS_MAX),
        ("RECEIVE_TRIES", ipc::RECEIVE_TRIES),
        ("HELP_LIMIT", help::HELP_LIMIT),
        ("WINDOW_LIMIT", Window::LIMIT),
        ("NEVER", NEVER),
        ("BUDGET_TICKS_MIN", BUDGET_TICKS_MIN),
        ("PERIOD_TICKS_MAX", PERIOD_TICKS_MAX),
        ("PROGRAM_STATE", fault::PROGRAM_STATE),
        ("FAULT_REGISTERS", fault::FAULT_REGISTERS),
    ];
    rows.extend(tags());
    rows.extend(constants!("sort.", sort: TIME, IRQ, ASID));
    rows.extend(constants!("pending.", pending: WORK, TIME, TIMER));
    rows.extend(constants!("user.", user: CODE, DEVICE, DYING, LARGE, GIVEN, STEPS));
    rows.extend(constants!("state.", state: NEW, LIVE, STOPPED));
    rows.extend(constants!("sending.", sending: CALL, ONE_WAY, FAULT));
    rows.extend(constants!("flag.", flag: FLOATING, FOREIGN, STEPPING, WATCHED, DEBUG));
    rows.extend(constants!("thread_flag.", thread_flag: ALL));
    rows.extend(constants!("special.", special:
        SIGNALLED, CALLER_GONE, OWN_TIME, DEADLINE, FOREIGN, DEBUG));
    rows.extend(constants!("wait.", wait:
        REASON, REPLY, SLOW_REPLY, SAVED, SEND, RECEIVE, NOTIFICATION, SLEEP, SAVED_FAULT));
    rows.extend(variants!("ThreadState.", ThreadState:
        New, Ready, Calling, Sending, Receiving, Waiting, Faulted, Stopped));
    rows.extend(variants!("FrameMode.", FrameMode: Data, Code));
    rows.extend(variants!("CacheOperation.", CacheOperation: Clean, CleanInvalidate));
    rows.extend(variants!("PlatformOperation.", PlatformOperation: PowerOff, Reset));
    rows.extend(variants!("PlatformCount.", PlatformCount: Unhelped));
    rows.extend(variants!("SystemCall.", SystemCall:
        Call, ReplyReceive, Receive, Send, TryCall, TrySend, TryReceive, Reply, ReplyTo, Wait,
        TryWait, CallUntil, ReceiveUntil, WaitUntil, MapRange, UnmapRange, ProtectRange));
    rows.extend(variants!("FaultReply.", FaultReply:
        Retry, ContinueAt, Stop, Skip, Step, Rewrite));
    rows.extend(variants!("FaultWord.", FaultWord:
        ProgramCounter, StackPointer, LinkRegister, Register0, Flags));
    rows
}

/// Bits of tags, and those of each kind of message.
fn tags() -> Rows {
    let of = |kind| Tag::default().with_kind(kind).into_raw();
    vec![
        ("tag.NONE", Tag::default().into_raw()),
        ("tag.LONG", Tag::LONG),
        ("tag.SLOW_BITS", Tag::SLOW_BITS),
        ("tag.KERNEL_BITS", Tag::KERNEL_BITS),
        ("tag.BUFFER_BYTES", Tag::BUFFER_BYTES as u64),
        ("tag.REGISTER_BYTES", Tag::REGISTER_BYTES as u64),
        ("tag.ONE_WAY", of(MessageKind::OneWay)),
        ("tag.SIGNAL", of(MessageKind::Signal)),
        ("tag.FAULT", of(MessageKind::Fault)),
        ("tag.REFUSAL", of(MessageKind::Refusal)),
    ]
}

fn kinds() -> Rows {
    Kind::ALL
        .iter()
        .map(|kind| (kind.name(), *kind as u64))
        .collect()
}

fn errors() -> Rows {
    Error::ALL
        .iter()
        .map(|error| (error.name(), error.into_raw()))
        .collect()
}

fn frame_kinds() -> Rows {
    variants!("", FrameKind:
        Free, Region, Allowance, Platform, User, AddressSpace, CapTable, Thread, SchedulingContext,
        Endpoint, Gate, Notification, Reply, Irq, Slots, PageTable, Shadow, Records, Pool, Kernel,
        Absent, LargeTail, LargeHead, Quarantined)
}

fn rights() -> Rows {
    [
        ("SEND", Rights::SEND),
        ("SIGNAL", Rights::SIGNAL),
        ("GRANT", Rights::GRANT),
        ("GRANT_REPLY", Rights::GRANT_REPLY),
        ("READ", Rights::READ),
        ("RECEIVE", Rights::RECEIVE),
        ("WRITE", Rights::WRITE),
        ("MAKE_GATE", Rights::MAKE_GATE),
        ("DESTROY", Rights::DESTROY),
    ]
    .map(|(name, rights)| (name, u64::from(rights.into_raw())))
    .to_vec()
}

/// The first word of each effect.
fn effects() -> Rows {
    let frame = Frame(0);
    let (asid, address, bytes, line, when) = (0, 0, 0, 0, 0);
    [
        ("InvalidatePage", Effect::InvalidatePage { asid, address }),
        ("InvalidateSpace", Effect::InvalidateSpace { asid }),
        ("ZeroFrame", Effect::ZeroFrame { frame }),
        ("SynchronizeCode", Effect::SynchronizeCode { frame }),
        ("Clean", Effect::Clean { address, bytes }),
        (
            "CleanInvalidate",
            Effect::CleanInvalidate { address, bytes },
        ),
        ("MaskLine", Effect::MaskLine { line }),
        ("UnmaskLine", Effect::UnmaskLine { line }),
        ("EndLine", Effect::EndLine { line }),
        ("SetTimer", Effect::SetTimer { when }),
        ("PowerOff", Effect::PowerOff),
        ("Reset", Effect::Reset),
    ]
    .map(|(name, effect)| {
        let [code, ..] = effect.into_words();
        (name, code)
    })
    .to_vec()
}

fn authorities() -> Vec<String> {
    vec![
        format_object::<Region>(
            "Region",
            fields!(region:
            ID, BASE, FRAMES, LIMIT, DEVICE, DRAIN_NEXT, HIGH),
        ),
        format_object::<Allowance>(
            "Allowance",
            fields!(allowance:
            ID, SORT, FIRST, COUNT, LIMIT, DRAIN_NEXT, CONTEXTS, UNLIMITED, PARENT, NEXT, PREV,
            CHILDREN, SHARE),
        ),
        format_object::<Platform>("Platform", fields!(platform: ID)),
        format_object::<CapTable>(
            "CapTable",
            fields!(table:
            ID, CHUNKS, THREADS, DRAIN_NEXT, CHUNK),
        ),
        format_object::<Slots>("Slots", Vec::new()),
    ]
}

fn processes() -> Vec<String> {
    vec![
        format_object::<Thread>(
            "Thread",
            fields!(thread:
            ID, LINK, CORE, SLOTS, MASK, CALLER, WAIT, NEXT, SPECIAL, PC, SP, ROOT, POINTER,
            WINDOW, PREV, PSTATE, TABLE, TABLE_NEXT, TABLE_PREV, SPACE, SPACE_NEXT, SPACE_PREV,
            CONTEXT, OWN_CONTEXT, TIMER, X, HANDLER, HANDLER_ID, BUFFER, BOUND, GATE, GATE_NEXT,
            GATE_PREV, STATE, SENDING, BADGE, SENT_THROUGH, BAND, REPLY, REPLIES, FAULT,
            DRAIN_NEXT, FLAGS, BREAKPOINT, WATCHPOINT, VECTOR, FLOATING_CONTROL, FLOATING_STATUS),
        ),
        format_object::<Context>(
            "SchedulingContext",
            fields!(context:
            ID, OWNER, RUNNING, PRIORITY, BUDGET, NEXT, PREV, QUEUED, DRAIN_NEXT, CORE, PERIOD,
            SHARE, ALLOWANCE, ALLOWANCE_NEXT, ALLOWANCE_PREV, HANDLER, HANDLER_ID, REFILL_FIRST,
            REFILL_COUNT, USED, TIMER, REFILLS),
        ),
        format_object::<Timed>("Timed", fields!(timed: NEXT, PREV, WHEN, SLOT)),
        format_object::<Space>(
            "AddressSpace",
            fields!(space:
            ID, ASID, ROOT, THREADS, POOL, RECORDS, FULL, POOL_COUNT, DRAIN_NEXT, CURSOR,
            OLD_ROOT),
        ),
        format_object::<Record>(
            "Records",
            fields!(record:
            SPACE, ADDRESS, FRAME, NEXT, PREV, FRAME_PREV),
        ),
        format_object::<PageTable>("PageTable", Vec::new()),
    ]
}

fn messages() -> Vec<String> {
    vec![
        format_object::<Endpoint>(
            "Endpoint",
            fields!(endpoint:
            ID, WAITING, GATES, DRAIN_NEXT, SERVERS, TAKEN, DYING_SERVERS, BAND_HEAD, BAND_TAIL),
        ),
        format_object::<Gate>(
            "Gate",
            fields!(gate:
            ID, BADGE, ENDPOINT, NOTIFICATION, NEXT, PREV, CALLERS, DRAIN_NEXT),
        ),
        format_object::<Notification>(
            "Notification",
            fields!(notification:
            ID, BITS, WAITER, BOUND, GATES, IRQS, DRAIN_NEXT),
        ),
        format_object::<Reply>(
            "Reply",
            fields!(reply:
            ID, CALLER, SERVER, NEXT, PREV, DRAIN_NEXT, STALE),
        ),
        format_object::<Irq>(
            "Irq",
            fields!(irq:
            ID, LINE, NOTIFICATION, BITS, NEXT, PREV, PENDING, DRAIN_NEXT),
        ),
    ]
}

fn machines() -> Vec<String> {
    vec![
        format_object::<Core>(
            "Core",
            fields!(core_state:
            CURRENT, PENDING, CONTEXT, INDEX, EFFECT_COUNT, DRAIN, MACHINE, SLICE, READY,
            DRAIN_TAIL, EXTRA, FLOATING_OWNER, BREAKPOINTS, WATCHPOINTS, EFFECTS, HELPER, ARMED,
            SLICE_CONTEXT, BILLED, STARTED, TIMED, CALM, UNHELPED, SLICE_TICKS, WOKEN,
            WOKEN_COUNT, AHEAD, WHEEL_MAP, WHEEL_BASE, WHEEL_OPEN, QUEUE_HEAD, QUEUE_TAIL, WHEEL),
        ),
        format_object::<Machine>(
            "Machine",
            fields!(machine:
            NEXT_ID, NULL_ENDPOINT, NULL_ROOT, NULL_SLOTS, LINES_USED, ASIDS_USED, IRQS, ASIDS,
            IRQ_FIRST, ASID_FIRST),
        ),
        format_object::<Entry>("Entry", fields!(entry: ID, SPACE, ADDRESS, RECORDS)),
    ]
}

fn print_numbers(name: &str, rows: &[(&str, u64)]) {
    let rows: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    println!("  \"{name}\": {{{}}},", rows.join(", "));
}

fn format_object<O: Layout>(name: &str, fields: Vec<(&str, Field<O>)>) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, field)| format!("\"{name}\": {}", field.word()))
        .collect();
    let (words, fields) = (O::WORDS, fields.join(", "));
    format!("    \"{name}\": {{\"words\": {words}, \"fields\": {{{fields}}}}}")
}
