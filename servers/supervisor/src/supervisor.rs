//! The supervisor: makes the system, watches it, tells about it.
//!
//! ```text
//!             start         on_fault, kill               restart
//!   (manifest) ----> running ------------> taken apart ----------> running
//!                                               | policy says no
//!                                               v
//!                                             dead: its endpoint is destroyed, so that whoever
//!                                                   waits there is woken with `Died`
//! ```

use alloc::vec::Vec;
use core::fmt;

use ipc_abi::boot::{FIRST_FREE_SLOT, FirstHandle};
use ipc_abi::call::Place;
use ipc_abi::interface::{Batch, Caller, Promise};
use ipc_abi::manifest::{Badge, ManifestError, Processes, Restart};
use ipc_abi::service::supervisor::{
    Line, LogLevel, MemoryInfo, PERMISSION_HALT, PERMISSION_KILL, PERMISSION_LOG, ProcessInfo,
    ProcessState, SlotInfo, Supervisor as Service, SupervisorError,
};
use ipc_abi::startup::session_frames;
use userlib::random::{Generator, Seed};
use userlib::{Events, Fault, FaultAnswer, offer_replies};

use crate::crash::{Culprit, report};
use crate::frames::Frames;
use crate::grant;
use crate::instance::{Instance, Order};
use crate::kernel::{Handle, Kernel, Object};
use crate::layout::ThreadPlace;
use crate::links::Links;
use crate::log::{Log, line};
use crate::policy::Verdict;
use crate::process::{OWN_NUMBER, Process, process_number, process_state};
use crate::slots::Slots;
use crate::store::{Holdings, MakeError, Store};
use crate::survey::{PackagePlace, survey};
use crate::symbol::Symbols;

mod say;

/// Slots of the table that the kernel gives the first process.
const FIRST_TABLE_SLOTS: u32 = 256;
/// Frames for the tables and records of the supervisor's own address space: where it looks into
/// frames of others, it maps one page at one address.
const OWN_SPACE_FRAMES: usize = 6;
/// Slots of a table that are looked at for one batch of `capabilities`.
const LOOK_SLOTS: u32 = 256;
/// Reply objects: one for who waits for a line, one for who is told that somebody does.
const REPLIES: usize = 2;

/// Why there is no system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The package has no manifest that can be read.
    Manifest(ManifestError),
    /// What the supervisor itself needs could not be made.
    Make(MakeError),
}

impl From<ManifestError> for StartError {
    fn from(error: ManifestError) -> StartError {
        StartError::Manifest(error)
    }
}

impl From<MakeError> for StartError {
    fn from(error: MakeError) -> StartError {
        StartError::Make(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Manifest(error) => write!(f, "the boot package is damaged: {error:?}"),
            StartError::Make(error) => write!(f, "the supervisor cannot start: {error}"),
        }
    }
}

/// What the first process finds when it starts.
#[derive(Clone, Copy, Debug)]
pub struct Boot<'a> {
    /// The boot package.
    pub package: &'a [u8],
    /// Where it lies in memory.
    pub place: PackagePlace,
    /// Ticks of the counter in a second.
    pub hertz: u64,
    /// What the seeds of all processes follow from.
    pub seed: Seed,
}

/// The supervisor.
pub struct Supervisor<'a, K> {
    store: Store<K>,
    package: &'a [u8],
    processes: Vec<Process>,
    links: Links,
    endpoint: Handle,
    reader: Option<Promise<Result<Line, SupervisorError>>>,
    log: Log,
    seeds: Generator,
    hertz: u64,
    boot_frames: u64,
}

