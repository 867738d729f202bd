//! Agents: threads that do a script.

use alloc::format;
use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, ThreadState};
use ipc_abi::error::Error;

use crate::failure::{Fact, Failure};
use crate::raw;
use crate::step::{Received, STEP_BYTES, STEP_WORDS, Step, status, word};
use crate::world::{AREA, CODE_PAGES, PAGE, World};

/// The most agents of a world: a page of steps each.
pub(crate) const AGENT_PAGES: u64 = 16;
/// The most steps of a script.
pub(crate) const STEPS_MAX: usize = 4096 / STEP_BYTES - 1;

/// A thread of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agent(usize);

/// What a world knows of an agent.
pub(crate) struct AgentState {
    thread: u64,
    context: u64,
    page: u64,
    script: Vec<Step>,
}

/// What an agent is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its priority.
    pub priority: u64,
    /// Its table; 0 for the program's own.
    pub table: u64,
    /// Its space, made by [`World::agent_space`]; 0 for the program's own.
    pub space: u64,
    /// The gate to its fault handler; 0 for none: then it stops at the end of its script, and can be
    /// given another.
    pub handler: u64,
}

impl Plan {
    /// A thread beside the program's own.
    #[must_use]
    pub const fn beside(priority: u64) -> Plan {
        Plan {
            priority,
            table: 0,
            space: 0,
            handler: 0,
        }
    }
}

