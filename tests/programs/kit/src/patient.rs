//! Patients: agents whose faults the program's own thread handles.

use ipc_abi::call::SystemCall;
use ipc_abi::fault::{FaultCause, FaultReply};
use ipc_abi::tag::{MessageKind, Tag};

use crate::agent::{Agent, Plan};
use crate::failure::{Fact, Failure};
use crate::step::{Message, Received, Step};
use crate::world::World;

/// The badge of the handler's gate.
const BADGE: u64 = 0xFA17;

/// An agent whose faults this thread handles.
#[derive(Clone, Copy, Debug)]
pub struct Patient {
    /// The agent.
    pub agent: Agent,
    /// Where its faults arrive.
    pub endpoint: u64,
}

impl World {
    /// Makes a patient beside the program's own thread.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn patient(&mut self, priority: u64) -> Result<Patient, Failure> {
        let endpoint = self.endpoint()?;
        let handler = self.gate(endpoint, BADGE)?;
        let plan = Plan {
            handler,
            ..Plan::beside(priority)
        };
        let agent = self.planned_agent(plan)?;
        Ok(Patient { agent, endpoint })
    }

    /// Takes the next fault of a patient.
    ///
    /// # Errors
    ///
    /// If what comes is no fault of it.
    pub fn next_fault(&mut self, patient: Patient) -> Result<Received, Failure> {
        let fault = self.must_message(SystemCall::Receive, &Message::to(patient.endpoint, 1))?;
        Failure::unless_same("the kind", fault.tag.kind(), Some(MessageKind::Fault))?;
        Failure::unless_same("the badge", fault.badge, BADGE)?;
        Ok(fault)
    }

    /// Tells the cause of a patient's next fault, which must be this one, at this place.
    ///
    /// # Errors
    ///
    /// If it is another.
    pub fn expect_next(&mut self, patient: Patient, cause: FaultCause, pc: u64) -> Fact {
        let fault = self.next_fault(patient)?;
        Failure::unless_same("the cause", fault.words[0], cause as u64)?;
        Failure::unless_same("the program counter", fault.words[1], pc)
    }

    /// Answers a fault with its own message, changed.
    ///
    /// # Errors
    ///
    /// If the answer is refused.
    pub fn rewrite(&mut self, words: [u64; 16], length: u16) -> Fact {
        let tag = Tag::new(FaultReply::Rewrite as u16, length);
        let message = Message {
            words,
            ..Message::to(0, 1)
        };
        self.must_message(SystemCall::Reply, &message.tagged(tag))
            .map(|_| ())
    }

    /// Answers a fault.
    ///
    /// # Errors
    ///
    /// If the answer is refused.
    pub fn answer_fault(&mut self, reply: FaultReply, address: u64) -> Fact {
        let message = Message::to(0, 1)
            .tagged(Tag::new(reply as u16, 8))
            .with_word(0, address);
        self.must_message(SystemCall::Reply, &message).map(|_| ())
    }

    /// Lets a patient go on behind the action that faulted.
    ///
    /// # Errors
    ///
    /// If the answer is refused.
    pub fn skip_action(&mut self) -> Fact {
        let after = self.after_action();
        self.answer_fault(FaultReply::ContinueAt, after)
    }

    /// Lets a patient do an action that must fault; tells the fault. The patient goes on behind it
    /// and ends.
    ///
    /// # Errors
    ///
    /// If it does not fault.
    pub fn fault_of(&mut self, patient: Patient, step: Step) -> Result<Received, Failure> {
        self.run(patient.agent, &[step])?;
        let fault = self.next_fault(patient)?;
        self.skip_action()?;
        // Its script ends with a breakpoint.
        let end = self.next_fault(patient)?;
        let breakpoint = FaultCause::Breakpoint as u64;
        Failure::unless_same("the cause of the end", end.words[0], breakpoint)?;
        self.answer_fault(FaultReply::Stop, 0)?;
        Ok(fault)
    }

    /// Compares a fault with what it must be.
    ///
    /// # Errors
    ///
    /// If it is another.
    pub fn expect_fault(fault: &Received, cause: FaultCause, address: u64) -> Fact {
        Failure::unless_same("the cause", fault.words[0], cause as u64)?;
        Failure::unless_same("the address", fault.words[2], address)
    }
}
