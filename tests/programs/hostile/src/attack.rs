//! An attack, and looking at what is left afterwards.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Kind;
use ipc_abi::service::supervisor::{MemoryInfo, SupervisorClient};
use test_kit::service::{Direction, PASSWORD, VictimClient, VictimError};
use test_kit::{Authority, Fact, Failure, Printer, Random, Step, perform, place_in};
use userlib::{Environment, Gate};

/// Everything random follows from this.
const SEED: u64 = 0x0BAD_5EED_0BAD_5EED;
/// How the victim must answer a text that is too long.
const TOO_LONG: ipc_abi::interface::Failure<VictimError> =
    ipc_abi::interface::Failure::Service(VictimError::TooLong);
/// Slots of a table.
const SLOTS: u64 = 256;

/// The process, and what it can reach.
pub(crate) struct Attacker {
    /// What it was given.
    pub(crate) authority: Authority,
    /// The handle of the gate to the victim.
    pub(crate) victim_gate: u64,
    /// The handle of the gate to the supervisor.
    pub(crate) supervisor_gate: u64,
    /// The handle of the gate to the console, which is not attacked: what is printed is how we know.
    pub(crate) console_gate: u64,
    victim: VictimClient<Gate>,
    supervisor: SupervisorClient<Gate>,
}

impl Attacker {
    /// Finds whom to attack.
    pub(crate) fn new(environment: &Environment) -> Result<Attacker, Failure> {
        let missing = |_| Failure::from("a gate is missing");
        let gate = |name| environment.gate(name).map_err(missing);
        let handle = |name| {
            environment
                .handle(name, Kind::Gate)
                .map(u64::from)
                .map_err(missing)
        };
        Ok(Attacker {
            authority: test_kit::authority(environment),
            victim_gate: handle("victim")?,
            supervisor_gate: handle("supervisor")?,
            console_gate: handle("console")?,
            victim: VictimClient::new(gate("victim")?),
            supervisor: SupervisorClient::new(gate("supervisor")?),
        })
    }

    /// Attacks, and looks at what is left.
    pub(crate) fn attack(
        &mut self,
        name: &str,
        run: fn(&mut Attacker, &mut Random) -> Fact,
        printer: &mut Printer,
    ) {
        let before = self.look();
        let fact = match &before {
            Ok(_) => run(self, &mut Random::new(SEED)),
            Err(why) => Err(why.clone().at("before")),
        };
        self.empty_slots();
        let after = self.look();
        let fact = fact.and_then(|()| Failure::unless_same("afterwards", after, before));
        let fact = fact.map_err(|why| why.at(&format!("seed {SEED:#x}")));
        printer.report(&format!("hostile/{name}"), fact);
    }

    /// What the others are like: that the victim answers correctly and is unharmed, how much memory
    /// the supervisor counts, and what this process holds.
    fn look(&mut self) -> Result<(MemoryInfo, Vec<u64>), Failure> {
        self.ask()
            .map_err(|what| Failure(format!("the victim {what}")))?;
        let Ok(memory) = self.supervisor.memory() else {
            return Err(Failure::from("the supervisor does not answer"));
        };
        let table = self.authority.table;
        let held = (1..SLOTS).map(|slot| self.inspect(place_in(table, slot)));
        Ok((memory, held.collect()))
    }

    fn inspect(&self, place: u64) -> u64 {
        let step = Step::function(SystemCall::CapabilityInspect, &[place], 1);
        perform(step).0.answer().unwrap_or(u64::MAX)
    }

    /// Asks the victim one question of each sort.
    fn ask(&mut self) -> Result<(), &'static str> {
        let long = String::from_utf8(Vec::from([b'x'; 201])).unwrap_or_default();
        let right = self.victim.add(u64::MAX, 3) == Ok(2)
            && self.victim.echo("äöü").is_ok_and(|text| text == "äöü")
            && self
                .victim
                .echo(&long)
                .is_err_and(|error| error == TOO_LONG)
            && self.victim.count(&[1, 2, 3, 0], Some(1)) == Ok(2)
            && self.victim.turn(Direction::North, true) == Ok(Direction::West);
        if !right {
            return Err("answers wrongly");
        }
        match self.victim.is_unharmed() {
            Ok(true) => Ok(()),
            Ok(false) => Err("was harmed"),
            Err(_) => Err("does not answer"),
        }
    }

    /// Empties the slots that an attack filled.
    fn empty_slots(&self) {
        let own = self.authority;
        for slot in own.first_slot..SLOTS {
            let place = place_in(own.table, slot);
            let _ = perform(Step::function(SystemCall::CapabilityDelete, &[place], 1));
        }
    }

    /// Ends the test: by the victim's hand, since this process has no such right.
    pub(crate) fn finish(&mut self) {
        let answer = self.victim.finish(PASSWORD);
        panic!("the machine is still on: {answer:?}");
    }
}
