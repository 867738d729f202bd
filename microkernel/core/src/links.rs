//! Every stored link of the kernel, and why it can be trusted.
//!
//! Identities guard capabilities; a link inside an object needs a rule of its own. `README.md` of
//! `microkernel` shows this table, a test compares the two, and [`crate::check`] walks the links
//! after every operation of the tests.

/// Why following a link is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Both ends are found from each other, and whichever goes first undoes both.
    Paired,
    /// The object that holds the link is gone before the target can go.
    Owned,
    /// The target's identity is stored beside the link and compared at each use, or the target is only
    /// believed if it says the same.
    Checked,
}

impl Class {
    /// The name of the class.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Paired => "paired",
            Class::Owned => "owned",
            Class::Checked => "checked",
        }
    }
}

/// A stored link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Kind of the object that holds it.
    pub object: &'static str,
    /// The field or fields.
    pub fields: &'static str,
    /// What it leads to.
    pub target: &'static str,
    /// Why it can be trusted.
    pub class: Class,
    /// The other end, or the rule.
    pub rule: &'static str,
}

/// Makes a row of [`LINKS`].
const fn link(
    object: &'static str,
    fields: &'static str,
    target: &'static str,
    class: Class,
    rule: &'static str,
) -> Link {
    Link {
        object,
        fields,
        target,
        class,
        rule,
    }
}