impl<'a, K: Kernel> Supervisor<'a, K> {
    /// Makes the system that `boot` describes and starts its processes. A process that cannot be
    /// started is dead, and a line says so.
    ///
    /// # Errors
    ///
    /// Why there is no system.
    pub fn start(kernel: K, boot: Boot<'a>) -> Result<Supervisor<'a, K>, StartError> {
        let mut processes = Vec::new();
        for process in Processes::read(boot.package)? {
            processes.push(Process::new(process?));
        }
        let mut store = make_store(kernel, &mut processes, boot.place)?;
        let boot_frames = store.frames.total() - store.frames.free();
        let mut own = Holdings::default();
        for _ in 0..OWN_SPACE_FRAMES {
            store.donate(&mut own, FirstHandle::Space as Handle)?;
        }
        let endpoint = store.make(&mut own, Object::Endpoint)?;
        for _ in 0..REPLIES {
            offer_replies([store.make(&mut own, Object::Reply)?]);
        }
        split_allowances(&mut store, &mut processes)?;
        let links = Links::make(&mut store, &mut processes, &mut own, endpoint)?;
        if let Some(process) = processes.get_mut(OWN_NUMBER) {
            process.estate = own;
        }
        let mut supervisor = Supervisor {
            store,
            package: boot.package,
            processes,
            links,
            endpoint,
            reader: None,
            log: Log::default(),
            seeds: Generator::new(&boot.seed),
            hertz: boot.hertz,
            boot_frames,
        };
        for number in 1..supervisor.processes.len() {
            supervisor.revive(number, "was not started");
        }
        Ok(supervisor)
    }

    /// Where the supervisor receives: calls, and the faults of all processes.
    #[must_use]
    pub const fn endpoint(&self) -> Handle {
        self.endpoint
    }

    /// A process faulted: tells why, and ends its life. Its thread is gone then, so there is nothing
    /// to answer.
    fn handle_fault(&mut self, fault: Fault) {
        let badge = Badge::from_raw(fault.badge);
        let number = usize::from(badge.client());
        let Some(process) = self.processes.get(number) else {
            return;
        };
        let Some(instance) = &process.instance else {
            return;
        };
        let description = &process.description;
        let culprit = Culprit {
            process: description.name.as_str(),
            thread: badge.thread(),
            place: ThreadPlace::new(badge.thread(), description.stack_pages),
        };
        let symbols = Symbols::new(self.package, &description.program);
        let mut memory = instance.memory(&mut self.store.kernel);
        let report = report(&fault, culprit, &symbols, &mut memory);
        self.end_life(number, report);
    }

    /// Takes a process apart, says why, and starts it again if its policy says so.
    fn end_life(&mut self, number: usize, reason: Line) {
        let Some(process) = self.processes.get_mut(number) else {
            return;
        };
        let Some(instance) = process.instance.take() else {
            return;
        };
        let description = &process.description;
        let name = description.name.as_str();
        let mut lost = instance.end(&mut self.store);
        lost += grant::empty(&mut self.store, &process.grants);
        let now = self.store.kernel.now_ticks();
        let verdict = process.history.decide(description.restart, now, self.hertz);
        let last_words = match (verdict, description.restart) {
            (Verdict::Restart, _) => None,
            (Verdict::GiveUp, Restart::Always { limit, seconds }) => Some(line(format_args!(
                "supervisor: {name} stays dead: it died more than {limit} times in {seconds} s"
            ))),
            (Verdict::GiveUp | Verdict::StayDead, _) => {
                Some(line(format_args!("supervisor: {name} stays dead")))
            }
        };
        let loss = (lost > 0).then(|| {
            line(format_args!(
                "supervisor: {lost} frames of {name} did not come back"
            ))
        });
        let is_dead = |reader: &Promise<_>| usize::from(reader.caller().client()) == number;
        if self.reader.as_ref().is_some_and(is_dead) {
            self.reader = None;
        }
        self.say(reason);
        loss.into_iter().for_each(|line| self.say(line));
        // All that it had is gone, and it has no next life yet.
        self.links
            .tell_death(&mut self.store.kernel, process_number(number));
        match last_words {
            None => self.restart(number),
            Some(line) => {
                self.say(line);
                self.bury(number);
            }
        }
    }

    fn restart(&mut self, number: usize) {
        if let Some(process) = self.processes.get_mut(number) {
            process.restarts = process.restarts.saturating_add(1);
        }
        self.revive(number, "was not started again");
    }

    /// Gives a process a life; if that fails, says so and buries it.
    fn revive(&mut self, number: usize, failure: &str) {
        let Some(process) = self.processes.get_mut(number) else {
            return;
        };
        self.seeds.stir(self.store.kernel.now_ticks());
        let order = Order {
            number: process_number(number),
            process: &process.description,
            package: self.package,
            incarnation: process.restarts,
            faults: self.endpoint,
            links: &self.links,
            grants: &process.grants,
            seed: self.seeds.next_seed(),
        };
        match Instance::start(&mut self.store, order) {
            Ok(instance) => process.instance = Some(instance),
            Err(error) => {
                let name = process.description.name.as_str();
                let line = line(format_args!("supervisor: {name} {failure}: {error}"));
                self.say(line);
                self.bury(number);
            }
        }
    }

    /// Takes back what outlives a process: it gets no further life. Who waits at its endpoint is
    /// woken with `Died`.
    fn bury(&mut self, number: usize) {
        let Some(process) = self.processes.get_mut(number) else {
            return;
        };
        let estate = core::mem::take(&mut process.estate);
        process.grants.time = None;
        process.grants.asids = None;
        process.grants.irqs = None;
        self.links.forget(number);
        let name = process.description.name.clone();
        let lost = self.store.release(estate);
        if lost > 0 {
            self.say(line(format_args!(
                "supervisor: {lost} frames of {name} did not come back"
            )));
        }
    }

    /// Tells about the process with this number.
    fn process(&mut self, number: usize) -> Result<ProcessInfo, SupervisorError> {
        let process = self.processes.get(number);
        let process = process.ok_or(SupervisorError::NoSuchProcess)?;
        let state = match &process.instance {
            None if number == OWN_NUMBER => ProcessState::Ready,
            None => ProcessState::Dead,
            Some(instance) => match self.store.kernel.inspect_thread(instance.thread) {
                Ok(state) => process_state(state),
                Err(_) => ProcessState::Stopped,
            },
        };
        let boot_frames = if number == OWN_NUMBER {
            self.boot_frames
        } else {
            0
        };
        let frames = process.frames() + boot_frames;
        Ok(ProcessInfo {
            name: process.description.name.clone(),
            state,
            priority: process.description.priority,
            restarts: process.restarts,
            frames: u32::try_from(frames).unwrap_or(u32::MAX),
        })
    }

    /// The table of a process, by a handle of the supervisor's own.
    fn table(&self, number: u32) -> Result<Handle, SupervisorError> {
        let number = number as usize;
        let process = self
            .processes
            .get(number)
            .ok_or(SupervisorError::NoSuchProcess)?;
        if number == OWN_NUMBER {
            return Ok(FirstHandle::Table as Handle);
        }
        let instance = process
            .instance
            .as_ref()
            .ok_or(SupervisorError::NotRunning)?;
        Ok(instance.table)
    }
}

impl<K: Kernel> Events for Supervisor<'_, K> {
    fn on_fault(&mut self, fault: Fault) -> FaultAnswer {
        self.handle_fault(fault);
        FaultAnswer::Stop
    }
}

