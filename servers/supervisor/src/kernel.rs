//! What the supervisor asks of the kernel: a trait, so that everything else runs on the host.

use core::fmt::{self, Display};

use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::{Access, Description, Kind, Rights, ThreadState};
use ipc_abi::error::Error;

/// A handle of the supervisor's own table.
pub type Handle = u32;

/// The kernel refused a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which.
    pub call: SystemCall,
    /// Why.
    pub error: Error,
}

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.call.name(), self.error.name())
    }
}

/// An object that the supervisor creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Memory, or the registers of a device.
    Frame,
    /// An address space with an ASID of `asids` and the frame `root` for its first table.
    Space {
        /// An allowance of ASIDs.
        asids: Handle,
        /// A frame.
        root: u64,
    },
    /// A capability table with the frame `slots` for its first slots.
    Table {
        /// A frame.
        slots: u64,
    },
    /// A thread.
    Thread {
        /// Its capability table.
        table: Handle,
        /// Its address space.
        space: Handle,
    },
    /// A scheduling context.
    Context {
        /// An allowance of time.
        time: Handle,
        /// Its priority.
        priority: u8,
    },
    /// An endpoint.
    Endpoint,
    /// A gate.
    Gate {
        /// An endpoint or a notification.
        target: Handle,
        /// The badge, or the bits.
        badge: u64,
    },
    /// A notification.
    Notification,
    /// A reply object.
    Reply,
    /// An interrupt.
    Irq {
        /// An allowance of lines.
        lines: Handle,
        /// Which line.
        line: u32,
    },
    /// An allowance split off another.
    Allowance {
        /// The other.
        from: Handle,
        /// How many numbers, or of time a `TimeGrant`.
        count: u64,
    },
}

impl Object {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Object::Frame => Kind::Frame,
            Object::Space { .. } => Kind::AddressSpace,
            Object::Table { .. } => Kind::CapTable,
            Object::Thread { .. } => Kind::Thread,
            Object::Context { .. } => Kind::SchedulingContext,
            Object::Endpoint => Kind::Endpoint,
            Object::Gate { .. } => Kind::Gate,
            Object::Notification => Kind::Notification,
            Object::Reply => Kind::Reply,
            Object::Irq { .. } => Kind::Irq,
            Object::Allowance { .. } => Kind::Allowance,
        }
    }

    /// Bytes that it takes, which it is also aligned to (`ABI.md`, "Capabilities").
    #[must_use]
    pub const fn bytes(self) -> u64 {
        match self {
            Object::Frame => PAGE_BYTES,
            Object::Thread { .. } => 2048,
            Object::Table { .. } => 1024,
            Object::Endpoint => 512,
            Object::Context { .. } => 512,
            Object::Space { .. } | Object::Notification | Object::Allowance { .. } => 128,
            Object::Gate { .. } | Object::Reply | Object::Irq { .. } => 64,
        }
    }
}

/// The system calls that the supervisor makes, in its own table and with
/// [`ipc_abi::boot::FirstHandle`].
pub trait Kernel {
    /// Creates `object` at the object number `number` of `region`, into the slot `slot`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses; so for all methods.
    fn create(
        &mut self,
        region: Handle,
        number: u64,
        slot: Handle,
        object: Object,
    ) -> Result<(), Refused>;

    /// Creates a frame of memory as [`Kernel::create`] and copies at most a page of `bytes` into it.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn create_filled(&mut self, number: u64, slot: Handle, bytes: &[u8]) -> Result<(), Refused>;

    /// Copies bytes of a frame of memory from `offset` on into `buffer`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn read_frame(
        &mut self,
        frame: Handle,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), Refused>;

    /// Splits the last `frames` frames off the memory of [`ipc_abi::boot::FirstHandle::Memory`].
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn split_memory(&mut self, frames: u64, slot: Handle) -> Result<(), Refused>;

    /// `region_merge`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn merge_region(&mut self, region: Handle, frames: u64) -> Result<(), Refused>;

    /// `allowance_merge`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn merge_allowance(&mut self, allowance: Handle, count: u64) -> Result<(), Refused>;

    /// The first frame of a region, and how many it has of its own.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn inspect_region(&mut self, region: Handle) -> Result<(u64, u64), Refused>;

    /// `frame_inspect`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn frame_address(&mut self, frame: Handle) -> Result<u64, Refused>;

    /// One step of `reclaim`.
    ///
    /// # Errors
    ///
    /// `Again`, or as the kernel refuses.
    fn reclaim(&mut self, region: Handle, frame: u64) -> Result<(), Refused>;

    /// `capability_copy`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn copy(&mut self, handle: Handle, place: Place, rights: Rights) -> Result<(), Refused>;

    /// Empties a slot of the supervisor's own table.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn delete(&mut self, slot: Handle) -> Result<(), Refused>;

    /// `capability_inspect`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn inspect(&mut self, place: Place) -> Result<Description, Refused>;

    /// `space_donate`, of a frame of memory.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn donate(&mut self, space: Handle, frame: u64) -> Result<(), Refused>;

    /// `map`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn map(
        &mut self,
        space: Handle,
        frame: Handle,
        address: u64,
        access: Access,
    ) -> Result<(), Refused>;

    /// Makes a frame one of code.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn set_code(&mut self, frame: Handle) -> Result<(), Refused>;

    /// Adds 256 slots to the supervisor's own table, in a frame of memory.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn extend_table(&mut self, frame: u64) -> Result<(), Refused>;

    /// Gives a new thread its context, its message buffer and its fault handler, each by handle.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn equip_thread(&mut self, thread: Handle, parts: ThreadParts) -> Result<(), Refused>;

    /// `thread_start`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn start_thread(&mut self, thread: Handle, start: ThreadStart) -> Result<(), Refused>;

    /// `destroy` of a thread.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn destroy_thread(&mut self, thread: Handle) -> Result<(), Refused>;

    /// `thread_inspect`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn inspect_thread(&mut self, thread: Handle) -> Result<ThreadState, Refused>;

    /// `irq_bind`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn bind_irq(&mut self, irq: Handle, notification: Handle, bits: u64) -> Result<(), Refused>;

    /// `signal`.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn signal(&mut self, gate: Handle) -> Result<(), Refused>;

    /// Takes the signals that wait at a notification.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn drop_signals(&mut self, notification: Handle) -> Result<(), Refused>;

    /// Switches the machine off.
    ///
    /// # Errors
    ///
    /// As the kernel refuses.
    fn power_off(&mut self) -> Result<(), Refused>;

    /// The counter.
    fn now_ticks(&mut self) -> u64;
}

/// What a thread gets before it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadParts {
    /// Its scheduling context.
    pub context: Handle,
    /// Its message buffer.
    pub buffer: Handle,
    /// The gate of its faults.
    pub handler: Handle,
    /// The notification whose signals it receives.
    pub notification: Option<Handle>,
}

/// How a thread starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadStart {
    /// Where.
    pub entry: u64,
    /// The end of its stack.
    pub stack: u64,
    /// Its first argument.
    pub argument: u64,
    /// How often its process was started before: what callers learn when it dies.
    pub incarnation: u32,
}
