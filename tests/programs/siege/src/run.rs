//! The siege: lives of the hostile process, one after the other.

use alloc::format;

use ipc_abi::call::{PlatformOperation, SystemCall};
use ipc_abi::capability::Kind;
use test_kit::service::VictimClient;
use test_kit::{Fact, Failure, Harness, Message, Printer, RAIDERS, Raid, Random, World};
use userlib::Environment;

use crate::hint;
use crate::life::{FRAMES, IRQS, Life};

/// Everything random follows from this.
const SEED: u64 = 0x0BAD_5EED_51E6_E000;
/// Calls of a life.
const LIFE: u64 = 60_000;
/// How often raiders that make no progress are started anew before the life ends.
const PATIENCE: u32 = 3;
/// Calls that are enough for all but a few calls to have succeeded.
const CALLS_ENOUGH: u64 = 300_000;
/// Calls that may never have.
const FAILED_MAX: u32 = 2;
/// What the hostile process cannot do: it has no right to the platform, no device, and no 2 MiB of which
/// nothing is used.
const BEYOND: [SystemCall; 4] = [
    SystemCall::PlatformControl,
    SystemCall::FrameGive,
    SystemCall::DeviceConfirmReset,
    SystemCall::CreateLargeFrame,
];
/// How long raiders that make no progress are given to wait for budgets and deadlines, in ticks.
const REST_TICKS: u64 = 1 << 18;
/// How many interrupt lines the program has.
const OWN_IRQS: u64 = 8;
/// Cycles of quiet: two seconds of the emulator's.
const QUIET_CYCLES: u64 = 2_000_000_000;
/// Slots for the capabilities of a life.
const SLOTS: u64 = 64;

/// Runs the siege; does not return.
pub(crate) fn main(environment: Environment) {
    let mut printer = Printer::new(&environment);
    let mut host = Harness::new(&environment);
    let authority = test_kit::authority(&environment);
    let off = [authority.platform, PlatformOperation::PowerOff as u64];
    let mut world = match World::new(authority) {
        Ok(world) => world,
        Err(why) => panic!("no world: {}", why.0),
    };
    let fact = besiege(&environment, &mut world, &mut host);
    printer.report("siege/random_system_calls", fact);
    printer.end();
    let refused = world.must(SystemCall::PlatformControl, &off);
    panic!("the machine is still on: {refused:?}");
}

/// What the siege needs.
struct Siege {
    random: Random,
    bell: u64,
    first_slot: u64,
    /// Those of a life's lines.
    first_line: u64,
    victim: u64,
    calls: u64,
    goal: u64,
    lives: u32,
    restarts: u32,
}

fn besiege(environment: &Environment, world: &mut World, host: &mut Harness) -> Fact {
    let missing = |_| Failure::from("the victim is missing");
    let victim = environment.handle("victim", Kind::Gate).map_err(missing)?;
    let mut client = VictimClient::new(environment.gate("victim").map_err(missing)?);
    let bell = world.notification()?;
    let bell_gate = world.gate(bell, 1)?;
    let first_slot = world.slots(SLOTS);
    // A life gets the last of the program's lines.
    let first_line = world.spare_line()? + OWN_IRQS - IRQS;
    let mut siege = Siege {
        random: Random::new(SEED),
        bell,
        first_slot,
        first_line,
        victim: u64::from(victim),
        calls: 0,
        goal: host.ask("siege: how many calls? "),
        lives: 0,
        restarts: 0,
    };
    Failure::unless(client.is_unharmed() == Ok(true), "the victim was harmed")?;
    world.start_watchdog(bell_gate)?;
    // A first life, so that everything that a life leaves behind for good is there before.
    let first = siege.rehearse(world)?;
    let page = world.raid_page()?;
    host.tell(&format!("siege: {first:#x} {FRAMES:#x} {page:#x}\n"));
    host.be_quiet(world, QUIET_CYCLES);
    while siege.calls < siege.goal {
        siege.live(world, host)?;
    }
    host.be_quiet(world, QUIET_CYCLES);
    Failure::unless(client.is_unharmed() == Ok(true), "the victim was harmed")?;
    siege.judge(world, host)?;
    let (calls, lives, restarts) = (siege.calls, siege.lives, siege.restarts);
    host.tell(&format!(
        "siege: {calls} calls, {lives} lives, {restarts} restarts\n"
    ));
    Ok(())
}

impl Siege {
    /// Which calls never succeeded: if they are many, the siege was none.
    fn judge(&self, world: &World, host: &mut Harness) -> Fact {
        let raids: [Raid; RAIDERS] = core::array::from_fn(|number| Raid {
            number: number as u64,
            seed: 1,
            calls: 0,
            first_frame: 0,
            frames: 1,
            first_line: 0,
        });
        let mut failed = 0;
        for call in SystemCall::ALL.iter().filter(|it| !BEYOND.contains(it)) {
            let each = raids.iter().map(|raid| world.successes(raid, *call));
            if each.sum::<u64>() == 0 {
                host.tell(&format!("siege: {} never succeeded\n", call.name()));
                failed += 1;
            }
        }
        let is_enough = self.goal < CALLS_ENOUGH || failed <= FAILED_MAX;
        Failure::unless(is_enough, "too many calls never succeeded")
    }

    /// A life without a call; the first frame of its region, which is that of all.
    fn rehearse(&mut self, world: &mut World) -> Result<u64, Failure> {
        let life = Life::begin(world, self.first_slot, self.victim, self.first_line)?;
        let first = life.first_frame();
        life.end(world).map(|()| first)
    }

    /// One life; the harness looks in the middle of the last one.
    fn live(&mut self, world: &mut World, host: &mut Harness) -> Fact {
        let life = Life::begin(world, self.first_slot, self.victim, self.first_line)?;
        let calls = LIFE.min(self.goal - self.calls).div_ceil(RAIDERS as u64);
        let raids: [Raid; RAIDERS] =
            core::array::from_fn(|number| life.raid(number as u64, self.random.word(), calls));
        for raid in &raids {
            world.brief(raid);
            hint::all(world, raid, &mut self.random);
        }
        let done = self.watch(world, &life, &raids, calls)?;
        self.calls += done;
        self.lives += 1;
        if self.calls >= self.goal {
            host.be_quiet(world, QUIET_CYCLES);
        }
        life.end(world)
    }

    /// Starts the raiders again and again, until they have made all their calls or can make no more;
    /// how many they made.
    fn watch(
        &mut self,
        world: &mut World,
        life: &Life,
        raids: &[Raid],
        calls: u64,
    ) -> Result<u64, Failure> {
        let all = calls * RAIDERS as u64;
        let (mut left, mut patience) = (all, PATIENCE);
        while left > 0 && patience > 0 {
            for (thread, raid) in life.threads().into_iter().zip(raids) {
                // It may be dead, or stopped.
                let _ = world.function(SystemCall::ThreadStop, &[thread]);
                if world.calls_left(raid) > 0 {
                    let _ = world.start_raider(thread, raid);
                }
            }
            self.restarts += 1;
            world.must_message(SystemCall::Wait, &Message::to(self.bell, 0))?;
            let now = raids.iter().map(|raid| world.calls_left(raid)).sum();
            if now < left {
                patience = PATIENCE;
            } else {
                patience -= 1;
                let rest = userlib::read_ticks() + REST_TICKS;
                world.must(SystemCall::Sleep, &[rest])?;
            }
            left = now;
        }
        Ok(all - left)
    }
}
