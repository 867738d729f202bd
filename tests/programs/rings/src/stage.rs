//! Who is there, and what has to hold around each case.

use alloc::format;
use core::fmt::Debug;

use ipc_abi::interface::{CallError, Ticket};
use test_kit::ring::{PeerClient, PeerRing, Pen};
use test_kit::{Fact, Failure, Printer};
use userlib::ring::Ring;
use userlib::{Environment, Gate};

/// How many rounds the bystander uses its ring meanwhile.
const ROUNDS: u32 = 200;

/// A case.
pub(crate) type Case = fn(&mut Stage) -> Fact;

/// Who is there.
pub(crate) struct Stage {
    /// The ring with the honest server.
    pub(crate) target: PeerRing<Ring>,
    /// What is written into it.
    pub(crate) pen: Pen,
    /// The ring with the server that is told what to write.
    pub(crate) rogue: PeerRing<Ring>,
    /// The way to tell it.
    pub(crate) rogue_calls: PeerClient<Gate>,
    /// Where things are in that ring.
    pub(crate) rogue_pen: Pen,
    bystander: PeerClient<Gate>,
    printer: Printer,
}

impl Stage {
    /// Finds everybody.
    pub(crate) fn new(environment: &Environment) -> Result<Stage, Failure> {
        let gate = |name| environment.gate(name).map_err(missing);
        let ring = |name| Ring::take(environment, name).map_err(missing);
        let pen =
            |name| Pen::of_client(environment, name).ok_or(Failure::from("a ring is missing"));
        Ok(Stage {
            target: PeerRing::new(ring("ring-target")?),
            pen: pen("ring-target")?,
            rogue: PeerRing::new(ring("ring-rogue")?),
            rogue_calls: PeerClient::new(gate("ring-rogue")?),
            rogue_pen: pen("ring-rogue")?,
            bystander: PeerClient::new(gate("ring-bystander")?),
            printer: Printer::new(environment),
        })
    }

    /// Does a case while the bystander is at work.
    pub(crate) fn perform(&mut self, name: &str, case: Case) {
        let fact = self
            .begin()
            .and_then(|()| case(self))
            .and_then(|()| self.finish());
        self.printer.report(&format!("rings/{name}"), fact);
    }

    fn begin(&mut self) -> Fact {
        self.reopen()?;
        self.bystander.begin(ROUNDS).map_err(missing)
    }

    /// Both rings work when they are opened anew, and the bystander has noticed nothing.
    fn finish(&mut self) -> Fact {
        self.reopen()?;
        let count = self.bystander.count().map_err(missing)?;
        Failure::unless_same("the bystander", count, (ROUNDS, 0))
    }

    /// Opens both rings, and tries them.
    pub(crate) fn reopen(&mut self) -> Fact {
        for ring in [&mut self.target, &mut self.rogue] {
            ring.transport().open().map_err(missing)?;
            let sum = ring.add(20, 22).map_err(missing)?;
            let echo = ring.echo("echo").map_err(missing)?;
            Failure::unless_same("the sum", ring.transport().wait(sum), Ok(42))?;
            let echo = ring.transport().wait(echo);
            let is_right = echo.is_ok_and(|text| text == "echo");
            Failure::unless(is_right, "the echo is wrong")?;
        }
        Ok(())
    }

    /// Submits a sum to the target and lets it know.
    pub(crate) fn submit(&mut self) -> Result<Ticket<Result<u64, CallError>>, Failure> {
        let ticket = self.target.add(1, 2).map_err(missing)?;
        self.target.transport().flush();
        Ok(ticket)
    }

    /// Submits a sum to the rogue, which has answered it when this comes back.
    pub(crate) fn submit_to_rogue(&mut self) -> Result<Ticket<Result<u64, CallError>>, Failure> {
        let ticket = self.rogue.add(1, 2).map_err(missing)?;
        self.rogue.transport().flush();
        Ok(ticket)
    }

    /// Lets the rogue write a word of the ring.
    pub(crate) fn let_scribble(&mut self, word: usize, value: u64) -> Fact {
        let word = u32::try_from(word).unwrap_or(u32::MAX);
        self.rogue_calls.scribble(word, value).map_err(missing)
    }

    /// Prints a note.
    pub(crate) fn note(&mut self, text: &str) {
        self.printer.print(&format!("note rings: {text}"));
    }

    /// Tells that all cases are done.
    pub(crate) fn end(&mut self) {
        self.printer.end();
    }
}

/// Something that always goes well did not.
pub(crate) fn missing<E: Debug>(error: E) -> Failure {
    Failure(format!("{error:?}"))
}
