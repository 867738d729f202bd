//! A machine of one core: [`HostMachine`].

use super::*;
use crate::object::{machine, pending};

/// A page walk that the machine may remember: through which root, for which page.
pub(super) type Translation = (u64, u64);

/// A machine of one core.
pub struct HostMachine {
    /// Its memory.
    pub memory: HostMemory,
    /// What a translation cache may hold: ASID and page, to last-level table and descriptor.
    pub(super) cache: RefCell<BTreeMap<Translation, (u64, u64)>>,
    /// The effects that were performed, oldest first.
    pub performed: RefCell<Vec<Effect>>,
    info: Frame,
    free: Frame,
    end: Frame,
}

impl HostMachine {
    /// Makes a machine with `frames` frames of memory whose boot code has run.
    ///
    /// # Panics
    ///
    /// Panics if they are too few for the kernel.
    #[must_use]
    pub fn new(frames: u64) -> HostMachine {
        let memory = HostMemory::new(frames);
        let machine = FIRST_FRAME;
        let core = machine + MACHINE_FRAMES;
        let null = core + CORE_FRAMES;
        for frame in machine..null + 3 {
            (&memory).set_kind(Frame(frame), FrameKind::Kernel as u8);
            memory.fill_zero(Frame(frame));
        }
        let host = HostMachine {
            memory,
            cache: RefCell::default(),
            performed: RefCell::default(),
            info: Frame(null + 3),
            free: Frame(null + 4),
            end: Frame(FIRST_FRAME + frames),
        };
        let kernel = host.kernel();
        let machine: Number<Machine> = Number::from_raw(machine * UNITS_PER_FRAME);
        kernel
            .memory
            .set_link(kernel.core(), core_state::MACHINE, machine);
        for count in [core_state::BREAKPOINTS, core_state::WATCHPOINTS] {
            kernel.memory.set(kernel.core(), count, DEBUG_REGISTERS);
        }
        kernel
            .memory
            .set(machine, machine::NULL_ENDPOINT, null * UNITS_PER_FRAME);
        kernel
            .memory
            .set(machine, machine::NULL_SLOTS, (null + 1) * UNITS_PER_FRAME);
        kernel
            .memory
            .set(machine, machine::NULL_ROOT, (null + 2) << 12);
        host
    }

    /// The kernel of this machine.
    #[must_use]
    pub fn kernel(&self) -> Kernel<&HostMemory> {
        Kernel {
            memory: &self.memory,
        }
    }

    /// What the boot code would hand over, with a package of `frames` frames and this header.
    #[must_use]
    pub fn plan(&self, frames: u64, header: [u64; PACKAGE_HEADER_WORDS]) -> BootPlan {
        BootPlan {
            first: Frame(self.free.0 + frames),
            end: self.end,
            device_first: Frame(FIRST_DEVICE),
            device_end: Frame(FIRST_DEVICE + DEVICES),
            lines: LINES,
            asids: 256,
            package: Some(Package {
                first: self.free,
                frames,
                header,
            }),
            info: self.info,
            slice_ticks: SLICE_TICKS,
        }
    }

    /// Starts a first process of one page of code and one of data.
    ///
    /// # Errors
    ///
    /// Those of [`Kernel::start`].
    pub fn boot(&self) -> Result<(), BootError> {
        self.kernel().start(&self.plan(3, small_header()))?;
        self.leave_kernel();
        Ok(())
    }

    /// The way out of the kernel, as `exit.rs` of the kernel takes it: nothing if nothing is pending,
    /// one effect of a quick kind at once, and rounds of everything else.
    ///
    /// # Panics
    ///
    /// Panics if the call left more effects than there is room for, or if user code would run, or the
    /// core would sleep, while something is left to do.
    pub fn leave_kernel(&self) {
        let kernel = self.kernel();
        let field = |field| kernel.memory.get(kernel.core(), field);
        let pending = field(core_state::PENDING);
        let is_quick = pending == pending::WORK
            && field(core_state::EFFECT_COUNT) == 1
            && field(core_state::DRAIN) == 0
            && self.is_first_effect_quick();
        if kernel.current().is_none() || pending != 0 && !is_quick {
            self.settle();
        } else if is_quick {
            self.perform_all();
            kernel.memory.set(kernel.core(), core_state::PENDING, 0);
        }
        let left = self.memory.duties.take();
        assert!(
            left.is_empty(),
            "tables changed and nothing followed: {left:?}"
        );
        kernel.check_leaving().expect("nothing is left to do");
    }

