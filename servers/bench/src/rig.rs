//! The rig: everything that measurements need and that is made once.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, Kind};
use ipc_abi::debug::thread_flag;
use ipc_abi::message::Message;
use ipc_abi::service::bench::{BenchError, Grant};
use ipc_abi::service::bench_partner::{BALL_BIT, STOP_BIT};
use ipc_abi::startup::SlotRange;
use ipc_abi::tag::Tag;
use userlib::ring::Ring;
use userlib::{Environment, Gate, Stack, start_thread, syscall};

use crate::crowd::Crowd;
use crate::interrupt::{Source, await_interrupts};
use crate::mapping::make_range;
use crate::partner::{Partner, check};
use crate::workbench::{Signalling, Workbench, refused};
use crate::worker::{Handles, serve_floating, serve_pages, work};

/// The priority of the worker and of the partner: they take turns only if it is the same.
/// `system.toml` gives the partner its priority.
pub const YIELD_PRIORITY: u8 = 110;

/// Where frames are mapped to measure it: nothing else of the process is ever there. The page after
/// it stays mapped, so that the page tables do.
pub const MAP_ADDRESS: u64 = 0x70_0000_0000;

/// Where ranges are mapped: all pages of the table after that one.
pub const RANGE_ADDRESS: u64 = MAP_ADDRESS + 0x20_0000;

/// Frames that page tables and mapping records at [`MAP_ADDRESS`] take.
const TABLE_FRAMES: usize = 8;
/// Bytes of the worker's stack.
const WORKER_STACK_BYTES: usize = 16 * 1024;

/// What the bench program was granted.
#[derive(Debug)]
pub struct Grants {
    /// Its capability table.
    pub table: u32,
    /// Empty slots in it.
    pub slots: SlotRange,
    /// A region of memory.
    pub memory: Option<u32>,
    /// An allowance of time.
    pub time: Option<u32>,
    /// Its own address space.
    pub space: Option<u32>,
    /// The gate to its partner.
    pub partner: Option<Gate>,
    /// A ring with its partner, until the rig has it.
    pub ring: Option<Ring>,
    /// A device whose line it can raise, until the rig has it.
    pub source: Option<Source>,
}

impl Grants {
    /// Reads what the process was given.
    #[must_use]
    pub fn read(environment: &mut Environment) -> Grants {
        let source = Source::take(environment);
        let handle = |name, kind| environment.handle(name, kind).ok();
        Grants {
            table: environment.table(),
            slots: environment.startup().slots,
            memory: handle("memory", Kind::Region),
            time: handle("time", Kind::Allowance),
            space: handle("space", Kind::AddressSpace),
            partner: environment.gate("bench-partner").ok(),
            ring: Ring::take(environment, "bench-partner").ok(),
            source,
        }
    }
}

/// What measurements need.
#[derive(Debug)]
pub struct Rig {
    /// The partner, in its own space.
    pub partner: Partner,
    /// The process's own space.
    pub space: u32,
    /// A notification for which nobody waits.
    pub idle: Signalling,
    /// What the partner waits for in a game of ping-pong.
    pub ping: Signalling,
    /// A gate that ends the game.
    pub stop: u32,
    /// What the bench program waits for in a game of ping-pong.
    pub pong: Signalling,
    /// The gate to the worker, in the process's own space.
    pub worker: u32,
    /// The gate to a worker that uses floating point, as its partner does.
    pub floating: u32,
    /// The gate to a worker whose fault handler maps pages.
    pub paging: u32,
    /// A frame that can be mapped at [`MAP_ADDRESS`].
    pub frame: u32,
    /// The first of 512 frames, in handles one after the other, that can be mapped at
    /// [`RANGE_ADDRESS`].
    pub range: u32,
    /// A ring with the partner.
    pub ring: Option<Ring>,
    /// A line whose interrupts a thread of its own waits for.
    pub source: Option<Source>,
    /// What the figures that must not grow use up.
    pub crowd: Crowd,
}

impl Rig {
    /// Makes it all, and takes the device.
    ///
    /// # Errors
    ///
    /// `NotGranted`, `OutOfMemory`, `OutOfSlots`, `Refused`.
    pub fn build(grants: &mut Grants) -> Result<Rig, BenchError> {
        let memory = grants.memory.ok_or(BenchError::NotGranted(Grant::Memory))?;
        let time = grants.time.ok_or(BenchError::NotGranted(Grant::Time))?;
        let space = grants.space.ok_or(BenchError::NotGranted(Grant::Space))?;
        let partner = grants
            .partner
            .ok_or(BenchError::NotGranted(Grant::Partner))?;
        let mut workbench = Workbench::new(grants.table, grants.slots, memory)?;
        let authority = Authority {
            space,
            time,
            partner: partner.handle(),
        };
        let ping = workbench.create_notification(BALL_BIT)?;
        let frame = prepare_mapping(&mut workbench, space)?;
        let source = grants.source.take();
        if let Some(source) = &source {
            start_waiting(&mut workbench, authority, source)?;
        }
        Ok(Rig {
            partner: Partner::new(partner),
            space,
            idle: workbench.create_notification(BALL_BIT)?,
            ping,
            stop: workbench.create_gate(ping.notification, STOP_BIT)?,
            pong: workbench.create_notification(BALL_BIT)?,
            worker: start_worker(&mut workbench, authority, (work, 0))?,
            floating: start_floating(&mut workbench, authority)?,
            paging: start_paging(&mut workbench, authority, frame)?,
            frame,
            range: make_range(&mut workbench)?,
            ring: grants.ring.take(),
            source,
            crowd: Crowd::new(workbench, space, time)?,
        })
    }
}