impl World {
    /// Makes an agent beside the program's own thread: of the same table and space.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn agent(&mut self, priority: u64) -> Result<Agent, Failure> {
        self.planned_agent(Plan::beside(priority))
    }

    /// Makes an agent.
    ///
    /// # Errors
    ///
    /// What the kernel refused; that there are too many.
    pub fn planned_agent(&mut self, plan: Plan) -> Result<Agent, Failure> {
        let own = self.authority;
        let table = if plan.table == 0 {
            own.table
        } else {
            plan.table
        };
        let space = if plan.space == 0 {
            own.space
        } else {
            plan.space
        };
        let number = self.agents.len();
        let Some(frame) = self.pages.get(number).copied() else {
            return Err(Failure::from("there are too many agents"));
        };
        let page = AREA + (CODE_PAGES + number as u64) * PAGE;
        if plan.space != 0 {
            self.map(space, frame, page, Access::READ_WRITE)?;
        }
        let thread = self.thread(table, space)?;
        let context = self.context(plan.priority)?;
        self.must(SystemCall::ThreadSetContext, &[thread, context])?;
        if plan.handler != 0 {
            self.must(SystemCall::ThreadSetHandler, &[thread, plan.handler])?;
        }
        self.agents.push(AgentState {
            thread,
            context,
            page,
            script: Vec::new(),
        });
        Ok(Agent(number))
    }

    /// Ends the last agent that was made; its pages serve the next.
    ///
    /// # Errors
    ///
    /// What the kernel refused; that another was made later.
    pub fn forget_agent(&mut self, agent: Agent) -> Fact {
        Failure::unless_same("the last agent", agent.0 + 1, self.agents.len())?;
        let thread = self.thread_of(agent);
        self.destroy(thread)?;
        self.agents.pop();
        Ok(())
    }

    /// The handle of an agent's thread.
    #[must_use]
    pub fn thread_of(&self, agent: Agent) -> u64 {
        self.agents[agent.0].thread
    }

    /// The handle of an agent's scheduling context.
    #[must_use]
    pub fn context_of(&self, agent: Agent) -> u64 {
        self.agents[agent.0].context
    }

    /// Where, in an agent's code, it goes on after an action.
    #[must_use]
    pub fn after_action(&self) -> u64 {
        AREA + raw::agent_after_offset()
    }

    /// Lets an agent do a script. An agent of higher priority than this thread has done it, or waits
    /// in it, when this returns.
    ///
    /// # Errors
    ///
    /// What the kernel refused; that the script is too long.
    pub fn run(&mut self, agent: Agent, script: &[Step]) -> Fact {
        if script.len() > STEPS_MAX {
            return Err(Failure::from("a script is too long"));
        }
        let page = self.agents[agent.0].page;
        for (index, step) in script.iter().chain([&Step::END]).enumerate() {
            self.write_step(step_address(page, index), step);
        }
        self.agents[agent.0].script = Vec::from(script);
        let seed = self.new_seed();
        let thread = self.thread_of(agent);
        self.must(SystemCall::ThreadStart, &[thread, AREA, seed & !15, page])
            .map(|_| ())
    }

    fn write_step(&mut self, address: u64, step: &Step) {
        for (index, value) in (0..).zip(step.words) {
            raw::write_word(address + 8 * index, value);
        }
    }

    fn read_step(&self, agent: Agent, index: usize) -> Step {
        let address = step_address(self.agents[agent.0].page, index);
        let mut step = Step::END;
        for (place, word) in (0..STEP_WORDS as u64).zip(&mut step.words) {
            *word = raw::read_word(address + 8 * place);
        }
        step
    }

    /// The registers of an agent after a step.
    ///
    /// # Errors
    ///
    /// If it did not do the step.
    pub fn result(&mut self, agent: Agent, index: usize) -> Result<Step, Failure> {
        let step = self.read_step(agent, index);
        let sent = self.agents[agent.0].script[index];
        if !step.is_done() {
            let name = sent.call().map_or("an action", SystemCall::name);
            let state = self.state_of(agent)?;
            return Err(Failure(format!(
                "step {index} of an agent ({name}) is not done: {state:?}"
            )));
        }
        if let Err(why) = step.check(&sent) {
            self.note_violation(format!("agent: {why}"));
        }
        Ok(step)
    }

    /// The registers of an agent after a step; `None` if it did not do it.
    pub fn peek(&mut self, agent: Agent, index: usize) -> Option<Step> {
        let step = self.read_step(agent, index);
        let sent = self.agents[agent.0].script[index];
        if !step.is_done() {
            return None;
        }
        if let Err(why) = step.check(&sent) {
            self.note_violation(format!("agent: {why}"));
        }
        Some(step)
    }

    /// What an agent's message call brought, which must not be refused.
    ///
    /// # Errors
    ///
    /// If it was, or is not done.
    pub fn received(&mut self, agent: Agent, index: usize) -> Result<Received, Failure> {
        let received = self.result(agent, index)?.received();
        match (
            received.refusal(),
            self.agents[agent.0].script[index].call(),
        ) {
            (Some(error), Some(call)) => Err(Failure::refused(call, error)),
            (Some(_) | None, Some(_) | None) => Ok(received),
        }
    }

    /// How an agent's call must have been refused.
    ///
    /// # Errors
    ///
    /// If it was not, or is not done.
    pub fn expect_refused(&mut self, agent: Agent, index: usize, error: Error) -> Fact {
        let step = self.result(agent, index)?;
        let Some(call) = self.agents[agent.0].script[index].call() else {
            return Err(Failure::from("an action is never refused"));
        };
        let found = if call.is_message() {
            step.received().refusal()
        } else {
            step.answer().err()
        };
        self.expect(call, found, error)
    }

    /// Whether an agent is inside a step.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn expect_inside(&mut self, agent: Agent, index: usize) -> Fact {
        let found = self.read_step(agent, index).words[word::STATUS];
        Failure::unless_same("the status of an agent's step", found, status::RUNNING)
    }

    /// What an agent's thread is doing.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn state_of(&mut self, agent: Agent) -> Result<ThreadState, Failure> {
        let raw = self.must(SystemCall::ThreadInspect, &[self.agents[agent.0].thread])?;
        let state = ThreadState::ALL.iter().find(|state| **state as u64 == raw);
        state
            .copied()
            .ok_or_else(|| Failure(format!("{raw} is no state of a thread")))
    }

    /// What an agent's thread must be doing.
    ///
    /// # Errors
    ///
    /// If it does something else.
    pub fn expect_state(&mut self, agent: Agent, state: ThreadState) -> Fact {
        let found = self.state_of(agent)?;
        Failure::unless_same("the state of an agent", found, state)
    }

    /// Gives an agent of the program's own space a message buffer; its address.
    ///
    /// # Errors
    ///
    /// What the kernel refused.
    pub fn give_buffer(&mut self, agent: Agent) -> Result<u64, Failure> {
        let (frame, address) = self.mapped_frame(Access::READ_WRITE)?;
        self.must(SystemCall::ThreadSetBuffer, &[self.thread_of(agent), frame])?;
        Ok(address)
    }
}

fn step_address(page: u64, index: usize) -> u64 {
    page + (index * STEP_BYTES) as u64
}