impl<K: Kernel> Service for Supervisor<'_, K> {
    fn memory(&mut self) -> MemoryInfo {
        let regions = self
            .processes
            .iter()
            .flat_map(|process| process.grants.regions());
        let granted: u64 = regions.map(|region| region.frames).sum();
        MemoryInfo {
            total_frames: self.store.frames.total() + granted,
            free_frames: self.store.frames.free(),
            lost_frames: self.store.frames.lost(),
        }
    }

    fn halt(&mut self, caller: Caller) -> Result<(), SupervisorError> {
        if !caller.has_permission(PERMISSION_HALT) {
            return Err(SupervisorError::NotPermitted);
        }
        self.store
            .kernel
            .power_off()
            .map_err(|_| SupervisorError::Refused)
    }

    fn next_line(&mut self, caller: Caller, promise: Promise<Result<Line, SupervisorError>>) {
        if !caller.has_permission(PERMISSION_LOG) {
            return promise.answer(Err(SupervisorError::NotPermitted));
        }
        let is_waiting = |reader: &Promise<_>| !reader.is_abandoned();
        if self.reader.as_ref().is_some_and(is_waiting) {
            return promise.answer(Err(SupervisorError::Busy));
        }
        self.tell(promise);
    }

    fn say(&mut self, caller: Caller, level: LogLevel, lost: u32, text: &str) {
        self.hear(caller, level, lost, text);
    }

    fn processes(&mut self, batch: &mut Batch<'_, ProcessInfo>) {
        let mut position = batch.position();
        // A position that is no number of a process is behind the last.
        while let Ok(info) = self.process(usize::try_from(position).unwrap_or(usize::MAX)) {
            position += 1;
            if batch.push(&info, position).is_err() {
                return;
            }
        }
    }

    fn capabilities(
        &mut self,
        process: u32,
        batch: &mut Batch<'_, SlotInfo>,
    ) -> Result<(), SupervisorError> {
        let table = self.table(process)?;
        let first = u32::try_from(batch.position()).unwrap_or(u32::MAX).max(1);
        let end = first.saturating_add(LOOK_SLOTS);
        for slot in first..end {
            // The kernel refuses a slot behind the table's end.
            let Ok(found) = self.store.kernel.inspect(Place::new(table, slot)) else {
                return Ok(());
            };
            let Some(kind) = found.kind() else { continue };
            let info = SlotInfo {
                slot,
                kind: kind as u8,
                rights: found.rights().into_raw(),
                is_live: found.is_live(),
            };
            if batch.push(&info, u64::from(slot) + 1).is_err() {
                return Ok(());
            }
        }
        batch.pause(u64::from(end));
        Ok(())
    }

    fn kill(&mut self, caller: Caller, number: u32) -> Result<(), SupervisorError> {
        if !caller.has_permission(PERMISSION_KILL) {
            return Err(SupervisorError::NotPermitted);
        }
        let number = number as usize;
        if number == OWN_NUMBER {
            return Err(SupervisorError::Itself);
        }
        let victim = self.processes.get(number);
        let victim = victim.ok_or(SupervisorError::NoSuchProcess)?;
        if victim.instance.is_none() {
            return Err(SupervisorError::NotRunning);
        }
        let name = victim.description.name.as_str();
        let killer = self.processes.get(usize::from(caller.client()));
        let killer = killer.map_or("nobody", |killer| killer.description.name.as_str());
        let reason = line(format_args!("{name} was killed by {killer}"));
        self.end_life(number, reason);
        Ok(())
    }
}

