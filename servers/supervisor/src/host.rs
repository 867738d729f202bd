//! For tests: [`Kernel`] by the decisions of the real kernel, on a machine made of arrays.

use std::collections::BTreeMap;
use std::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{Place, PlatformOperation, SystemCall};
use ipc_abi::capability::{Access, Description, FrameMode, Rights, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use pecan_core::host::{HostMachine, HostMemory, small_header};
use pecan_core::kernel::{Answer, Kernel as Core};
use pecan_core::memory::Fields;
use pecan_core::object::thread;

use crate::kernel::{Handle, Kernel, Object, Refused, ThreadParts, ThreadStart};
use crate::store::MEMORY;
use crate::survey::PackagePlace;

/// Frames of the test machine.
const FRAMES: u64 = 1024;
/// Pages of the package that the test machine boots from.
const PACKAGE_PAGES: u64 = 3;
const TABLE: Handle = FirstHandle::Table as Handle;

/// A machine that runs the first process.
pub(crate) fn boot() -> HostMachine {
    let machine = HostMachine::new(FRAMES);
    machine.boot().expect("the machine boots");
    machine
}

/// Where the machine's package lies.
pub(crate) fn package_place(machine: &HostMachine) -> PackagePlace {
    let package = machine.plan(PACKAGE_PAGES, small_header()).package;
    let first = package.expect("there is a package").first.0;
    PackagePlace {
        address: first << 12,
        bytes: PACKAGE_PAGES << 12,
    }
}

/// The kernel of the machine, as the first process calls it.
pub(crate) struct HostKernel<'a> {
    machine: &'a HostMachine,
    contents: BTreeMap<u64, Vec<u8>>,
    /// The counter.
    pub(crate) ticks: u64,
    /// How many further creations succeed; the next is refused with `Exhausted`.
    pub(crate) patience: Option<u32>,
    /// Whether the machine was switched off.
    pub(crate) is_off: bool,
    /// Threads that were started and gates that were signalled, in this order.
    pub(crate) deeds: Vec<Deed>,
}

/// What another process notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A gate was signalled.
    Signalled(Handle),
    /// A thread was started.
    Started(Handle),
}

impl<'a> HostKernel<'a> {
    pub(crate) fn new(machine: &'a HostMachine) -> HostKernel<'a> {
        HostKernel {
            machine,
            contents: BTreeMap::new(),
            ticks: 0,
            patience: None,
            is_off: false,
            deeds: Vec::new(),
        }
    }

    /// Makes a system call as the first process.
    pub(crate) fn invoke(
        &self,
        call: SystemCall,
        act: impl FnOnce(Core<&HostMemory>) -> Answer,
    ) -> Result<u64, Refused> {
        let answer = act(self.machine.kernel());
        self.machine.leave_kernel();
        answer.map_err(|error| Refused { call, error })
    }

    fn creation(
        &mut self,
        call: SystemCall,
        act: impl FnOnce(Core<&HostMemory>) -> Answer,
    ) -> Result<(), Refused> {
        match &mut self.patience {
            Some(0) => {
                return Err(Refused {
                    call,
                    error: Error::Exhausted,
                });
            }
            Some(left) => *left -= 1,
            None => {}
        }
        self.invoke(call, act).map(drop)
    }

    /// Checks every invariant of the kernel.
    pub(crate) fn check(&self) {
        self.machine.drain_all();
        let checked = self
            .machine
            .kernel()
            .check_all(self.machine.memory.frames());
        assert_eq!(checked, Ok(()));
    }

    /// What `address` of a frame's number was filled with.
    pub(crate) fn content(&self, frame: u64) -> &[u8] {
        self.contents.get(&frame).map_or(&[], Vec::as_slice)
    }

    /// What all frames were filled with that were filled.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &[u8]> {
        self.contents.values().map(Vec::as_slice)
    }

