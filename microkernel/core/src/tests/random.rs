//! Random calls by whatever thread runs, with good and bad arguments: after every one all
//! invariants hold, no translation is stale, only documented errors come back, and a refused call
//! changes nothing.

mod calls;

use super::*;
use crate::memory::Fields;
use crate::object::{Number, Space, core_state, machine, space};
use ipc_abi::call::SystemCall;
use ipc_abi::capability::Kind;
use proptest::prelude::*;
use std::vec::Vec;

/// Pages that the random maps use: one table, its neighbour, far away.
const PAGES: [u64; 8] = [
    0,
    0x1000,
    0x40_0000_0000,
    0x40_0000_1000,
    0x40_0020_0000,
    0x20_1000,
    0x7F_FFFF_F000,
    0x7E_1000_0000,
];

/// A call: which, and what its arguments are chosen by.
#[derive(Clone, Copy, Debug)]
struct Step {
    call: usize,
    seeds: [u16; 6],
}

fn step() -> impl Strategy<Value = Step> {
    (11..SystemCall::ALL.len() + 31, any::<[u16; 6]>())
        .prop_map(|(call, seeds)| Step { call, seeds })
}

/// The kinds of call that come more often than once in a list of all.
const FAVOURITES: [SystemCall; 31] = [
    SystemCall::Call,
    SystemCall::ReplyReceive,
    SystemCall::Receive,
    SystemCall::Send,
    SystemCall::TryCall,
    SystemCall::TrySend,
    SystemCall::TryReceive,
    SystemCall::Reply,
    SystemCall::ReplyTo,
    SystemCall::Wait,
    SystemCall::TryWait,
    SystemCall::CallUntil,
    SystemCall::ReceiveUntil,
    SystemCall::WaitUntil,
    SystemCall::ContextConfigure,
    SystemCall::Map,
    SystemCall::Map,
    SystemCall::MapRange,
    SystemCall::MapRange,
    SystemCall::UnmapRange,
    SystemCall::Map,
    SystemCall::CreateFrame,
    SystemCall::CreateThread,
    SystemCall::CreateGate,
    SystemCall::ThreadSetContext,
    SystemCall::ThreadStart,
    SystemCall::SpaceDonate,
    SystemCall::SpaceDonate,
    SystemCall::Unmap,
    SystemCall::Yield,
    SystemCall::Signal,
];

/// Chooses arguments: mostly such that the call can succeed.
struct Chooser<'a> {
    fixture: &'a Fixture,
    seeds: [u16; 6],
}

impl Chooser<'_> {
    fn seed(&self, argument: usize) -> u64 {
        u64::from(self.seeds[argument])
    }

    /// A handle of the current thread's table that names an object of `kind`.
    fn handle(&self, argument: usize, kind: Kind) -> u64 {
        self.handle_with(argument, kind, Rights::NONE)
    }

    /// The same, mostly with `rights`.
    fn handle_with(&self, argument: usize, kind: Kind, rights: Rights) -> u64 {
        let seed = self.seed(argument);
        if seed % 16 == 15 {
            return seed / 16 % 70;
        }
        let handles: Vec<u64> = (1..80)
            .filter(|&handle| self.is_such(handle, kind, rights))
            .collect();
        let index = usize::try_from(seed / 16).expect("small") % handles.len().max(1);
        handles.get(index).copied().unwrap_or(EMPTY)
    }

    fn is_such(&self, handle: u64, kind: Kind, rights: Rights) -> bool {
        let kernel = self.fixture.kernel();
        let found = kernel.capability_of(kernel.current(), handle);
        found.is_ok_and(|found| found.kind() == Some(kind) && found.rights().contains(rights))
    }

    /// A place for a capability: mostly an empty one.
    fn destination(&self, argument: usize) -> u64 {
        let seed = self.seed(argument);
        let table = self.handle(argument, Kind::CapTable);
        let kernel = self.fixture.kernel();
        let slot = if seed % 8 == 7 {
            seed % 300
        } else {
            let empty = (16..80).find(|&slot| {
                let found = kernel.find_empty_slot(table << 32 | slot);
                found.is_ok()
            });
            empty.unwrap_or(20)
        };
        table << 32 | slot
    }

    /// A frame of the memory; mostly a low one.
    fn frame(&self, argument: usize) -> u64 {
        let seed = self.seed(argument);
        let first = self
            .fixture
            .host
            .kernel()
            .memory
            .frames()
            .next()
            .expect("frames")
            .0;
        match seed % 16 {
            15 => crate::host::FIRST_DEVICE + seed / 16 % (crate::host::DEVICES + 1),
            14 => first + FRAMES - 1 - seed / 16 % 8,
            _ => {
                let free: Vec<u64> = self
                    .fixture
                    .host
                    .memory
                    .frames()
                    .map(|frame| frame.0)
                    .filter(|&frame| self.fixture.is_free(frame))
                    .take(8)
                    .collect();
                let index = usize::try_from(seed / 16).expect("small") % free.len().max(1);
                free.get(index).copied().unwrap_or(first)
            }
        }
    }

    /// A frame that is in use.
    fn used_frame(&self, argument: usize) -> u64 {
        let first = self
            .fixture
            .host
            .kernel()
            .memory
            .frames()
            .next()
            .expect("frames")
            .0;
        first + self.seed(argument) % FRAMES
    }

    /// An object number for a kind of `units` units: a new frame, or one that is a pool of them.
    fn object(&self, argument: usize, kind: Kind, units: u64) -> u64 {
        let seed = self.seed(argument);
        let pool = self
            .fixture
            .host
            .memory
            .frames()
            .find(|frame| !seed.is_multiple_of(4) && self.fixture.kind(frame.0) == kind as u8);
        let frame = pool.map_or_else(|| self.frame(argument), |frame| frame.0);
        let misaligned = u64::from(seed % 32 == 9);
        frame * UNITS_PER_FRAME + seed / 4 % (UNITS_PER_FRAME / units) * units + misaligned
    }

    fn page(&self, argument: usize) -> u64 {
        let seed = self.seed(argument);
        let page = PAGES[usize::try_from(seed).expect("small") % PAGES.len()];
        if seed % 32 == 31 {
            page + 8 + (seed << 33)
        } else {
            page
        }
    }

    fn small(&self, argument: usize, bound: u64) -> u64 {
        self.seed(argument) % bound
    }
}