/// Splits off the regions that are granted; all other memory becomes the supervisor's frames.
fn make_store<K: Kernel>(
    kernel: K,
    processes: &mut [Process],
    package: PackagePlace,
) -> Result<Store<K>, StartError> {
    let slots = Slots::new(FIRST_FREE_SLOT, FIRST_TABLE_SLOTS);
    let mut store = Store::new(kernel, Frames::new(0, []), slots);
    for process in processes {
        let frames = u64::from(process.description.authority.memory_frames);
        process.grants.memory = grant::split_memory(&mut store, &mut Holdings::default(), frames)?;
        let frames = session_frames(process.description.sessions);
        process.grants.sessions =
            grant::split_memory(&mut store, &mut Holdings::default(), frames)?;
    }
    store.frames = survey(&mut store, package)?;
    Ok(store)
}

/// Makes the allowances that are granted.
fn split_allowances<K: Kernel>(
    store: &mut Store<K>,
    processes: &mut [Process],
) -> Result<(), MakeError> {
    for process in processes.iter_mut().skip(1) {
        let Process {
            description,
            estate,
            grants,
            ..
        } = process;
        grant::split_allowances(store, estate, &description.authority, grants)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "supervisor_test.rs"]
mod tests;

#[cfg(test)]
#[path = "links_test.rs"]
mod links_tests;

#[cfg(test)]
#[path = "log_test.rs"]
mod log_tests;
