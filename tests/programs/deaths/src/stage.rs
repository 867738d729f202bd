//! What a scenario is built with, and how it ends.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::ThreadState;
use ipc_abi::error::Error;
use ipc_abi::time::{BUDGET_TICKS_MIN, NEVER};
use test_kit::{Action, Agent, Fact, Failure, Message, Plan, Step, World};

/// A priority above the program's own: such an agent runs at once, until it waits.
pub(crate) const HIGH: u64 = 110;
/// A priority below: such an agent runs only while the program sleeps.
pub(crate) const LOW: u64 = 90;
/// A priority between that and the program's own.
pub(crate) const MIDDLE: u64 = 95;
/// Ticks of a period so long that no refill comes.
pub(crate) const PERIOD: u64 = 1 << 36;
/// Ticks until a deadline that never comes.
const FAR: u64 = 1 << 40;
/// How long the program sleeps for the less important, in ticks, and how often at most.
const NAP_TICKS: u64 = 2000;
const NAPS: u64 = 100_000;
/// Ways out of the kernel after which everybody was told of a death.
const WAYS_OUT: u64 = 16;
/// Calls of `reclaim` after which a frame of dead objects must be free.
const RECLAIMS: u64 = 1000;

/// What a call of an agent came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its call of this step was refused with `Died`.
    Died(usize),
    /// It is inside this step.
    Inside(usize),
    /// It is stopped.
    Stopped,
}

/// Where a scenario is built.
pub(crate) struct Stage<'a> {
    pub(crate) world: &'a mut World,
    /// What dies.
    pub(crate) victim: u64,
    /// Who destroys it; this thread, if nobody is here.
    pub(crate) killer: Option<Agent>,
    expected: Vec<(Agent, Outcome)>,
    regions: Vec<u64>,
}

