use std::string::{String, ToString};
use std::vec::Vec;

use ipc_abi::capability::Kind;
use ipc_abi::fault::FaultCause;
use ipc_abi::interface::{CallError, Failure, Local};
use ipc_abi::service::supervisor::{SupervisorClient, SupervisorInterface};
use ipc_abi::startup::Startup;
use pecan_core::host::HostMachine;

use super::*;
use crate::host::{HostKernel, boot, package_place};
use crate::sample::{LIMIT, default_package};

const HERTZ: u64 = 100;

pub(super) fn start<'a>(
    machine: &'a HostMachine,
    package: &'a [u8],
) -> Supervisor<'a, HostKernel<'a>> {
    let place = package_place(machine);
    let boot = Boot {
        package,
        place,
        hertz: HERTZ,
        seed: [7; 32],
    };
    match Supervisor::start(HostKernel::new(machine), boot) {
        Ok(supervisor) => supervisor,
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn fault(number: u8) -> Fault {
    Fault {
        badge: Badge::new(number, 0).into_raw(),
        cause: Some(FaultCause::DataAbort),
        program_counter: 0x20_0000,
        address: 0x18,
        syndrome: 0,
        stack_pointer: 0,
        link_register: 0,
        registers: [0, 0],
    }
}

pub(super) fn lines<K: Kernel>(supervisor: &mut Supervisor<'_, K>) -> Vec<String> {
    std::iter::from_fn(|| supervisor.log.take())
        .map(|entry| entry.line().to_string())
        .collect()
}

pub(super) type Way<'a> = Local<SupervisorInterface, Supervisor<'a, HostKernel<'a>>>;

/// The occupied slots of a process.
fn slots(way: &mut Way<'_>, process: u32) -> Result<Vec<SlotInfo>, Failure<SupervisorError>> {
    SupervisorClient::new(way).capabilities(process).collect()
}

fn caller(number: u8, permission: u32) -> Caller {
    Caller::new(Badge::new(number, 1 << permission))
}

pub(super) const REPORT: &str = "worker crashed: cannot read at 0x18 (at 0x200000, in no function)";

#[test]
fn every_frame_is_somebodys_or_free() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    supervisor.store.kernel.check();
    assert_eq!(lines(&mut supervisor), [""; 0]);
    let memory = supervisor.memory();
    let mut way = Way::new(supervisor);
    let mut client = SupervisorClient::new(&mut way);
    let processes: Result<Vec<ProcessInfo>, CallError> = client.processes().collect();
    let processes = processes.expect("they are listed");
    let names: Vec<&str> = processes
        .iter()
        .map(|process| process.name.as_str())
        .collect();
    assert_eq!(names, ["supervisor", "worker", "other"]);
    assert!(
        processes
            .iter()
            .all(|process| process.state == ProcessState::Ready)
    );
    let taken: u64 = processes
        .iter()
        .map(|process| u64::from(process.frames))
        .sum();
    assert_eq!(memory.total_frames, memory.free_frames + taken);
    assert_eq!(memory.lost_frames, 0);
}

#[test]
fn each_life_gives_back_all_that_it_took() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let before = supervisor.memory();
    for life in 1..=20 {
        supervisor.store.kernel.ticks += 10 * HERTZ;
        supervisor.on_fault(fault(1));
        supervisor.store.kernel.check();
        assert_eq!(supervisor.memory(), before);
        assert_eq!(
            supervisor.process(1).map(|process| process.restarts),
            Ok(life)
        );
        assert_eq!(lines(&mut supervisor), [REPORT]);
    }
}

