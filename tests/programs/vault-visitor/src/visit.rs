//! Who visits, and what it looks at between two cases.

use alloc::format;

use ipc_abi::call::{Place, PlatformOperation, SystemCall};
use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::interface::{Granted, object};
use ipc_abi::message::Message;
use ipc_abi::service::supervisor::{MemoryInfo, SupervisorClient};
use ipc_abi::tag::Tag;
use test_kit::vault::VaultClient;
use test_kit::{Fact, Failure};
use userlib::time::{Duration, sleep};
use userlib::{Environment, Gate, syscall};

use crate::case::Case;
use crate::other::boxes_in_life;

/// The number of the vault's process.
pub(crate) const VAULT: u32 = 3;
/// The number of the guest's.
pub(crate) const GUEST: u32 = 5;
/// The number of this one's.
pub(crate) const OWN: u8 = 6;
/// How many frames the visitor has to give.
const FRAMES: u32 = 4;
/// How often it looks whether something has come, with a pause of a millisecond.
const PATIENCE: u32 = 2_000;

/// The process, and what it can reach.
pub(crate) struct Visitor {
    /// The vault's gate.
    pub(crate) gate: Gate,
    /// The vault.
    pub(crate) vault: VaultClient<Gate>,
    /// The supervisor.
    pub(crate) supervisor: SupervisorClient<Gate>,
    /// An empty slot, for a copy of a capability.
    pub(crate) spare: u32,
    /// How often the guest was killed.
    pub(crate) guest_life: u32,
    environment: Environment,
    first_frame: u32,
}

/// What must be the same after a case.
#[derive(Debug, PartialEq, Eq)]
struct State {
    memory: MemoryInfo,
    /// The occupied slots of the vault's table, but for those of the guest's boxes.
    held: u32,
    /// What the vault keeps.
    kept: u32,
}

/// A call of the kernel was refused.
pub(crate) fn refused(call: SystemCall) -> impl Fn(Error) -> Failure {
    move |error| Failure::refused(call, error)
}

/// A service did not answer as it must.
pub(crate) fn silent<E: core::fmt::Debug>(what: &str) -> impl Fn(E) -> Failure {
    move |error| Failure::from(format!("{what}: {error:?}"))
}

impl Visitor {
    /// Finds whom to visit, and makes what it gives away.
    pub(crate) fn new(mut environment: Environment) -> Result<Visitor, Failure> {
        let gate = environment.gate("vault").map_err(silent("vault"))?;
        let supervisor = environment
            .gate("supervisor")
            .map_err(silent("supervisor"))?;
        let slots = environment
            .take_slots(FRAMES + 1)
            .map_err(silent("slots"))?;
        let region = environment
            .handle("memory", Kind::Region)
            .map_err(silent("memory"))?;
        let found = syscall::region_inspect(region).map_err(refused(SystemCall::RegionInspect))?;
        for index in 0..FRAMES {
            let object = (found.first_frame + 1 + u64::from(index)) * 64;
            let place = Place::new(environment.table(), slots.first + index);
            syscall::create_frame(region, object, place)
                .map_err(refused(SystemCall::CreateFrame))?;
        }
        Ok(Visitor {
            gate,
            vault: VaultClient::new(gate),
            supervisor: SupervisorClient::new(supervisor),
            spare: slots.first + FRAMES,
            guest_life: 0,
            environment,
            first_frame: slots.first,
        })
    }

    /// Plays a case, and looks at what is left.
    pub(crate) fn play(&mut self, case: Case) -> Fact {
        let before = self.look()?;
        case(self)?;
        self.clear_spare();
        let after = self.look()?;
        Failure::unless_same("what is left", after, before)
    }

    /// What there is when the guest has its boxes, and nobody else any.
    fn look(&mut self) -> Result<State, Failure> {
        let living = boxes_in_life(self.guest_life);
        self.wait_for(living)?;
        let mut held = 0;
        for slot in self.supervisor.capabilities(VAULT) {
            slot.map_err(silent("capabilities"))?;
            held += 1;
        }
        Ok(State {
            memory: self.supervisor.memory().map_err(silent("memory"))?,
            held: held - living,
            kept: self.vault.clear().map_err(silent("clear"))?,
        })
    }

    /// How many boxes and folders there are, and how many there have been.
    pub(crate) fn count(&mut self) -> Result<(u32, u32), Failure> {
        self.vault.count().map_err(silent("count"))
    }

    /// Waits until there are so many boxes and folders.
    pub(crate) fn wait_for(&mut self, living: u32) -> Fact {
        for _ in 0..PATIENCE {
            if self.count()?.0 == living {
                return Ok(());
            }
            sleep(Duration::from_millis(1));
        }
        Failure::unless_same("boxes", self.count()?.0, living)
    }

    /// Ends the guest, and waits until its next life has its boxes.
    pub(crate) fn kill_guest(&mut self) -> Fact {
        self.supervisor.kill(GUEST).map_err(silent("kill"))?;
        self.guest_life += 1;
        self.wait_for(boxes_in_life(self.guest_life))
    }

    /// One of its frames, lent.
    pub(crate) fn frame(&self, index: u32) -> Granted<object::Frame> {
        Granted::lent(self.first_frame + index)
    }

    /// Copies a capability into the spare slot, with at most these rights; tells the slot.
    pub(crate) fn copy_to_spare(&mut self, handle: u32, rights: Rights) -> Result<u32, Failure> {
        self.clear_spare();
        let place = Place::new(self.environment.table(), self.spare);
        syscall::capability_copy(handle, place, rights)
            .map_err(refused(SystemCall::CapabilityCopy))?;
        Ok(self.spare)
    }

    fn clear_spare(&self) {
        // Refused if it is empty.
        let _ = syscall::capability_delete(Place::new(self.environment.table(), self.spare));
    }

    /// Calls the vault with capabilities of one's own choice; tells the status, or why the kernel refused.
    pub(crate) fn call_raw(&self, tag: Tag, handles: &[u32]) -> Result<u16, Error> {
        let mut message = Message::empty(0);
        message.tag = tag.with_capabilities(handles.len() as u64);
        for (word, handle) in message.words.iter_mut().skip(12).zip(handles) {
            *word = u64::from(*handle);
        }
        let reply = syscall::call(self.gate.handle(), message).tag;
        reply.error().map_or(Ok(reply.method()), Err)
    }

    /// Switches the machine off.
    pub(crate) fn finish(&self) {
        let platform = self.environment.handle("platform", Kind::Platform);
        let off = platform.map(|it| syscall::platform_control(it, PlatformOperation::PowerOff));
        panic!("the machine stays on: {off:?}");
    }
}
