//! One life of a process: how it is made from the manifest, and taken apart again.
//!
//! All that a life takes is in its [`Holdings`]. Endpoints, regions and allowances are not: they
//! outlive it, and it gets copies of their capabilities.

use alloc::vec::Vec;

use ipc_abi::boot::{FirstHandle, INFO_ADDRESS, PAGE_BYTES};
use ipc_abi::call::Place;
use ipc_abi::capability::{Access, Kind, Rights};
use ipc_abi::manifest::{Badge, Call, Name, Process, Segment};
use ipc_abi::service::supervisor::{LogLevel, PERMISSION_SAY};
use ipc_abi::startup::{
    LogGrant, MemoryRange, NamedHandle, STARTUP_BYTES, SessionGrant, SlotRange, Startup,
};

use userlib::random::Seed;

use crate::crash::Memory;
use crate::grant::Grants;
use crate::kernel::{Handle, Kernel, Object};
use crate::layout;
use crate::links::Links;
use crate::store::{Holdings, MakeError, Store};
use crate::symbol::slice;

mod event;
mod thread;

/// Slots of a new table.
const TABLE_SLOTS: u32 = 256;
/// What a process may do with what is its own.
const USE: Rights = Rights::READ.union(Rights::WRITE);

/// What a life is made from.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// The number of the process.
    pub number: u8,
    /// What the manifest says about it.
    pub process: &'a Process,
    /// The package.
    pub package: &'a [u8],
    /// How many lives it had before.
    pub incarnation: u32,
    /// The supervisor's endpoint, to which its faults and its lines go.
    pub faults: Handle,
    /// The ways to and from others.
    pub links: &'a Links,
    /// What outlives it.
    pub grants: &'a Grants,
    /// What its random numbers start from.
    pub seed: Seed,
}

/// A life.
pub struct Instance {
    /// All that it takes.
    pub holdings: Holdings,
    /// Its capability table.
    pub table: Handle,
    /// Its first thread.
    pub thread: Handle,
    /// Its other threads.
    pub others: Vec<Handle>,
    readable: Vec<(u64, Handle)>,
}

impl Instance {
    /// Makes and starts a life.
    ///
    /// # Errors
    ///
    /// Why not; then all that was made was taken apart again.
    pub fn start<K: Kernel>(store: &mut Store<K>, order: Order<'_>) -> Result<Instance, MakeError> {
        let mut holdings = Holdings::default();
        match Builder::new(store, order, &mut holdings).and_then(Builder::build) {
            Ok(parts) => Ok(Instance {
                holdings,
                table: parts.table,
                thread: parts.thread,
                others: parts.others,
                readable: parts.readable,
            }),
            Err(error) => {
                store.release(holdings);
                Err(error)
            }
        }
    }

    /// Takes the life apart; tells how many frames did not come back.
    pub fn end<K: Kernel>(self, store: &mut Store<K>) -> u64 {
        for thread in core::iter::once(self.thread).chain(self.others) {
            // First of all it must not run on. Its frame is reclaimed below whatever this answers.
            let _ = store.kernel.destroy_thread(thread);
        }
        store.release(self.holdings)
    }

    /// A look into its stack, its data and its message buffer.
    pub fn memory<'a, K: Kernel>(&'a self, kernel: &'a mut K) -> InstanceMemory<'a, K> {
        InstanceMemory {
            readable: &self.readable,
            kernel,
        }
    }
}

#[cfg(test)]
impl Instance {
    /// The frame that is mapped at the page `address`, if the supervisor keeps its capability.
    pub(crate) fn frame_at(&self, address: u64) -> Option<Handle> {
        self.readable
            .iter()
            .find(|(page, _)| *page == address)
            .map(|(_, frame)| *frame)
    }
}

/// The memory of a life, as far as the supervisor can look.
pub struct InstanceMemory<'a, K> {
    readable: &'a [(u64, Handle)],
    kernel: &'a mut K,
}

impl<K: Kernel> Memory for InstanceMemory<'_, K> {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> bool {
        let mut address = address;
        let mut rest = buffer;
        while !rest.is_empty() {
            let (page, offset) = (address - address % PAGE_BYTES, address % PAGE_BYTES);
            let length = rest
                .len()
                .min(usize::try_from(PAGE_BYTES - offset).unwrap_or(0));
            let (part, after) = rest.split_at_mut(length);
            let frame = self.readable.iter().find(|(start, _)| *start == page);
            let Some((_, frame)) = frame else {
                return false;
            };
            let offset = usize::try_from(offset).unwrap_or(0);
            if self.kernel.read_frame(*frame, offset, part).is_err() {
                return false;
            }
            address = address.wrapping_add(length as u64);
            rest = after;
        }
        true
    }
}

/// What a builder leaves beside the holdings.
struct Parts {
    table: Handle,
    thread: Handle,
    others: Vec<Handle>,
    readable: Vec<(u64, Handle)>,
}