#[test]
fn what_dies_too_often_stays_dead_and_wakes_who_waits() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let endpoint = supervisor.links.endpoint(1).expect("it serves");
    for _ in 0..LIMIT {
        supervisor.on_fault(fault(1));
    }
    let alive = supervisor.process(1).expect("it is there");
    assert_eq!(alive.state, ProcessState::Ready);
    supervisor.on_fault(fault(1));
    supervisor.store.kernel.check();
    let last = "supervisor: worker stays dead: it died more than 3 times in 10 s";
    assert_eq!(
        lines(&mut supervisor),
        [REPORT, REPORT, REPORT, REPORT, last]
    );
    let dead = supervisor.process(1).expect("it is there");
    assert_eq!(
        (dead.state, dead.restarts),
        (ProcessState::Dead, u32::from(LIMIT))
    );
    // Only its regions are left, which nobody else can have.
    assert_eq!(dead.frames, 16 + 3);
    let mut way = Way::new(supervisor);
    let refusal = Failure::Service(SupervisorError::NotRunning);
    assert_eq!(slots(&mut way, 1), Err(refusal));
    let supervisor = way.server();
    let found = supervisor
        .store
        .kernel
        .inspect(Place::new(FirstHandle::Table as u32, endpoint));
    assert_eq!(found.map(|found| found.kind()), Ok(None));
    supervisor.on_fault(fault(1));
    assert_eq!(lines(supervisor), [""; 0]);
}

#[test]
fn killed_process_is_started_again_as_its_policy_says() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let before = supervisor.memory();
    let killer = caller(2, PERMISSION_KILL);
    assert_eq!(supervisor.kill(killer, 1), Ok(()));
    supervisor.store.kernel.check();
    assert_eq!(supervisor.memory(), before);
    assert_eq!(lines(&mut supervisor), ["worker was killed by other"]);
    let restarts = |supervisor: &mut Supervisor<'_, HostKernel<'_>>| {
        supervisor.process(1).map(|process| process.restarts)
    };
    assert_eq!(restarts(&mut supervisor), Ok(1));
    for _ in 1..LIMIT {
        assert_eq!(supervisor.kill(killer, 1), Ok(()));
    }
    assert_eq!(supervisor.kill(killer, 1), Ok(()));
    assert_eq!(
        supervisor.kill(killer, 1),
        Err(SupervisorError::NotRunning),
        "one death past the limit was the last"
    );
    // One that ends itself gets no answer, and everybody else goes on.
    assert_eq!(supervisor.kill(killer, 2), Ok(()));
    supervisor.store.kernel.check();
}

#[test]
fn who_may_not_kill_kills_nobody() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let stranger = caller(2, PERMISSION_HALT);
    for number in [0, 1, 3] {
        let refusal = supervisor.kill(stranger, number);
        assert_eq!(refusal, Err(SupervisorError::NotPermitted));
    }
    let killer = caller(2, PERMISSION_KILL);
    assert_eq!(supervisor.kill(killer, 0), Err(SupervisorError::Itself));
    assert_eq!(
        supervisor.kill(killer, 3),
        Err(SupervisorError::NoSuchProcess)
    );
    assert_eq!(lines(&mut supervisor), [""; 0]);
}

#[test]
fn what_is_never_started_again_stays_dead() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    supervisor.on_fault(fault(2));
    assert_eq!(lines(&mut supervisor)[1], "supervisor: other stays dead");
    // Its client is started without the way to it.
    supervisor.on_fault(fault(1));
    let slots = slots(&mut Way::new(supervisor), 1).expect("it runs");
    let gates = slots.iter().filter(|slot| slot.kind == Kind::Gate as u8);
    assert_eq!(
        gates.count(),
        2 + 3,
        "two to the supervisor, and to its threads"
    );
}

#[test]
fn failure_at_any_step_leaves_nothing_behind() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let instance = supervisor.processes[1].instance.take().expect("it lives");
    assert_eq!(instance.end(&mut supervisor.store), 0);
    let before = supervisor.memory();
    let mut patience = 0;
    loop {
        supervisor.store.kernel.patience = Some(patience);
        let process = &supervisor.processes[1];
        let order = Order {
            number: 1,
            process: &process.description,
            package: &package,
            incarnation: 0,
            faults: supervisor.endpoint,
            links: &supervisor.links,
            grants: &process.grants,
            seed: [7; 32],
        };
        let started = Instance::start(&mut supervisor.store, order);
        supervisor.store.kernel.patience = None;
        supervisor.store.kernel.check();
        match started {
            Err(MakeError::Refused(refused)) => {
                assert_eq!(refused.error, ipc_abi::error::Error::Exhausted);
            }
            Err(error) => panic!("{error}"),
            Ok(instance) => {
                supervisor.processes[1].instance = Some(instance);
                break;
            }
        }
        assert_eq!(supervisor.memory(), before, "after {patience} steps");
        patience += 1;
    }
    assert!(patience > 50, "{patience} steps");
}

