//! A machine of one core over an [`Arena`]: how it starts, and the way out of the kernel.

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::Place;
use ipc_abi::error::Error;
use pecan_core::boot::{BootPlan, Package};
use pecan_core::host::small_header;
use pecan_core::kernel::{Answer, Effect, Kernel};
use pecan_core::memory::{Fields, Memory};
use pecan_core::object::{
    Frame, FrameKind, LIGHT, Number, Thread, UNITS_PER_FRAME, core_state, machine, pending, thread,
};

use crate::arena::{
    AFTER_CORE, Arena, CORE, DEVICES, FIRST_DEVICE, FIRST_FRAME, MACHINE, to_index,
};

/// Interrupt lines of the machine.
pub const LINES: u64 = 40;
/// Its ASIDs.
const ASIDS: u64 = 8;
/// Ticks of a slice.
pub const SLICE_TICKS: u64 = 1 << 16;
/// The most rounds of one way out: the objects here are few.
const ROUNDS_MAX: u64 = 4096;
/// Frames of the package.
const PACKAGE_FRAMES: u64 = 3;

/// A machine whose first process was started.
pub struct Host {
    /// Its memory.
    pub arena: Arena,
    next_slot: u32,
    next_frame: u64,
}

impl Host {
    /// Starts a machine with `frames` frames.
    ///
    /// # Panics
    ///
    /// Panics if they are too few for the first process.
    #[must_use]
    pub fn new(frames: u64) -> Host {
        let arena = Arena::new(frames);
        for frame in FIRST_FRAME..AFTER_CORE + 3 {
            (&arena).set_kind(Frame(frame), FrameKind::Kernel as u8);
        }
        let host = Host {
            arena,
            next_slot: FIRST_FREE_SLOT,
            next_frame: 0,
        };
        let kernel = host.kernel();
        let machine = Number::from_raw(MACHINE);
        let memory = kernel.memory;
        memory.set_link(kernel.core(), core_state::MACHINE, machine);
        for count in [core_state::BREAKPOINTS, core_state::WATCHPOINTS] {
            memory.set(kernel.core(), count, 1);
        }
        memory.set(
            machine,
            machine::NULL_ENDPOINT,
            AFTER_CORE * UNITS_PER_FRAME,
        );
        memory.set(
            machine,
            machine::NULL_SLOTS,
            (AFTER_CORE + 1) * UNITS_PER_FRAME,
        );
        memory.set(machine, machine::NULL_ROOT, (AFTER_CORE + 2) << 12);
        let first = AFTER_CORE + 3;
        let plan = BootPlan {
            first: Frame(first + 1 + PACKAGE_FRAMES),
            end: Frame(FIRST_FRAME + frames),
            device_first: Frame(FIRST_DEVICE),
            device_end: Frame(FIRST_DEVICE + DEVICES),
            lines: LINES,
            asids: ASIDS,
            package: Some(Package {
                first: Frame(first + 1),
                frames: PACKAGE_FRAMES,
                header: small_header(),
            }),
            info: Frame(first),
            slice_ticks: SLICE_TICKS,
        };
        kernel.start(&plan).expect("the small package starts");
        host.leave_kernel();
        host.take_away_pages();
        let region = kernel
            .region_inspect(FirstHandle::Memory as u64)
            .expect("a region");
        let end = (region & ((1 << 34) - 1)) + (region >> 34);
        Host {
            next_frame: end - 1,
            ..host
        }
    }

    /// Takes the first process's pages away: no code runs here, and a small state is explored faster.
    fn take_away_pages(&self) {
        let frames = self.arena.frames().take(to_index(self.arena.frame_count()));
        for frame in frames.filter(|&frame| (&self.arena).kind(frame) == FrameKind::User as u8) {
            let region = FirstHandle::Memory as u64;
            while self.kernel().reclaim(region, frame.0) == Err(Error::Again) {
                self.drain_all();
            }
            self.drain_all();
        }
    }

    /// The kernel of this machine.
    #[must_use]
    pub fn kernel(&self) -> Kernel<&Arena> {
        Kernel {
            memory: &self.arena,
        }
    }