struct Builder<'a, K> {
    store: &'a mut Store<K>,
    order: Order<'a>,
    holdings: &'a mut Holdings,
    table: Handle,
    space: Handle,
    next_slot: u32,
    readable: Vec<(u64, Handle)>,
    startup: Startup,
}

impl<'a, K: Kernel> Builder<'a, K> {
    fn new(
        store: &'a mut Store<K>,
        order: Order<'a>,
        holdings: &'a mut Holdings,
    ) -> Result<Builder<'a, K>, MakeError> {
        let slots = store.take_frame(holdings)?;
        let table = store.make(holdings, Object::Table { slots })?;
        let root = store.take_frame(holdings)?;
        let asids = FirstHandle::Asids as Handle;
        let space = store.make(holdings, Object::Space { asids, root })?;
        let startup = Startup {
            name: order.process.name.clone(),
            incarnation: order.incarnation,
            message_buffer: layout::BUFFER,
            seed: order.seed,
            ..Startup::default()
        };
        let readable = Vec::new();
        Ok(Builder {
            store,
            order,
            holdings,
            table,
            space,
            next_slot: 1,
            readable,
            startup,
        })
    }

    fn build(mut self) -> Result<Parts, MakeError> {
        let process = self.order.process;
        self.startup.table = self.grant(self.table, USE)?;
        for segment in &process.program.segments {
            self.load_segment(segment)?;
        }
        self.map_heap(process.heap_pages)?;
        self.map_stack(layout::STACK_TOP, process.stack_pages)?;
        let buffer = self.make_page(layout::BUFFER, &[], Access::READ_WRITE)?;
        self.readable.push((layout::BUFFER, buffer));
        self.map(FirstHandle::Info as Handle, INFO_ADDRESS, Access::READ)?;
        let notification = self.give_notification()?;
        if let Some(notification) = notification {
            self.give_devices(notification)?;
        }
        self.give_rings()?;
        let first = self.make_first_thread(buffer, notification)?;
        self.give_services()?;
        self.give_authority(first.handle, first.parts.context)?;
        let others = self.make_threads()?;
        self.write_startup()?;
        for thread in core::iter::once(&first).chain(&others) {
            self.start_thread(thread)?;
        }
        Ok(Parts {
            table: self.table,
            thread: first.handle,
            others: others.iter().map(|thread| thread.handle).collect(),
            readable: self.readable,
        })
    }

    fn map(&mut self, frame: Handle, address: u64, access: Access) -> Result<(), MakeError> {
        self.store
            .map(self.holdings, self.space, frame, (address, access))
    }

    /// Makes and maps a page that starts with `bytes`; its capability stays in the slot.
    fn make_page(
        &mut self,
        address: u64,
        bytes: &[u8],
        access: Access,
    ) -> Result<Handle, MakeError> {
        let slot = self.store.make_filled(self.holdings, bytes)?;
        if access.is_executable() {
            self.store.kernel.set_code(slot)?;
        }
        self.map(slot, address, access)?;
        Ok(slot)
    }

    /// Makes and maps a page of which the supervisor keeps no capability.
    fn make_private_page(
        &mut self,
        address: u64,
        bytes: &[u8],
        access: Access,
    ) -> Result<(), MakeError> {
        let slot = self.make_page(address, bytes, access)?;
        self.store.drop_slot(self.holdings, slot)
    }

    fn load_segment(&mut self, segment: &Segment) -> Result<(), MakeError> {
        let access = Access::from_raw(u64::from(segment.access)).ok_or(MakeError::BadPackage)?;
        let length = u64::from(segment.file_pages) * PAGE_BYTES;
        let bytes = slice(self.order.package, segment.offset, length);
        let bytes = bytes.ok_or(MakeError::BadPackage)?;
        let mut pages = bytes.chunks(4096);
        for page in 0..u64::from(segment.pages) {
            let address = segment.address + page * PAGE_BYTES;
            let content = pages.next().unwrap_or(&[]);
            if access.is_writable() {
                let slot = self.make_page(address, content, access)?;
                self.readable.push((address, slot));
            } else {
                self.make_private_page(address, content, access)?;
            }
        }
        Ok(())
    }

    fn map_heap(&mut self, pages: u32) -> Result<(), MakeError> {
        for page in 0..u64::from(pages) {
            let address = layout::HEAP + page * PAGE_BYTES;
            self.make_private_page(address, &[], Access::READ_WRITE)?;
        }
        let bytes = u64::from(pages) * PAGE_BYTES;
        self.startup.heap = MemoryRange {
            address: layout::HEAP,
            bytes,
        };
        Ok(())
    }

    fn map_stack(&mut self, top: u64, pages: u32) -> Result<(), MakeError> {
        for page in 1..=u64::from(pages) {
            let address = top - page * PAGE_BYTES;
            let slot = self.make_page(address, &[], Access::READ_WRITE)?;
            self.readable.push((address, slot));
        }
        Ok(())
    }

    /// Gives the endpoint where it serves, the gates to those that it may call, the objects that keep
    /// its callers waiting, and what sessions are made of.
    fn give_services(&mut self) -> Result<(), MakeError> {
        if let Some(endpoint) = self.order.links.endpoint(usize::from(self.order.number)) {
            let rights = match self.order.grants.sessions {
                Some(_) => Rights::RECEIVE.union(Rights::MAKE_GATE),
                None => Rights::RECEIVE,
            };
            self.startup.endpoint = Some(self.grant(endpoint, rights)?);
        }
        for call in &self.order.process.calls {
            self.give_gate(call)?;
        }
        if let Some(level) = self.order.process.log {
            self.give_log(level)?;
        }
        self.startup.replies.first = self.next_slot;
        for _ in 0..self.order.process.replies {
            self.give_reply()?;
            self.startup.replies.count += 1;
        }
        if let Some(region) = &self.order.grants.sessions {
            self.startup.sessions = Some(SessionGrant {
                count: self.order.process.sessions,
                region: self.grant(region.handle, USE)?,
                reply: self.give_reply()?,
            });
        }
        Ok(())
    }

    /// Gives it a reply object; tells its handle there.
    fn give_reply(&mut self) -> Result<u32, MakeError> {
        let reply = self.store.make(self.holdings, Object::Reply)?;
        let handle = self.grant(reply, USE)?;
        self.store.drop_slot(self.holdings, reply)?;
        Ok(handle)
    }

    fn give_gate(&mut self, call: &Call) -> Result<(), MakeError> {
        let endpoint = self.order.links.endpoint(usize::from(call.process));
        // A service that is dead for good has no endpoint: its clients start without the gate and
        // hear so when they look for it.
        let Some(target) = endpoint else {
            return Ok(());
        };
        let badge = Badge::new(self.order.number, call.permissions).into_raw();
        let gate = self
            .store
            .make(self.holdings, Object::Gate { target, badge })?;
        let passing = Rights::GRANT.union(Rights::GRANT_REPLY);
        let rights = if call.passes_capabilities {
            Rights::SEND.union(passing)
        } else {
            Rights::SEND
        };
        let handle = self.grant(gate, rights)?;
        self.store.drop_slot(self.holdings, gate)?;
        self.name(call.service.clone(), Kind::Gate, handle)
    }

    /// Gives the gate through which it says lines.
    fn give_log(&mut self, level: LogLevel) -> Result<(), MakeError> {
        let badge = Badge::new(self.order.number, 1 << PERMISSION_SAY).into_raw();
        let target = self.order.faults;
        let gate = self
            .store
            .make(self.holdings, Object::Gate { target, badge })?;
        let handle = self.grant(gate, Rights::SEND)?;
        self.store.drop_slot(self.holdings, gate)?;
        self.startup.log = Some(LogGrant {
            gate: handle,
            level,
        });
        Ok(())
    }

    fn give_authority(&mut self, thread: Handle, context: Handle) -> Result<(), MakeError> {
        let grants = self.order.grants;
        if let Some(region) = &grants.memory {
            self.give_named("memory", Kind::Region, region.handle)?;
        }
        if let Some(time) = grants.time {
            self.give_named("time", Kind::Allowance, time)?;
        }
        if let Some(asids) = grants.asids {
            self.give_named("asids", Kind::Allowance, asids)?;
        }
        if let Some(irqs) = grants.irqs {
            self.give_named("irqs", Kind::Allowance, irqs)?;
        }
        if self.order.process.authority.platform {
            self.give_named("platform", Kind::Platform, FirstHandle::Platform as Handle)?;
        }
        if self.order.process.authority.itself {
            self.give_named("space", Kind::AddressSpace, self.space)?;
            self.give_named("thread", Kind::Thread, thread)?;
            self.give_named("context", Kind::SchedulingContext, context)?;
        }
        Ok(())
    }

    fn give_named(&mut self, name: &str, kind: Kind, from: Handle) -> Result<(), MakeError> {
        let handle = self.grant(from, USE)?;
        let name = Name::try_from(name).map_err(|_| MakeError::TooMuch)?;
        self.name(name, kind, handle)
    }

    fn name(&mut self, name: Name, kind: Kind, handle: u32) -> Result<(), MakeError> {
        let named = NamedHandle { name, kind, handle };
        self.startup
            .handles
            .push(named)
            .map_err(|_| MakeError::TooMuch)
    }

    /// Copies a capability into the process's table; tells its handle there.
    fn grant(&mut self, from: Handle, rights: Rights) -> Result<u32, MakeError> {
        let slot = self.next_slot;
        self.store
            .kernel
            .copy(from, Place::new(self.table, slot), rights)?;
        self.next_slot += 1;
        Ok(slot)
    }

    fn write_startup(&mut self) -> Result<(), MakeError> {
        let first = self.next_slot;
        self.startup.slots = SlotRange {
            first,
            count: TABLE_SLOTS - first,
        };
        let mut page = [0; STARTUP_BYTES];
        let length = self
            .startup
            .write(&mut page)
            .map_err(|_| MakeError::TooMuch)?;
        let used = page.get(..length).ok_or(MakeError::TooMuch)?;
        self.make_private_page(layout::STARTUP, used, Access::READ)
    }
}
