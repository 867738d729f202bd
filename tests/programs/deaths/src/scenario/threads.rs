//! Threads that die.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Kind, ThreadState};
use ipc_abi::debug::{BREAKPOINT_ON, Register, thread_flag};
use test_kit::{Action, Agent, Fact, Plan, Step};

use super::{Scenario, scenario};
use crate::stage::{HIGH, LOW, Outcome, Stage, call, park, receive, save, wait};

const fn thread(name: &'static str, build: fn(&mut Stage) -> Fact) -> Scenario {
    scenario(Kind::Thread, name, build)
}

/// A server that goes on with what it did after its receive.
const SERVES: Outcome = Outcome::Inside(1);
/// A client whose call ends.
const DIED: Outcome = Outcome::Died(0);
/// Somebody whose first step goes on.
const WAITS: Outcome = Outcome::Inside(0);

pub(super) const SCENARIOS: &[Scenario] = &[
    thread("thread_new", |s| {
        let agent = s.world.agent(HIGH)?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_new_without_time", |s| {
        let own = s.world.authority;
        let thread = s.world.thread(own.table, own.space)?;
        s.dies(thread, &[])
    }),
    thread("thread_ready", |s| {
        let spin = s.spin()?;
        let agent = s.actor_as(Plan::beside(LOW), &[spin])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_ready_that_ran", |s| {
        let spin = s.spin()?;
        let agent = s.low_actor(Plan::beside(LOW), &[spin], (0, ThreadState::Ready))?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_ready_without_time", |s| {
        let agent = s.actor_as(Plan::beside(LOW), &[park()])?;
        s.forget(s.world.context_of(agent))?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_stopped", |s| {
        let agent = s.actor(&[park()])?;
        s.done(SystemCall::ThreadStop, &[s.world.thread_of(agent)])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_stopped_by_a_fault", |s| {
        let agent = s.actor(&[])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_stopped_by_a_fault_serving", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 7)?;
        let server = s.actor(&[receive(endpoint)])?;
        let client = s.actor(&[call(gate)])?;
        s.agent_dies(server, &[(client, DIED)])
    }),
    thread("thread_of_another_process", |s| {
        let plan = Plan {
            table: s.world.table()?,
            space: s.world.agent_space()?,
            ..Plan::beside(HIGH)
        };
        let agent = s.actor_as(plan, &[park()])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_foreign", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 7)?;
        let plan = Plan {
            handler: gate,
            ..Plan::beside(HIGH)
        };
        let agent = s.world.planned_agent(plan)?;
        configure(s, agent, thread_flag::ALL)?;
        s.world.run(agent, &[park()])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_floating", |s| {
        let agent = s.world.agent(HIGH)?;
        configure(s, agent, thread_flag::FLOATING)?;
        s.world
            .run(agent, &[Step::action(Action::Float, 0, 0, 9), park()])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_with_a_breakpoint", |s| {
        let agent = s.world.agent(HIGH)?;
        let control = Register::BreakpointControl(0).into_raw();
        let thread = s.world.thread_of(agent);
        s.done(SystemCall::ThreadWrite, &[thread, control, BREAKPOINT_ON])?;
        s.world.run(agent, &[park()])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_with_a_buffer", |s| {
        let agent = s.actor(&[park()])?;
        s.world.give_buffer(agent)?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_bound_with_signals", |s| {
        let agent = s.actor(&[park()])?;
        let target = s.world.notification()?;
        let bell = s.world.gate(target, 1)?;
        s.done(SystemCall::ThreadBind, &[s.world.thread_of(agent), target])?;
        s.done(SystemCall::Signal, &[bell])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_bound_receiving", |s| {
        let (server, _, _) = s.server()?;
        let target = s.world.notification()?;
        s.done(SystemCall::ThreadBind, &[s.world.thread_of(server), target])?;
        s.agent_dies(server, &[])
    }),
    thread("thread_its_handler_dead", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 7)?;
        let plan = Plan {
            handler: gate,
            ..Plan::beside(HIGH)
        };
        let agent = s.actor_as(plan, &[park()])?;
        s.forget(gate)?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_waiting", |s| {
        let target = s.world.notification()?;
        let agent = s.actor(&[wait(target)])?;
        s.agent_dies(agent, &[])
    }),
    thread("thread_receiving_first", |s| receiving(s, 2)),
    thread("thread_receiving_second", |s| receiving(s, 1)),
    thread("thread_receiving_last", |s| receiving(s, 0)),
    thread("thread_receiving_without_time", |s| {
        let (server, _, _) = s.poor_server()?;
        s.agent_dies(server, &[])
    }),
    thread("thread_serving", |s| {
        let (client, server, _) = s.served()?;
        s.agent_dies(server, &[(client, DIED)])
    }),
    thread("thread_serving_without_time", |s| {
        let (server, _, gate) = s.poor_server()?;
        let client = s.actor(&[call(gate)])?;
        s.agent_dies(server, &[(client, DIED)])
    }),
    thread("thread_serving_on_its_own_time", |s| {
        let (client, server, _) = s.served()?;
        s.forget(s.world.context_of(client))?;
        s.agent_dies(server, &[(client, WAITS)])
    }),
    thread("thread_serving_a_fault", |s| {
        let (server, _, gate) = s.server()?;
        let faulty = s.faulty(gate)?;
        s.agent_dies(server, &[(faulty, Outcome::Stopped)])
    }),
    thread("thread_serving_one_who_is_gone", |s| {
        let (client, server, _) = s.served()?;
        s.forget(s.world.thread_of(client))?;
        s.agent_dies(server, &[])
    }),
    thread("thread_with_saved_callers", saver),
    thread("thread_serving_among_senders", |s| {
        let (client, server, [_, gate]) = s.served()?;
        let second = s.actor(&[call(gate)])?;
        let third = s.actor(&[call(gate)])?;
        s.agent_dies(server, &[(client, DIED), (second, WAITS), (third, WAITS)])
    }),
    thread("thread_calling", |s| {
        let (client, server, _) = s.served()?;
        s.agent_dies(client, &[(server, SERVES)])
    }),
    thread("thread_calling_one_without_time", |s| {
        let (server, _, gate) = s.poor_server()?;
        let client = s.actor(&[call(gate)])?;
        s.agent_dies(client, &[(server, SERVES)])
    }),
    thread("thread_first_of_a_chain", |s| chain(s, 0)),
    thread("thread_second_of_a_chain", |s| chain(s, 1)),
    thread("thread_third_of_a_chain", |s| chain(s, 2)),
    thread("thread_last_of_a_chain", |s| chain(s, 3)),
];