    /// Writes a frame as the process does that has it.
    pub(crate) fn write_frame(&mut self, frame: Handle, offset: usize, bytes: &[u8]) {
        let number = self.frame_address(frame).expect("the frame is there") >> 12;
        let content = self.contents.entry(number).or_default();
        content.resize(4096, 0);
        content[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

fn own(slot: Handle) -> u64 {
    Place::new(TABLE, slot).into_raw()
}

impl Kernel for HostKernel<'_> {
    fn create(
        &mut self,
        region: Handle,
        number: u64,
        slot: Handle,
        object: Object,
    ) -> Result<(), Refused> {
        let (region, place) = (u64::from(region), own(slot));
        let wide = u64::from;
        match object {
            Object::Frame => self.creation(SystemCall::CreateFrame, |kernel| {
                kernel.create_frame(region, number, place)
            }),
            Object::Space { asids, root } => self.creation(SystemCall::CreateSpace, |kernel| {
                kernel.create_space(region, number, place, wide(asids), root)
            }),
            Object::Table { slots } => self.creation(SystemCall::CreateTable, |kernel| {
                kernel.create_table(region, number, place, slots)
            }),
            Object::Thread { table, space } => self.creation(SystemCall::CreateThread, |kernel| {
                kernel.create_thread(region, number, place, wide(table), wide(space))
            }),
            Object::Context { time, priority } => self
                .creation(SystemCall::CreateContext, |kernel| {
                    kernel.create_context(region, number, place, wide(time), priority.into())
                }),
            Object::Endpoint => self.creation(SystemCall::CreateEndpoint, |kernel| {
                kernel.create_endpoint(region, number, place)
            }),
            Object::Gate { target, badge } => self.creation(SystemCall::CreateGate, |kernel| {
                kernel.create_gate(region, number, place, wide(target), badge)
            }),
            Object::Notification => self.creation(SystemCall::CreateNotification, |kernel| {
                kernel.create_notification(region, number, place)
            }),
            Object::Reply => self.creation(SystemCall::CreateReply, |kernel| {
                kernel.create_reply(region, number, place)
            }),
            Object::Irq { lines, line } => self.creation(SystemCall::CreateIrq, |kernel| {
                kernel.create_irq(region, number, place, wide(lines), wide(line))
            }),
            Object::Allowance { from, count } => self
                .creation(SystemCall::AllowanceSplit, |kernel| {
                    kernel.allowance_split(region, number, place, wide(from), count)
                }),
        }
    }

    fn create_filled(&mut self, number: u64, slot: Handle, bytes: &[u8]) -> Result<(), Refused> {
        self.create(MEMORY, number, slot, Object::Frame)?;
        self.write_frame(slot, 0, bytes);
        Ok(())
    }

    fn read_frame(
        &mut self,
        frame: Handle,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), Refused> {
        let number = self.frame_address(frame)? >> 12;
        let mut page = [0; 4096];
        let content = self.content(number);
        page[..content.len()].copy_from_slice(content);
        buffer.copy_from_slice(&page[offset..offset + buffer.len()]);
        Ok(())
    }

    fn split_memory(&mut self, frames: u64, slot: Handle) -> Result<(), Refused> {
        self.creation(SystemCall::RegionSplit, |kernel| {
            kernel.region_split(MEMORY.into(), frames, own(slot))
        })
    }

    fn merge_region(&mut self, region: Handle, frames: u64) -> Result<(), Refused> {
        let call = SystemCall::RegionMerge;
        self.invoke(call, |kernel| kernel.region_merge(region.into(), frames))
            .map(drop)
    }

    fn merge_allowance(&mut self, allowance: Handle, count: u64) -> Result<(), Refused> {
        let call = SystemCall::AllowanceMerge;
        self.invoke(call, |kernel| {
            kernel.allowance_merge(allowance.into(), count)
        })
        .map(drop)
    }

    fn inspect_region(&mut self, region: Handle) -> Result<(u64, u64), Refused> {
        let call = SystemCall::RegionInspect;
        let found = self.invoke(call, |kernel| kernel.region_inspect(region.into()))?;
        Ok((found & ((1 << 34) - 1), found >> 34))
    }

    fn frame_address(&mut self, frame: Handle) -> Result<u64, Refused> {
        self.invoke(SystemCall::FrameInspect, |kernel| {
            kernel.frame_inspect(frame.into())
        })
    }

    fn reclaim(&mut self, region: Handle, frame: u64) -> Result<(), Refused> {
        let call = SystemCall::Reclaim;
        self.invoke(call, |kernel| kernel.reclaim(region.into(), frame))?;
        self.contents.remove(&frame);
        Ok(())
    }

    fn copy(&mut self, handle: Handle, place: Place, rights: Rights) -> Result<(), Refused> {
        let (place, rights) = (place.into_raw(), rights.into_raw().into());
        self.creation(SystemCall::CapabilityCopy, |kernel| {
            kernel.capability_copy(handle.into(), place, rights)
        })
    }

    fn delete(&mut self, slot: Handle) -> Result<(), Refused> {
        let call = SystemCall::CapabilityDelete;
        self.invoke(call, |kernel| kernel.capability_delete(own(slot)))
            .map(drop)
    }

    fn inspect(&mut self, place: Place) -> Result<Description, Refused> {
        let call = SystemCall::CapabilityInspect;
        let found = self.invoke(call, |kernel| kernel.capability_inspect(place.into_raw()))?;
        Ok(Description::from_raw(found))
    }

    fn donate(&mut self, space: Handle, frame: u64) -> Result<(), Refused> {
        self.creation(SystemCall::SpaceDonate, |kernel| {
            kernel.space_donate(space.into(), MEMORY.into(), frame)
        })
    }

    fn map(
        &mut self,
        space: Handle,
        frame: Handle,
        address: u64,
        access: Access,
    ) -> Result<(), Refused> {
        self.creation(SystemCall::Map, |kernel| {
            kernel.map(space.into(), frame.into(), address, access.into_raw())
        })
    }

    fn set_code(&mut self, frame: Handle) -> Result<(), Refused> {
        self.creation(SystemCall::FrameSetMode, |kernel| {
            kernel.frame_set_mode(frame.into(), FrameMode::Code as u64)
        })
    }

    fn extend_table(&mut self, frame: u64) -> Result<(), Refused> {
        self.creation(SystemCall::TableExtend, |kernel| {
            kernel.table_extend(TABLE.into(), MEMORY.into(), frame)
        })
    }

    fn equip_thread(&mut self, thread: Handle, parts: ThreadParts) -> Result<(), Refused> {
        let thread = u64::from(thread);
        self.creation(SystemCall::ThreadSetContext, |kernel| {
            kernel.thread_set_context(thread, parts.context.into())
        })?;
        self.creation(SystemCall::ThreadSetBuffer, |kernel| {
            kernel.thread_set_buffer(thread, parts.buffer.into())
        })?;
        self.creation(SystemCall::ThreadSetHandler, |kernel| {
            kernel.thread_set_handler(thread, parts.handler.into())
        })?;
        let Some(notification) = parts.notification else {
            return Ok(());
        };
        self.creation(SystemCall::ThreadBind, |kernel| {
            kernel.thread_bind(thread, notification.into())
        })
    }

    fn start_thread(&mut self, thread: Handle, start: ThreadStart) -> Result<(), Refused> {
        let flags = u64::from(start.incarnation) << thread_flag::INCARNATION_SHIFT;
        self.creation(SystemCall::ThreadConfigure, |kernel| {
            kernel.thread_configure(thread.into(), flags)
        })?;
        self.creation(SystemCall::ThreadStart, |kernel| {
            kernel.thread_start(thread.into(), start.entry, start.stack, start.argument)
        })?;
        self.deeds.push(Deed::Started(thread));
        Ok(())
    }

    fn destroy_thread(&mut self, thread: Handle) -> Result<(), Refused> {
        self.invoke(SystemCall::Destroy, |kernel| kernel.destroy(thread.into()))
            .map(drop)
    }

    fn inspect_thread(&mut self, thread: Handle) -> Result<ThreadState, Refused> {
        let call = SystemCall::ThreadInspect;
        let state = self.invoke(call, |kernel| kernel.thread_inspect(thread.into()))?;
        Ok(*ThreadState::ALL
            .iter()
            .find(|known| **known as u64 == state)
            .expect("a state"))
    }

    fn bind_irq(&mut self, irq: Handle, notification: Handle, bits: u64) -> Result<(), Refused> {
        self.creation(SystemCall::IrqBind, |kernel| {
            kernel.irq_bind(irq.into(), notification.into(), bits)
        })
    }

    fn signal(&mut self, gate: Handle) -> Result<(), Refused> {
        self.invoke(SystemCall::Signal, |kernel| kernel.signal(gate.into()))?;
        self.deeds.push(Deed::Signalled(gate));
        Ok(())
    }

    fn drop_signals(&mut self, notification: Handle) -> Result<(), Refused> {
        let kernel = self.machine.kernel();
        let thread = kernel.current();
        kernel
            .memory
            .set(thread, thread::X.at(17), u64::from(notification));
        kernel.message_call(SystemCall::TryWait as u64);
        self.machine.leave_kernel();
        Ok(())
    }

    fn power_off(&mut self) -> Result<(), Refused> {
        let platform = FirstHandle::Platform as u64;
        let operation = PlatformOperation::PowerOff as u64;
        self.invoke(SystemCall::PlatformControl, |kernel| {
            kernel.platform_control(platform, operation)
        })?;
        self.is_off = true;
        Ok(())
    }

    fn now_ticks(&mut self) -> u64 {
        self.ticks
    }
}