#[test]
fn process_that_finds_no_memory_is_dead_and_a_line_says_so() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let mut hog = Holdings::default();
    while supervisor.store.take_frame(&mut hog).is_ok() {}
    let instance = supervisor.processes[1].instance.as_ref().expect("it lives");
    let needed = instance.holdings.frames();
    supervisor
        .store
        .make(&mut hog, Object::Frame)
        .expect_err("there is no memory");
    supervisor.on_fault(fault(1));
    // It gets back exactly what it gave.
    assert_eq!(
        supervisor.process(1).map(|process| process.state),
        Ok(ProcessState::Ready)
    );
    let instance = supervisor.processes[1].instance.as_ref().expect("it lives");
    assert_eq!(instance.holdings.frames(), needed);
    supervisor.processes[1].description.heap_pages += 1;
    supervisor.on_fault(fault(1));
    let told = lines(&mut supervisor);
    assert_eq!(
        told[2],
        "supervisor: worker was not started again: no memory is left"
    );
    supervisor.store.kernel.check();
    let state = supervisor.process(1).map(|process| process.state);
    assert_eq!(state, Ok(ProcessState::Dead));
}

#[test]
fn region_is_emptied_between_lives() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let grants = supervisor.processes[1].grants.clone();
    let region = grants.memory.expect("it has one");
    let sessions = grants.sessions.expect("it has some");
    let before = supervisor.memory();
    // What the process could do with its handles: an endpoint, a sub-region, its ASIDs.
    let asids = u64::from(grants.asids.expect("it has some"));
    let kernel = &mut supervisor.store.kernel;
    let place = |slot| Place::new(FirstHandle::Table as u32, slot).into_raw();
    let call = ipc_abi::call::SystemCall::Null;
    let (handle, first) = (u64::from(region.handle), region.first);
    let (gates, endpoint) = (u64::from(sessions.handle), (sessions.first + 1) * 64);
    let made = [
        kernel.invoke(call, |it| it.create_endpoint(gates, endpoint, place(244))),
        kernel.invoke(call, |it| {
            it.create_endpoint(handle, (first + 1) * 64, place(240))
        }),
        kernel.invoke(call, |it| {
            it.create_space(handle, (first + 2) * 64, place(241), asids, first + 3)
        }),
        kernel.invoke(call, |it| {
            it.allowance_split(handle, (first + 4) * 64, place(242), asids, 2)
        }),
        kernel.invoke(call, |it| it.region_split(handle, 5, place(243))),
    ];
    assert_eq!(made, [Ok(0); 5]);
    supervisor.on_fault(fault(1));
    let kernel = &mut supervisor.store.kernel;
    for slot in 240..=244 {
        kernel
            .delete(slot)
            .expect("the capability is there, and dead");
    }
    kernel.check();
    assert_eq!(kernel.inspect_region(region.handle), Ok((first, 16)));
    let again = kernel.invoke(call, |it| {
        it.allowance_split(handle, (first + 1) * 64, place(240), asids, 3)
    });
    assert_eq!(again, Ok(0), "all its ASIDs are back");
    assert_eq!(supervisor.memory(), before);
}

#[test]
fn panic_is_read_from_the_stack_of_the_dead() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let instance = supervisor.processes[1].instance.as_ref().expect("it lives");
    let top = crate::layout::STACK_TOP;
    let text = b"panicked at a.rs:1: because";
    let mut low = 0;
    // The text lies across the two pages of the stack.
    for (page, range) in [(top - 8192, 0..10), (top - 4096, 10..text.len())] {
        let frame = instance.frame_at(page).expect("it can be read");
        let offset = if range.start == 0 {
            4096 - range.end
        } else {
            0
        };
        supervisor
            .store
            .kernel
            .write_frame(frame, offset, &text[range]);
        low = if low == 0 { page + offset as u64 } else { low };
    }
    let panic = Fault {
        cause: Some(FaultCause::Breakpoint),
        syndrome: 1,
        registers: [low, text.len() as u64],
        ..fault(1)
    };
    supervisor.on_fault(panic);
    assert_eq!(
        lines(&mut supervisor),
        ["worker crashed: panicked at a.rs:1: because"]
    );
}