impl Stage<'_> {
    pub(crate) fn new(world: &mut World) -> Stage<'_> {
        Stage {
            world,
            victim: 0,
            killer: None,
            expected: Vec::new(),
            regions: Vec::new(),
        }
    }

    // ---- Building ----------------------------------------------------------------------------

    /// Names the victim, and what becomes of whom when it dies first.
    pub(crate) fn dies(&mut self, victim: u64, expected: &[(Agent, Outcome)]) -> Fact {
        self.victim = victim;
        self.expected = expected.to_vec();
        Ok(())
    }

    /// The same for a thread.
    pub(crate) fn agent_dies(&mut self, victim: Agent, expected: &[(Agent, Outcome)]) -> Fact {
        let thread = self.world.thread_of(victim);
        self.dies(thread, expected)
    }

    /// An agent above this thread that has done a script, or waits in it.
    pub(crate) fn actor(&mut self, script: &[Step]) -> Result<Agent, Failure> {
        self.actor_as(Plan::beside(HIGH), script)
    }

    /// An agent of a plan that was started with a script.
    pub(crate) fn actor_as(&mut self, plan: Plan, script: &[Step]) -> Result<Agent, Failure> {
        let agent = self.world.planned_agent(plan)?;
        self.world.run(agent, script)?;
        Ok(agent)
    }

    /// An agent below this thread that is inside `step` of its script, in a certain state.
    pub(crate) fn low_actor(
        &mut self,
        plan: Plan,
        script: &[Step],
        (step, state): (usize, ThreadState),
    ) -> Result<Agent, Failure> {
        let agent = self.actor_as(plan, script)?;
        self.nap_until(agent, step, state)?;
        Ok(agent)
    }

    /// Sleeps until an agent is inside a step, in a certain state.
    pub(crate) fn nap_until(&mut self, agent: Agent, step: usize, state: ThreadState) -> Fact {
        for _ in 0..NAPS {
            if self.world.expect_inside(agent, step).is_ok() && self.world.state_of(agent)? == state
            {
                return Ok(());
            }
            self.nap()?;
        }
        Err(Failure::from("an agent never came where it was to be"))
    }

    /// Lets the less important run for a while.
    fn nap(&mut self) -> Fact {
        let soon = userlib::read_ticks() + NAP_TICKS;
        self.done(SystemCall::Sleep, &[soon])
    }

    /// An endpoint, a gate to it, and a server that has received nothing yet; it sleeps for ever once
    /// it has.
    pub(crate) fn server(&mut self) -> Result<(Agent, u64, u64), Failure> {
        let endpoint = self.world.endpoint()?;
        let gate = self.world.gate(endpoint, 7)?;
        let server = self.actor(&[receive(endpoint), park()])?;
        Ok((server, endpoint, gate))
    }

    /// A server without a context.
    pub(crate) fn poor_server(&mut self) -> Result<(Agent, u64, u64), Failure> {
        let (server, endpoint, gate) = self.server()?;
        self.forget(self.world.context_of(server))?;
        Ok((server, endpoint, gate))
    }

    /// A client that called a server, which serves it; endpoint and gate.
    pub(crate) fn served(&mut self) -> Result<(Agent, Agent, [u64; 2]), Failure> {
        let (server, endpoint, gate) = self.server()?;
        let client = self.actor(&[call(gate)])?;
        Ok((client, server, [endpoint, gate]))
    }

    /// An agent whose fault is on its way through a gate.
    pub(crate) fn faulty(&mut self, gate: u64) -> Result<Agent, Failure> {
        let plan = Plan {
            handler: gate,
            ..Plan::beside(HIGH)
        };
        self.actor_as(plan, &[Step::action(Action::Undefined, 0, 0, 9)])
    }

    /// Gives an agent's context the shortest budget in the longest period.
    pub(crate) fn limit(&mut self, context: u64, priority: u64) -> Fact {
        let time = self.world.authority.time;
        let arguments = [context, time, priority, BUDGET_TICKS_MIN, PERIOD];
        self.world
            .must(SystemCall::ContextConfigure, &arguments)
            .map(|_| ())
    }

    /// A frame of memory from which a spin can be ended, which nobody does.
    pub(crate) fn spin(&mut self) -> Result<Step, Failure> {
        use ipc_abi::capability::Access;
        let (_, address) = self.world.mapped_frame(Access::READ_WRITE)?;
        Ok(Step::action(Action::Spin, address, 0, 9))
    }

    /// A region; the handle.
    pub(crate) fn region(&mut self, frames: u64) -> Result<u64, Failure> {
        let region = self.world.region(frames)?;
        self.regions.push(region);
        Ok(region)
    }

    /// Destroys something that is to be gone before the victim.
    pub(crate) fn forget(&mut self, handle: u64) -> Fact {
        self.world.destroy(handle)?;
        self.settle()
    }

    /// Makes a function call that must succeed.
    pub(crate) fn done(&mut self, call: SystemCall, arguments: &[u64]) -> Fact {
        self.world.must(call, arguments).map(|_| ())
    }

    // ---- Dying -------------------------------------------------------------------------------

    /// What was made, in this order.
    pub(crate) fn handles(&self) -> Vec<u64> {
        let mut handles = self.world.handles();
        handles.extend(&self.regions);
        handles
    }

    /// Destroys the victim.
    pub(crate) fn kill_victim(&mut self) -> Fact {
        let victim = self.victim;
        match self.killer {
            None => self.world.destroy(victim),
            Some(killer) => {
                let destroy = [Step::function(SystemCall::Destroy, &[victim], 9)];
                self.world.run(killer, &destroy)
            }
        }?;
        self.world
            .refuse(SystemCall::Destroy, &[victim], Error::Stale)
    }

    /// Takes the victim's frame back, with whatever else is there.
    pub(crate) fn reclaim_victim(&mut self) -> Fact {
        let frame = self.world.object_of(self.victim) / 64;
        if frame == 0 {
            return self.kill_victim();
        }
        let memory = self.world.authority.memory;
        self.world
            .must_finish(SystemCall::Reclaim, &[memory, frame])?;
        self.world
            .refuse(SystemCall::Destroy, &[self.victim], Error::Stale)
    }

    /// Everybody was told as the scenario says.
    pub(crate) fn judge(&mut self) -> Fact {
        self.settle()?;
        for (agent, outcome) in core::mem::take(&mut self.expected) {
            match outcome {
                Outcome::Died(step) => self.expect_death(agent, step),
                Outcome::Inside(step) => self.world.expect_inside(agent, step),
                Outcome::Stopped => self.world.expect_state(agent, ThreadState::Stopped),
            }?;
        }
        Ok(())
    }

    /// An agent's call was refused with `Died`; one of low priority may not have run since.
    fn expect_death(&mut self, agent: Agent, step: usize) -> Fact {
        for _ in 0..NAPS {
            if self.world.peek(agent, step).is_some() {
                break;
            }
            self.nap()?;
        }
        self.world.expect_refused(agent, step, Error::Died)
    }

    /// Leaves the kernel until everything that is dead is taken apart.
    fn settle(&mut self) -> Fact {
        for _ in 0..WAYS_OUT {
            self.world.must(SystemCall::Yield, &[])?;
        }
        Ok(())
    }

    /// Everything is dead: each frame that was used becomes free although nothing else is destroyed.
    pub(crate) fn expect_frames_free(&mut self) -> Fact {
        let memory = self.world.authority.memory;
        for frame in self.world.used_frames() {
            let mut calls = 0;
            while self.world.function(SystemCall::Reclaim, &[memory, frame]) == Err(Error::Again) {
                calls += 1;
                Failure::unless(calls < RECLAIMS, "a frame of dead objects is not free")?;
            }
        }
        Ok(())
    }
}

/// A step that calls.
pub(crate) fn call(gate: u64) -> Step {
    message(SystemCall::Call, gate)
}

/// A step that receives.
pub(crate) fn receive(endpoint: u64) -> Step {
    message(SystemCall::Receive, endpoint)
}

/// A step that waits for a notification.
pub(crate) fn wait(notification: u64) -> Step {
    message(SystemCall::Wait, notification)
}

/// A step that saves the caller.
pub(crate) fn save(reply: u64) -> Step {
    Step::function(SystemCall::SaveCaller, &[reply], 9)
}

/// A step that makes a message call.
pub(crate) fn message(call: SystemCall, handle: u64) -> Step {
    Step::message(call, &Message::to(handle, 9), 9)
}

/// The same with a deadline that does not come.
pub(crate) fn until(call: SystemCall, handle: u64) -> Step {
    message(call, handle).until(far())
}

/// A step that sleeps for ever.
pub(crate) fn park() -> Step {
    Step::function(SystemCall::Sleep, &[NEVER], 9)
}

/// A time that does not come.
pub(crate) fn far() -> u64 {
    userlib::read_ticks() + FAR
}