    /// The way out of the kernel, once, as `exit.rs` of the kernel takes it when no interrupt comes.
    /// The quick way there does what this does with one effect and nothing else to do.
    ///
    /// # Panics
    ///
    /// Panics if a change of page tables was not followed by what has to follow it.
    #[inline(never)]
    pub fn leave_kernel(&self) {
        let kernel = self.kernel();
        let field = |field| kernel.memory.get(kernel.core(), field);
        let mut rounds = 0;
        while kernel.current().is_none() || field(core_state::PENDING) != 0 {
            rounds += 1;
            assert!(rounds < ROUNDS_MAX, "the way out does not end");
            self.settle_once();
            if kernel.current().is_none() {
                kernel.choose();
            }
            let left = field(core_state::PENDING);
            let is_settled = left & (pending::TIME | pending::TIMER) == 0;
            if left == 0 || is_settled && !kernel.current().is_none() {
                break;
            }
        }
        let left = self.arena.take_duties();
        assert!(
            left == 0,
            "tables changed {left} times and nothing followed"
        );
    }

    fn settle_once(&self) {
        let kernel = self.kernel();
        let what = kernel.memory.get(kernel.core(), core_state::PENDING);
        if what == 0 {
            return;
        }
        kernel.memory.set(kernel.core(), core_state::PENDING, 0);
        self.perform_all();
        if what & pending::TIMER != 0 {
            kernel.timer_fired();
        }
        kernel.drain();
        let mut helpers = 0;
        while kernel.wake_more() {
            helpers += 1;
            assert!(helpers < ROUNDS_MAX, "there is no end of helpers");
        }
        kernel.settle_time();
        self.perform_all();
    }

    fn perform_all(&self) {
        let quickly = |effect| {
            let is_quick = is_quick(effect);
            if is_quick {
                self.perform(effect);
            }
            is_quick
        };
        self.kernel()
            .take_effects(quickly, |effect| self.perform(effect));
    }

    fn perform(&self, effect: Effect) {
        match effect {
            Effect::ZeroFrame { frame } => self.arena.zero_user(frame),
            Effect::InvalidatePage { asid, .. } => self.arena.discharge(asid, false),
            Effect::InvalidateSpace { asid } => self.arena.discharge(asid, true),
            Effect::SynchronizeCode { .. }
            | Effect::Clean { .. }
            | Effect::CleanInvalidate { .. }
            | Effect::MaskLine { .. }
            | Effect::UnmaskLine { .. }
            | Effect::EndLine { .. }
            | Effect::SetTimer { .. }
            | Effect::PowerOff
            | Effect::Reset => {}
        }
    }

    /// Leaves the kernel until nothing waits to be taken apart.
    pub fn drain_all(&self) {
        self.leave_kernel();
        while self
            .kernel()
            .memory
            .get(Number::from_raw(CORE), core_state::PENDING)
            != 0
        {
            self.leave_kernel();
        }
    }

    /// What the assembly does with the answer of a function call: if another thread goes on, what the
    /// caller keeps is a light frame.
    pub fn keep_light(&self, caller: Number<Thread>, [x0, x1, x16]: [u64; 3]) {
        let memory = &self.arena;
        memory.set(caller, thread::X, x0);
        memory.set(caller, thread::X.at(1), x1);
        memory.set(caller, thread::X.at(16), x16);
        memory.set(caller, thread::PSTATE, LIGHT);
    }

    /// A slot of the first process's table that was never used, as handle and as place.
    pub fn slot(&mut self) -> (u64, u64) {
        let slot = self.next_slot;
        self.next_slot += 1;
        (u64::from(slot), place(slot))
    }

    /// A frame that was never used.
    pub fn frame(&mut self) -> u64 {
        self.next_frame -= 1;
        self.next_frame + 1
    }

    /// Makes an object with `create(kernel, region, number, destination)`, in a frame of its own;
    /// answers its handle and number.
    ///
    /// # Panics
    ///
    /// Panics if it is refused.
    pub fn make(&mut self, create: impl Fn(Kernel<&Arena>, u64, u64, u64) -> Answer) -> (u64, u64) {
        let (number, (handle, to)) = (self.frame() * UNITS_PER_FRAME, self.slot());
        let region = FirstHandle::Memory as u64;
        while let Err(error) = create(self.kernel(), region, number, to) {
            assert_eq!(error, Error::Again, "it is made");
            self.drain_all();
        }
        self.drain_all();
        (handle, number)
    }
}

/// Whether an effect is of the kinds of which there may be several.
const fn is_quick(effect: Effect) -> bool {
    !matches!(
        effect,
        Effect::ZeroFrame { .. }
            | Effect::SynchronizeCode { .. }
            | Effect::Clean { .. }
            | Effect::CleanInvalidate { .. }
            | Effect::PowerOff
            | Effect::Reset
    )
}

/// A slot of the first process's table.
#[must_use]
pub const fn place(slot: u32) -> u64 {
    Place::new(FirstHandle::Table as u32, slot).into_raw()
}