#[test]
fn capabilities_are_those_of_the_manifest() {
    let (machine, package) = (boot(), default_package());
    let mut way = Way::new(start(&machine, &package));
    let found = slots(&mut way, 1).expect("it runs");
    assert!(found.iter().all(|info| info.is_live));
    let found: Vec<(Kind, u8)> = found
        .iter()
        .map(|info| (Kind::from_raw(info.kind).expect("a kind"), info.rights))
        .collect();
    let (user, receive, serve, send, signal) = (0x30, 0x10, 0x50, 0x0D, 0x02);
    let expected = [
        (Kind::CapTable, user),
        (Kind::Notification, receive),
        (Kind::Irq, user),
        (Kind::Irq, user),
        (Kind::Notification, receive),
        (Kind::Gate, signal),
        (Kind::Endpoint, serve),
        (Kind::Gate, send),
        (Kind::Gate, send),
        (Kind::Gate, 0x01),
        (Kind::Reply, user),
        (Kind::Reply, user),
        (Kind::Region, user),
        (Kind::Reply, user),
        (Kind::Region, user),
        (Kind::Allowance, user),
        (Kind::Allowance, user),
        (Kind::Allowance, user),
        (Kind::Platform, user),
        (Kind::AddressSpace, user),
        (Kind::Thread, user),
        (Kind::SchedulingContext, user),
    ];
    let place = [(Kind::Notification, receive), (Kind::Gate, signal)];
    assert_eq!(found, [&expected[..], &place.repeat(3)].concat());
    let refusal = Failure::Service(SupervisorError::NoSuchProcess);
    assert_eq!(slots(&mut way, 9), Err(refusal));
}

#[test]
fn only_who_may_switches_off() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let refused = supervisor.halt(caller(1, PERMISSION_LOG));
    assert_eq!(refused, Err(SupervisorError::NotPermitted));
    assert!(!supervisor.store.kernel.is_off);
    assert_eq!(supervisor.halt(caller(1, PERMISSION_HALT)), Ok(()));
    assert!(supervisor.store.kernel.is_off);
}

#[test]
fn damaged_package_is_refused_by_name() {
    let machine = boot();
    let place = package_place(&machine);
    let refusal = |package: &[u8]| {
        let boot = Boot {
            package,
            place,
            hertz: HERTZ,
            seed: [7; 32],
        };
        let started = Supervisor::start(HostKernel::new(&machine), boot);
        started.map(drop).expect_err("it is damaged").to_string()
    };
    let mut package = default_package();
    assert_eq!(
        refusal(&package[..4000]),
        "the boot package is damaged: Truncated"
    );
    package[4096 + 8] = 0;
    assert_eq!(
        refusal(&package),
        "the boot package is damaged: ProcessCount"
    );
}

#[test]
fn program_outside_the_package_is_not_started() {
    let machine = boot();
    let package = default_package();
    let mut supervisor = start(&machine, &package);
    supervisor.processes[1].description.program.segments[0].offset = 1 << 40;
    supervisor.on_fault(fault(1));
    let line = "supervisor: worker was not started again: its program lies outside the package";
    assert_eq!(lines(&mut supervisor)[1], line);
}

#[test]
fn random_numbers_of_each_life_start_from_another_seed() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let mut seeds = std::collections::BTreeSet::new();
    for _ in 0..=LIMIT {
        let blocks = supervisor.store.kernel.contents();
        let startups = blocks.filter_map(|block| Startup::read(block).ok());
        seeds.extend(startups.map(|startup| startup.seed));
        supervisor.on_fault(fault(1));
    }
    assert_eq!(seeds.len(), 2 + usize::from(LIMIT), "of two processes");
}