/// What a worker needs.
#[derive(Clone, Copy, Debug)]
struct Authority {
    space: u32,
    time: u32,
    partner: u32,
}

/// Starts a worker that uses floating point, and its partner, which does as well.
fn start_floating(workbench: &mut Workbench, authority: Authority) -> Result<u32, BenchError> {
    let server = (serve_floating as fn(u64) -> !, thread_flag::FLOATING);
    let partner = start_worker(workbench, authority, server)?;
    let authority = Authority {
        partner,
        ..authority
    };
    start_worker(workbench, authority, (work, thread_flag::FLOATING))
}

/// Starts a worker and its fault handler, which maps `frame`.
fn start_paging(
    workbench: &mut Workbench,
    authority: Authority,
    frame: u32,
) -> Result<u32, BenchError> {
    let partner = start_worker(workbench, authority, (serve_pages, 0))?;
    let mut message = Message {
        tag: Tag::new(0, 16),
        ..Message::default()
    };
    let [space_word, frame_word, ..] = &mut message.words;
    (*space_word, *frame_word) = (u64::from(authority.space), u64::from(frame));
    check(syscall::call(partner, message))?;
    let authority = Authority {
        partner,
        ..authority
    };
    start_worker(workbench, authority, (work, 0))
}

/// Starts a worker's thread, in `entry` and with flags; tells the handle of the gate to it.
fn start_worker(
    workbench: &mut Workbench,
    authority: Authority,
    (entry, flags): (fn(u64) -> !, u64),
) -> Result<u32, BenchError> {
    let partner = authority.partner;
    let endpoint = workbench.create(SystemCall::CreateEndpoint, syscall::create_endpoint)?;
    let gate = workbench.create_gate(endpoint, 0)?;
    let thread = make_thread(workbench, authority)?;
    syscall::thread_set_handler(thread, partner).map_err(refused(SystemCall::ThreadSetHandler))?;
    syscall::thread_configure(thread, flags).map_err(refused(SystemCall::ThreadConfigure))?;
    start(thread, entry, Handles { endpoint, partner }.into_raw())?;
    Ok(gate)
}

/// Starts the thread that waits for the interrupts of `source`.
fn start_waiting(
    workbench: &mut Workbench,
    authority: Authority,
    source: &Source,
) -> Result<(), BenchError> {
    let thread = make_thread(workbench, authority)?;
    start(thread, await_interrupts, u64::from(source.notification()))
}

/// Makes a thread of [`YIELD_PRIORITY`] in this process's space; tells its handle.
fn make_thread(
    workbench: &mut Workbench,
    Authority { space, time, .. }: Authority,
) -> Result<u32, BenchError> {
    let table = workbench.table();
    let thread = workbench.create(SystemCall::CreateThread, |region, object, place| {
        syscall::create_thread(region, object, place, table, space)
    })?;
    let context = workbench.create(SystemCall::CreateContext, |region, object, place| {
        syscall::create_context(region, object, place, time, YIELD_PRIORITY)
    })?;
    syscall::thread_set_context(thread, context).map_err(refused(SystemCall::ThreadSetContext))?;
    Ok(thread)
}

fn start(thread: u32, entry: fn(u64) -> !, argument: u64) -> Result<(), BenchError> {
    let stack = Stack::<WORKER_STACK_BYTES>::new();
    start_thread(thread, stack, 0, (entry, argument)).map_err(refused(SystemCall::ThreadStart))
}

/// Maps a page beside [`MAP_ADDRESS`], so that its tables exist; tells the handle of a frame to be
/// mapped there.
fn prepare_mapping(workbench: &mut Workbench, space: u32) -> Result<u32, BenchError> {
    for _ in 0..TABLE_FRAMES {
        let frame = workbench.take_frame()?;
        syscall::space_donate(space, workbench.region(), frame)
            .map_err(refused(SystemCall::SpaceDonate))?;
    }
    let neighbour = workbench.create(SystemCall::CreateFrame, syscall::create_frame)?;
    let address = MAP_ADDRESS + ipc_abi::boot::PAGE_BYTES;
    syscall::map(space, neighbour, address, Access::READ_WRITE)
        .map_err(refused(SystemCall::Map))?;
    workbench.create(SystemCall::CreateFrame, syscall::create_frame)
}