    fn is_first_effect_quick(&self) -> bool {
        let kernel = self.kernel();
        let word = |at| {
            let field = core_state::EFFECTS.at(at);
            kernel.memory.get(kernel.core(), field)
        };
        Effect::from_words([word(0), word(1), word(2), word(3)]).is_some_and(is_quick)
    }

    /// Rounds of what is pending until somebody runs, or nobody can and only dying objects are left.
    fn settle(&self) {
        let kernel = self.kernel();
        let pending = || kernel.memory.get(kernel.core(), core_state::PENDING);
        loop {
            if pending() != 0 {
                kernel.memory.set(kernel.core(), core_state::PENDING, 0);
                self.perform_all();
                kernel.drain();
                while kernel.wake_more() {}
                kernel.settle_time();
                self.perform_all();
            }
            if kernel.current().is_none() {
                kernel.choose();
            }
            let is_ready = pending() & (pending::TIME | pending::TIMER) == 0;
            let is_drained = kernel.memory.get(kernel.core(), core_state::DRAIN) == 0;
            if is_ready && !kernel.current().is_none() || pending() == 0 {
                return;
            }
            if is_ready && !is_drained && kernel.first_priority().is_none() {
                return;
            }
        }
    }

    fn perform_all(&self) {
        let kernel = self.kernel();
        let count = kernel.memory.get(kernel.core(), core_state::EFFECT_COUNT);
        assert!(
            count <= core_state::EFFECTS_MAX,
            "{count} effects were left"
        );
        let quickly = |effect| {
            let is_quick = is_quick(effect);
            if is_quick {
                self.perform(effect);
            }
            is_quick
        };
        kernel.take_effects(quickly, |effect| self.perform(effect));
    }

    /// Leaves the kernel until nothing waits to be taken apart. An idle core looks for work.
    pub fn drain_all(&self) {
        self.leave_kernel();
        while self
            .kernel()
            .memory
            .get(self.kernel().core(), core_state::PENDING)
            != 0
        {
            self.leave_kernel();
        }
    }

    fn perform(&self, effect: Effect) {
        self.performed.borrow_mut().push(effect);
        self.discharge(effect);
        match effect {
            Effect::ZeroFrame { frame } => self.memory.fill_zero(frame),
            Effect::InvalidatePage { asid, address } => {
                self.cache
                    .borrow_mut()
                    .retain(|&(cached, page), &mut (_, descriptor)| {
                        // All that a block translates goes with any address of it.
                        let shift = if descriptor & TABLE == 0 { 21 } else { 12 };
                        cached != asid || page >> shift != address >> shift
                    });
            }
            Effect::InvalidateSpace { asid } => {
                self.cache
                    .borrow_mut()
                    .retain(|&(cached, _), _| cached != asid);
            }
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
}

/// Whether an effect is of the kinds that the way out performs at once.
const fn is_quick(effect: Effect) -> bool {
    match effect {
        Effect::ZeroFrame { .. }
        | Effect::SynchronizeCode { .. }
        | Effect::Clean { .. }
        | Effect::CleanInvalidate { .. }
        | Effect::PowerOff
        | Effect::Reset => false,
        Effect::InvalidatePage { .. }
        | Effect::InvalidateSpace { .. }
        | Effect::MaskLine { .. }
        | Effect::UnmaskLine { .. }
        | Effect::EndLine { .. }
        | Effect::SetTimer { .. } => true,
    }
}
