//! The server, its guests, and who can kill them.

use alloc::format;

use ipc_abi::service::supervisor::SupervisorClient;
use test_kit::{Fact, Failure};
use userlib::time::{Duration, sleep};
use userlib::{Environment, EnvironmentError, Gate};

use crate::service::{Errand, GuestClient, Look, PatienceClient};

/// How often is looked whether something is so, and how long is waited before it is looked again.
const LOOKS: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(2);

/// How many guests there are.
pub(crate) const GUESTS: usize = 4;
/// What they are called.
const GUEST_NAMES: [&str; GUESTS] = ["guest-1", "guest-2", "guest-3", "guest-4"];

/// Everybody.
pub(crate) struct Stage {
    /// The server.
    pub(crate) patience: PatienceClient<Gate>,
    guests: [GuestClient<Gate>; GUESTS],
    /// The supervisor.
    pub(crate) supervisor: SupervisorClient<Gate>,
    /// How the server was when the case began.
    start: Look,
}

impl Stage {
    /// Finds everybody.
    pub(crate) fn find(environment: &Environment) -> Result<Stage, EnvironmentError> {
        let guest = |name| environment.gate(name).map(GuestClient::new);
        let [first, second, third, fourth] = GUEST_NAMES;
        Ok(Stage {
            patience: PatienceClient::new(environment.gate("patience")?),
            guests: [guest(first)?, guest(second)?, guest(third)?, guest(fourth)?],
            supervisor: SupervisorClient::new(environment.gate("supervisor")?),
            start: Look::default(),
        })
    }

    /// How the server is.
    pub(crate) fn look(&mut self) -> Result<Look, Failure> {
        let look = self.patience.look();
        look.map_err(|error| Failure(format!("no look: {error}")))
    }

    /// Begins a case: nobody is inside.
    pub(crate) fn begin(&mut self) -> Fact {
        self.start = self.look()?;
        Failure::unless_same("who is inside at first", self.start.inside, 0)
    }

    /// Begins anew, after the server died.
    pub(crate) fn forget(&mut self) {
        self.start = Look::default();
    }

    /// Sends a guest, counted from 0, on an errand.
    pub(crate) fn send(&mut self, guest: usize, errand: Errand) -> Fact {
        let guest = self.guests.get_mut(guest).ok_or("there is no such guest")?;
        let sent = guest.go(errand);
        sent.map_err(|error| Failure(format!("the guest does not go: {error}")))
    }

    /// What the guest must bring.
    pub(crate) fn expect(&mut self, guest: usize, wanted: &str) -> Fact {
        let client = self.guests.get_mut(guest).ok_or("there is no such guest")?;
        let outcome = client.outcome();
        let outcome = outcome.map_err(|error| Failure(format!("no outcome: {error}")))?;
        let what = format!("what guest {} brings", guest + 1);
        Failure::unless_same(&what, outcome.as_str(), wanted)
    }

    /// What a guest must bring that has passed the door: its number.
    pub(crate) fn expect_passed(&mut self, guest: usize) -> Fact {
        let number = self.number_of(GUEST_NAMES.get(guest).copied().unwrap_or_default())?;
        self.expect(guest, &format!("{number}"))
    }

    /// Waits until so many are inside, and so many were cut off since the case began.
    pub(crate) fn wait_until(&mut self, inside: u32, dropped: u32) -> Result<Look, Failure> {
        let mut look = self.look()?;
        for _ in 0..LOOKS {
            if (look.inside, look.dropped - self.start.dropped) == (inside, dropped) {
                return Ok(look);
            }
            sleep(PAUSE);
            look = self.look()?;
        }
        Err(Failure(format!("{look:?}, from {:?}", self.start)))
    }

    /// The number of the process that is called so.
    pub(crate) fn number_of(&mut self, name: &str) -> Result<u32, Failure> {
        for (number, process) in (0..).zip(self.supervisor.processes()) {
            match process {
                Ok(process) if process.name == name => return Ok(number),
                Ok(_) => {}
                Err(error) => return Err(Failure(format!("no processes: {error}"))),
            }
        }
        Err(Failure(format!("nobody is called {name}")))
    }

    /// Kills a guest, counted from 0.
    pub(crate) fn kill_guest(&mut self, guest: usize) -> Fact {
        self.kill(GUEST_NAMES.get(guest).copied().unwrap_or_default())
    }

    /// Kills a process.
    pub(crate) fn kill(&mut self, name: &str) -> Fact {
        let number = self.number_of(name)?;
        let killed = self.supervisor.kill(number);
        killed.map_err(|error| Failure(format!("{name} is not killed: {error:?}")))
    }
}