/// Every stored link.
pub const LINKS: &[Link] = &[
    link(
        "Thread",
        "CALLER",
        "Thread",
        Class::Paired,
        "the caller's WAIT = REPLY or SLOW_REPLY",
    ),
    link(
        "Thread",
        "WAIT = REPLY, SLOW_REPLY",
        "Thread",
        Class::Paired,
        "the server's CALLER",
    ),
    link(
        "Thread",
        "WAIT = SAVED, SAVED_FAULT",
        "Reply",
        Class::Paired,
        "its CALLER",
    ),
    link(
        "Thread",
        "WAIT = SEND",
        "Endpoint",
        Class::Paired,
        "BAND_HEAD, BAND_TAIL",
    ),
    link(
        "Thread",
        "WAIT = RECEIVE",
        "Endpoint",
        Class::Paired,
        "SERVERS, or DYING_SERVERS",
    ),
    link(
        "Thread",
        "WAIT = NOTIFICATION",
        "Notification",
        Class::Paired,
        "its WAITER",
    ),
    link(
        "Thread",
        "NEXT, PREV",
        "Thread",
        Class::Paired,
        "the queue that WAIT names",
    ),
    link(
        "Thread",
        "GATE, GATE_NEXT, GATE_PREV",
        "Gate",
        Class::Paired,
        "its CALLERS",
    ),
    link(
        "Thread",
        "TABLE, TABLE_NEXT, TABLE_PREV",
        "CapTable",
        Class::Paired,
        "its THREADS",
    ),
    link(
        "Thread",
        "SLOTS, MASK",
        "Slots",
        Class::Paired,
        "a copy of what TABLE has first",
    ),
    link(
        "Thread",
        "SPACE, SPACE_NEXT, SPACE_PREV",
        "AddressSpace",
        Class::Paired,
        "its THREADS",
    ),
    link(
        "Thread",
        "ROOT",
        "PageTable",
        Class::Paired,
        "a copy of what SPACE has",
    ),
    link(
        "Thread",
        "OWN_CONTEXT",
        "SchedulingContext",
        Class::Paired,
        "its OWNER",
    ),
    link(
        "Thread",
        "CONTEXT",
        "SchedulingContext",
        Class::Paired,
        "its RUNNING, once settled",
    ),
    link("Thread", "HANDLER", "Gate", Class::Checked, "HANDLER_ID"),
    link(
        "Thread",
        "BUFFER",
        "Frame",
        Class::Paired,
        "the frame's table entry",
    ),
    link(
        "Thread",
        "BOUND",
        "Notification",
        Class::Paired,
        "its BOUND",
    ),
    link("Thread", "REPLY", "Reply", Class::Paired, "its CALLER"),
    link("Thread", "REPLIES", "Reply", Class::Paired, "its SERVER"),
    link(
        "Thread",
        "timer NEXT, PREV",
        "Thread, SchedulingContext",
        Class::Paired,
        "the slot of the wheel that SLOT names",
    ),
    link(
        "Reply",
        "CALLER",
        "Thread",
        Class::Paired,
        "its WAIT = SAVED and REPLY",
    ),
    link(
        "Reply",
        "SERVER, NEXT, PREV",
        "Thread",
        Class::Paired,
        "its REPLIES",
    ),
    link(
        "SchedulingContext",
        "OWNER",
        "Thread",
        Class::Paired,
        "its OWN_CONTEXT",
    ),
    link(
        "SchedulingContext",
        "RUNNING",
        "Thread",
        Class::Paired,
        "its CONTEXT or OWN_CONTEXT",
    ),
    link(
        "SchedulingContext",
        "NEXT, PREV",
        "SchedulingContext",
        Class::Paired,
        "the run queue",
    ),
    link(
        "SchedulingContext",
        "timer NEXT, PREV",
        "Thread, SchedulingContext",
        Class::Paired,
        "the slot of the wheel that SLOT names",
    ),
    link(
        "SchedulingContext",
        "ALLOWANCE, ALLOWANCE_NEXT, ALLOWANCE_PREV",
        "Allowance",
        Class::Paired,
        "its CONTEXTS",
    ),
    link(
        "SchedulingContext",
        "HANDLER",
        "Gate",
        Class::Checked,
        "HANDLER_ID",
    ),
    link(
        "Allowance",
        "CONTEXTS",
        "SchedulingContext",
        Class::Paired,
        "their ALLOWANCE",
    ),
    link(
        "Allowance",
        "PARENT, NEXT, PREV",
        "Allowance",
        Class::Paired,
        "its CHILDREN",
    ),
    link(
        "Allowance",
        "CHILDREN",
        "Allowance",
        Class::Paired,
        "their PARENT",
    ),
    link(
        "Endpoint",
        "TAKEN",
        "Thread",
        Class::Checked,
        "its caller came through a gate of the endpoint",
    ),
    link(
        "Endpoint",
        "SERVERS, DYING_SERVERS",
        "Thread",
        Class::Paired,
        "their WAIT = RECEIVE",
    ),
    link(
        "Endpoint",
        "BAND_HEAD, BAND_TAIL",
        "Thread",
        Class::Paired,
        "their WAIT = SEND",
    ),
    link("Endpoint", "GATES", "Gate", Class::Paired, "their ENDPOINT"),
    link(
        "Gate",
        "ENDPOINT, NEXT, PREV",
        "Endpoint",
        Class::Paired,
        "its GATES",
    ),
    link(
        "Gate",
        "NOTIFICATION, NEXT, PREV",
        "Notification",
        Class::Paired,
        "its GATES",
    ),
    link("Gate", "CALLERS", "Thread", Class::Paired, "their GATE"),
    link(
        "Notification",
        "WAITER",
        "Thread",
        Class::Paired,
        "its WAIT = NOTIFICATION",
    ),
    link(
        "Notification",
        "BOUND",
        "Thread",
        Class::Paired,
        "its BOUND",
    ),
    link(
        "Notification",
        "GATES",
        "Gate",
        Class::Paired,
        "their NOTIFICATION",
    ),
    link(
        "Notification",
        "IRQS",
        "Irq",
        Class::Paired,
        "their NOTIFICATION",
    ),
    link(
        "Irq",
        "NOTIFICATION, NEXT, PREV",
        "Notification",
        Class::Paired,
        "its IRQS",
    ),
    link(
        "CapTable",
        "THREADS",
        "Thread",
        Class::Paired,
        "their TABLE",
    ),
    link(
        "CapTable",
        "CHUNK",
        "Slots",
        Class::Owned,
        "the frames go when the table goes",
    ),
    link(
        "AddressSpace",
        "THREADS",
        "Thread",
        Class::Paired,
        "their SPACE",
    ),
    link(
        "AddressSpace",
        "ROOT, OLD_ROOT, POOL, RECORDS, FULL",
        "tables",
        Class::Owned,
        "go with the space",
    ),
    link(
        "AddressSpace",
        "ASID",
        "Machine",
        Class::Paired,
        "its ASIDS",
    ),
    link(
        "Record",
        "SPACE, FRAME, NEXT, PREV",
        "Frame",
        Class::Paired,
        "its entry's RECORDS",
    ),
    link(
        "Frame entry",
        "SPACE, ADDRESS",
        "AddressSpace",
        Class::Paired,
        "the page's or block's descriptor",
    ),
    link(
        "Frame entry",
        "ADDRESS = a device",
        "Frame",
        Class::Checked,
        "ID, once it is in quarantine",
    ),
    link(
        "Slot",
        "word 1",
        "any object",
        Class::Checked,
        "word 0, and the frame's kind",
    ),
    link(
        "Core",
        "CURRENT",
        "Thread",
        Class::Paired,
        "a thread that goes is never current",
    ),
    link(
        "Core",
        "CONTEXT",
        "SchedulingContext",
        Class::Paired,
        "one that goes is taken away",
    ),
    link(
        "Core",
        "FLOATING_OWNER",
        "Thread",
        Class::Paired,
        "a thread that goes owns nothing",
    ),
    link(
        "Core",
        "QUEUE_HEAD, QUEUE_TAIL",
        "SchedulingContext",
        Class::Paired,
        "their QUEUED",
    ),
    link(
        "Core",
        "AHEAD",
        "SchedulingContext",
        Class::Paired,
        "its QUEUED",
    ),
    link(
        "Core",
        "DRAIN",
        "any dying object",
        Class::Owned,
        "zeroed when it leaves the list",
    ),
    link(
        "Core",
        "WHEEL",
        "Thread, SchedulingContext",
        Class::Paired,
        "their SLOT",
    ),
    link(
        "Core",
        "HELPER",
        "SchedulingContext",
        Class::Paired,
        "one that goes is taken away",
    ),
    link(
        "Core",
        "WOKEN",
        "Thread",
        Class::Checked,
        "its frame's kind",
    ),
    link(
        "Core",
        "BILLED",
        "SchedulingContext",
        Class::Paired,
        "one that goes is taken away",
    ),
    link(
        "Core",
        "SLICE_CONTEXT",
        "SchedulingContext",
        Class::Paired,
        "one that goes is taken away",
    ),
    link("Machine", "IRQS", "Irq", Class::Paired, "its LINE"),
    link(
        "Machine",
        "ASIDS",
        "AddressSpace",
        Class::Paired,
        "its ASID",
    ),
    link(
        "Machine",
        "IRQ_FIRST, ASID_FIRST",
        "Allowance",
        Class::Paired,
        "its FIRST",
    ),
];