/// Lets the machine remember every translation, and finds one that is wrong.
fn check_translations(fixture: &Fixture) {
    let kernel = fixture.kernel();
    let root_of = |asid: u64| {
        let space: Number<Space> = kernel
            .memory
            .link(kernel.machine(), machine::ASIDS.at(asid));
        let has_root = !space.is_none() && kernel.memory.get(space, space::ROOT) != 0;
        has_root.then(|| kernel.root_of(space))
    };
    assert_eq!(fixture.host.stale_translation(root_of), None);
    for root in (0..16).filter_map(root_of) {
        for page in PAGES {
            fixture.host.touch(root, page);
        }
    }
}

/// What a refused call may change all the same: the way out, and what `Again` keeps.
fn changes_nothing(error: Error, call: SystemCall) -> bool {
    let keeps_progress = error == Error::Again;
    let drops_the_reply = call == SystemCall::SaveCaller && error == Error::Died;
    !keeps_progress && !drops_the_reply
}

/// When nobody runs: interrupts come. Answers whether somebody runs then.
fn wake_somebody(fixture: &Fixture) -> bool {
    fixture.pass(1 << 20);
    for line in 32..crate::host::LINES {
        fixture.kernel().interrupt(line);
        fixture.host.leave_kernel();
        fixture.check();
    }
    !fixture.kernel().current().is_none()
}

fn run(fixture: &Fixture, step: Step) {
    let call = match SystemCall::ALL.get(step.call) {
        Some(&call) => call,
        None => FAVOURITES[step.call - SystemCall::ALL.len()],
    };
    let chooser = Chooser {
        fixture,
        seeds: step.seeds,
    };
    if call.is_message() {
        chooser.message(call);
        return;
    }
    if (call as usize) < SystemCall::Null as usize {
        chooser.range(call);
        return;
    }
    let before = fixture.host.memory.snapshot();
    let answer = chooser
        .create(call)
        .or_else(|| chooser.memory(call))
        .or_else(|| chooser.capability(call))
        .or_else(|| chooser.thread(call));
    if let Some(Err(error)) = answer {
        assert!(call.can_return(error), "{} answers {error:?}", call.name());
        if changes_nothing(error, call) {
            assert!(
                before == fixture.host.memory.snapshot(),
                "{} changed something",
                call.name()
            );
        }
    }
}

/// A fixture in which every call has something to work with.
fn furnish() -> Fixture {
    let fixture = Fixture::new();
    let (endpoint, _) = fixture.create_endpoint();
    let (notification, _) = fixture.create_notification();
    fixture.create_gate(endpoint, 7);
    fixture.create_gate(notification, 1);
    fixture.create(|k, o, d| k.create_reply(MEMORY, o, d));
    fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, 40));
    for priority in [255, 255, 254] {
        let (thread, _) = fixture.create_thread(TABLE, SPACE);
        let (context, _) = fixture.create(|k, o, d| k.create_context(MEMORY, o, d, TIME, priority));
        assert_eq!(
            fixture.call(|k| k.thread_set_context(thread, context)),
            Ok(0)
        );
        assert_eq!(
            fixture.call(|k| k.thread_start(thread, 0x1000, 0, 0)),
            Ok(0)
        );
    }
    let (table, _) = fixture.create_table();
    let (space, _) = fixture.create_space();
    fixture.create_thread(table, space);
    fixture.donate(space, 6);
    fixture.create_frame();
    fixture.create_frame();
    fixture
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 2_000, ..Default::default() })]

    #[test]
    fn invariants_survive_random_calls(steps in proptest::collection::vec(step(), 1..160)) {
        let fixture = furnish();
        for step in steps {
            if fixture.kernel().current().is_none() && !wake_somebody(&fixture) {
                break;
            }
            run(&fixture, step);
            fixture.check();
            fixture.pass(u64::from(step.seeds[5]));
            fixture.host.leave_kernel();
            fixture.check();
            check_translations(&fixture);
        }
        fixture.host.drain_all();
        fixture.check();
        let kernel = fixture.kernel();
        prop_assert_eq!(kernel.memory.get(kernel.core(), core_state::DRAIN), 0);
    }
}

#[test]
fn every_call_but_null_is_made_at_random() {
    let fixture = furnish();
    for &call in SystemCall::ALL.iter().skip(SystemCall::Signal as usize) {
        let chooser = Chooser {
            fixture: &fixture,
            seeds: [0; 6],
        };
        let is_made = chooser.create(call).is_some()
            || chooser.memory(call).is_some()
            || chooser.capability(call).is_some()
            || chooser.thread(call).is_some();
        let is_left_out = call == SystemCall::PlatformControl;
        assert!(is_made != is_left_out, "{}", call.name());
        fixture.host.leave_kernel();
        if fixture.kernel().current().is_none() {
            break;
        }
    }
}