fn configure(s: &mut Stage, agent: Agent, flags: u64) -> Fact {
    let thread = s.world.thread_of(agent);
    s.done(SystemCall::ThreadConfigure, &[thread, flags])
}

/// One of three that receive.
fn receiving(s: &mut Stage, index: usize) -> Fact {
    let endpoint = s.world.endpoint()?;
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(s.actor(&[receive(endpoint)])?);
    }
    let other = servers[(index + 1) % 3];
    s.agent_dies(servers[index], &[(other, WAITS)])
}

/// One of four threads that each called the next.
fn chain(s: &mut Stage, index: usize) -> Fact {
    let (last, _, mut gate) = s.server()?;
    let mut actors = alloc::vec![last];
    for _ in 0..2 {
        let endpoint = s.world.endpoint()?;
        let script = [receive(endpoint), call(gate)];
        actors.insert(0, s.actor(&script)?);
        gate = s.world.gate(endpoint, 7)?;
    }
    actors.insert(0, s.actor(&[call(gate)])?);
    let mut expected = Vec::new();
    for (place, actor) in actors.iter().enumerate() {
        let step = usize::from(place > 0);
        if place + 1 == index {
            expected.push((*actor, Outcome::Died(step)));
        } else if place != index {
            expected.push((*actor, Outcome::Inside(step)));
        }
    }
    s.agent_dies(actors[index], &expected)
}

/// A server that saved two callers and a fault.
fn saver(s: &mut Stage) -> Fact {
    let endpoint = s.world.endpoint()?;
    let gate = s.world.gate(endpoint, 7)?;
    let mut script = Vec::new();
    for _ in 0..3 {
        let reply = s.world.reply()?;
        script.extend([receive(endpoint), save(reply)]);
    }
    script.push(park());
    let server = s.actor(&script)?;
    let (first, second) = (s.actor(&[call(gate)])?, s.actor(&[call(gate)])?);
    let faulty = s.faulty(gate)?;
    let expected = [(first, DIED), (second, DIED), (faulty, Outcome::Stopped)];
    s.agent_dies(server, &expected)
}
