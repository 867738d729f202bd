//! [`Kernel`] by system calls.

use ipc_abi::boot::FirstHandle;
use ipc_abi::call::{Place, PlatformOperation, SystemCall};
use ipc_abi::capability::{Access, Description, FrameMode, Rights, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use userlib::random::Seed;
use userlib::{
    Environment, EnvironmentError, PageWindow, WindowError, kernel_info, read_cycles, read_ticks,
    syscall,
};

use crate::kernel::{Handle, Kernel, Object, Refused, ThreadParts, ThreadStart};
use crate::store::MEMORY;

const TABLE: Handle = FirstHandle::Table as Handle;

/// The kernel below the first process.
#[derive(Debug)]
pub struct Native {
    window: PageWindow,
}

impl Native {
    /// Takes what the first process has.
    ///
    /// # Errors
    ///
    /// If this is not the first process.
    pub fn take(environment: &Environment) -> Result<Native, EnvironmentError> {
        Ok(Native {
            window: PageWindow::take(environment)?,
        })
    }
}

/// All that differs from one start of the machine to the next: what its counters say.
#[must_use]
pub fn read_seed() -> Seed {
    let mut seed = Seed::default();
    let counters = [read_ticks(), read_cycles(), kernel_info().boot_ticks];
    for (place, counter) in seed.chunks_exact_mut(8).zip(counters) {
        place.copy_from_slice(&counter.to_le_bytes());
    }
    seed
}

/// Says which call was refused.
fn refused(call: SystemCall) -> impl Fn(Error) -> Refused {
    move |error| Refused { call, error }
}

fn window_refused(error: WindowError) -> Refused {
    match error {
        WindowError::Map(error) => Refused {
            call: SystemCall::Map,
            error,
        },
        WindowError::Unmap(error) => Refused {
            call: SystemCall::Unmap,
            error,
        },
        WindowError::OutOfRange => Refused {
            call: SystemCall::Map,
            error: Error::OutOfRange,
        },
    }
}

const fn own(slot: Handle) -> Place {
    Place::new(TABLE, slot)
}

impl Kernel for Native {
    fn create(
        &mut self,
        region: Handle,
        number: u64,
        slot: Handle,
        object: Object,
    ) -> Result<(), Refused> {
        let place = own(slot);
        let (call, result) = match object {
            Object::Frame => (
                SystemCall::CreateFrame,
                syscall::create_frame(region, number, place),
            ),
            Object::Space { asids, root } => (
                SystemCall::CreateSpace,
                syscall::create_space(region, number, place, asids, root),
            ),
            Object::Table { slots } => (
                SystemCall::CreateTable,
                syscall::create_table(region, number, place, slots),
            ),
            Object::Thread { table, space } => (
                SystemCall::CreateThread,
                syscall::create_thread(region, number, place, table, space),
            ),
            Object::Context { time, priority } => (
                SystemCall::CreateContext,
                syscall::create_context(region, number, place, time, priority),
            ),
            Object::Endpoint => (
                SystemCall::CreateEndpoint,
                syscall::create_endpoint(region, number, place),
            ),
            Object::Gate { target, badge } => (
                SystemCall::CreateGate,
                syscall::create_gate(region, number, place, target, badge),
            ),
            Object::Notification => (
                SystemCall::CreateNotification,
                syscall::create_notification(region, number, place),
            ),
            Object::Reply => (
                SystemCall::CreateReply,
                syscall::create_reply(region, number, place),
            ),
            Object::Irq { lines, line } => (
                SystemCall::CreateIrq,
                syscall::create_irq(region, number, place, lines, u64::from(line)),
            ),
            Object::Allowance { from, count } => (
                SystemCall::AllowanceSplit,
                syscall::allowance_split(region, number, place, from, count),
            ),
        };
        result.map_err(refused(call))
    }

    fn create_filled(&mut self, number: u64, slot: Handle, bytes: &[u8]) -> Result<(), Refused> {
        self.create(MEMORY, number, slot, Object::Frame)?;
        self.window.fill(slot, 0, bytes).map_err(window_refused)
    }

    fn read_frame(
        &mut self,
        frame: Handle,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), Refused> {
        self.window
            .read(frame, offset as u64, buffer)
            .map_err(window_refused)
    }

    fn split_memory(&mut self, frames: u64, slot: Handle) -> Result<(), Refused> {
        let result = syscall::region_split(MEMORY, frames, own(slot));
        result.map_err(refused(SystemCall::RegionSplit))
    }

    fn merge_region(&mut self, region: Handle, frames: u64) -> Result<(), Refused> {
        syscall::region_merge(region, frames).map_err(refused(SystemCall::RegionMerge))
    }

    fn merge_allowance(&mut self, allowance: Handle, count: u64) -> Result<(), Refused> {
        syscall::allowance_merge(allowance, count).map_err(refused(SystemCall::AllowanceMerge))
    }

    fn inspect_region(&mut self, region: Handle) -> Result<(u64, u64), Refused> {
        let found = syscall::region_inspect(region).map_err(refused(SystemCall::RegionInspect))?;
        Ok((found.first_frame, found.frames))
    }

    fn frame_address(&mut self, frame: Handle) -> Result<u64, Refused> {
        syscall::frame_inspect(frame).map_err(refused(SystemCall::FrameInspect))
    }

    fn reclaim(&mut self, region: Handle, frame: u64) -> Result<(), Refused> {
        syscall::reclaim(region, frame).map_err(refused(SystemCall::Reclaim))
    }

    fn copy(&mut self, handle: Handle, place: Place, rights: Rights) -> Result<(), Refused> {
        let result = syscall::capability_copy(handle, place, rights);
        result.map_err(refused(SystemCall::CapabilityCopy))
    }

    fn delete(&mut self, slot: Handle) -> Result<(), Refused> {
        syscall::capability_delete(own(slot)).map_err(refused(SystemCall::CapabilityDelete))
    }

    fn inspect(&mut self, place: Place) -> Result<Description, Refused> {
        syscall::capability_inspect(place).map_err(refused(SystemCall::CapabilityInspect))
    }

    fn donate(&mut self, space: Handle, frame: u64) -> Result<(), Refused> {
        syscall::space_donate(space, MEMORY, frame).map_err(refused(SystemCall::SpaceDonate))
    }

    fn map(
        &mut self,
        space: Handle,
        frame: Handle,
        address: u64,
        access: Access,
    ) -> Result<(), Refused> {
        syscall::map(space, frame, address, access).map_err(refused(SystemCall::Map))
    }

    fn set_code(&mut self, frame: Handle) -> Result<(), Refused> {
        let result = syscall::frame_set_mode(frame, FrameMode::Code);
        result.map_err(refused(SystemCall::FrameSetMode))
    }

    fn extend_table(&mut self, frame: u64) -> Result<(), Refused> {
        syscall::table_extend(TABLE, MEMORY, frame).map_err(refused(SystemCall::TableExtend))
    }

    fn equip_thread(&mut self, thread: Handle, parts: ThreadParts) -> Result<(), Refused> {
        syscall::thread_set_context(thread, parts.context)
            .map_err(refused(SystemCall::ThreadSetContext))?;
        syscall::thread_set_buffer(thread, parts.buffer)
            .map_err(refused(SystemCall::ThreadSetBuffer))?;
        syscall::thread_set_handler(thread, parts.handler)
            .map_err(refused(SystemCall::ThreadSetHandler))?;
        if let Some(notification) = parts.notification {
            syscall::thread_bind(thread, notification).map_err(refused(SystemCall::ThreadBind))?;
        }
        Ok(())
    }

    fn start_thread(&mut self, thread: Handle, start: ThreadStart) -> Result<(), Refused> {
        let flags = u64::from(start.incarnation) << thread_flag::INCARNATION_SHIFT;
        syscall::thread_configure(thread, flags).map_err(refused(SystemCall::ThreadConfigure))?;
        syscall::thread_start(thread, start.entry, start.stack, start.argument)
            .map_err(refused(SystemCall::ThreadStart))
    }

    fn destroy_thread(&mut self, thread: Handle) -> Result<(), Refused> {
        syscall::destroy(thread).map_err(refused(SystemCall::Destroy))
    }

    fn inspect_thread(&mut self, thread: Handle) -> Result<ThreadState, Refused> {
        syscall::thread_inspect(thread).map_err(refused(SystemCall::ThreadInspect))
    }

    fn bind_irq(&mut self, irq: Handle, notification: Handle, bits: u64) -> Result<(), Refused> {
        syscall::irq_bind(irq, notification, bits).map_err(refused(SystemCall::IrqBind))
    }

    fn signal(&mut self, gate: Handle) -> Result<(), Refused> {
        syscall::signal(gate).map_err(refused(SystemCall::Signal))
    }

    fn drop_signals(&mut self, notification: Handle) -> Result<(), Refused> {
        match syscall::try_wait(notification) {
            Ok(_) | Err(Error::WouldBlock) => Ok(()),
            Err(error) => Err(refused(SystemCall::TryWait)(error)),
        }
    }

    fn power_off(&mut self) -> Result<(), Refused> {
        let platform = FirstHandle::Platform as Handle;
        syscall::platform_control(platform, PlatformOperation::PowerOff)
            .map_err(refused(SystemCall::PlatformControl))
    }

    fn now_ticks(&mut self) -> u64 {
        read_ticks()
    }
}
