//! Contexts, interrupts, tables, spaces, frames, regions and allowances that die.

use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, FrameMode, Kind, Rights};
use ipc_abi::time::TimeGrant;
use test_kit::{Agent, Fact, Failure, Plan, place_in};

use super::{Scenario, scenario};
use crate::stage::{HIGH, LOW, Outcome, Stage, call, park, receive, save, wait};

const SERVES: Outcome = Outcome::Inside(1);
const DIED: Outcome = Outcome::Died(0);
const WAITS: Outcome = Outcome::Inside(0);
/// Addresses for mappings in spaces of the scenarios.
const ADDRESSES: [u64; 3] = [0x1000, 0x2000, 0x40_0000_0000];

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(Kind::SchedulingContext, "context_of_nobody", |s| {
        let context = s.world.context(3)?;
        s.dies(context, &[])
    }),
    scenario(Kind::SchedulingContext, "context_of_a_new_thread", |s| {
        let agent = s.world.agent(HIGH)?;
        s.dies(s.world.context_of(agent), &[])
    }),
    scenario(Kind::SchedulingContext, "context_queued", |s| {
        let spin = s.spin()?;
        let mut agents = Vec::new();
        for _ in 0..3 {
            agents.push(s.actor_as(Plan::beside(LOW), &[spin])?);
        }
        s.dies(s.world.context_of(agents[1]), &[])
    }),
    scenario(Kind::SchedulingContext, "context_of_a_waiter", |s| {
        let target = s.world.notification()?;
        let agent = s.actor(&[wait(target)])?;
        s.dies(s.world.context_of(agent), &[(agent, WAITS)])
    }),
    scenario(Kind::SchedulingContext, "context_lent", |s| {
        let (client, server, _) = s.served()?;
        s.dies(
            s.world.context_of(client),
            &[(client, WAITS), (server, SERVES)],
        )
    }),
    scenario(Kind::SchedulingContext, "context_lent_to_the_poor", |s| {
        let (server, _, gate) = s.poor_server()?;
        let client = s.actor(&[call(gate)])?;
        s.dies(
            s.world.context_of(client),
            &[(client, WAITS), (server, SERVES)],
        )
    }),
    scenario(Kind::SchedulingContext, "context_of_a_server", |s| {
        let (client, server, _) = s.served()?;
        s.dies(
            s.world.context_of(server),
            &[(client, WAITS), (server, SERVES)],
        )
    }),
    scenario(Kind::SchedulingContext, "context_lent_and_saved", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 7)?;
        let reply = s.world.reply()?;
        let server = s.actor(&[receive(endpoint), save(reply), park()])?;
        let client = s.actor(&[call(gate)])?;
        let saved = Outcome::Inside(2);
        s.dies(
            s.world.context_of(client),
            &[(client, WAITS), (server, saved)],
        )
    }),
    scenario(Kind::SchedulingContext, "context_current", |s| {
        let agent = s.actor(&[])?;
        s.killer = Some(agent);
        s.dies(s.world.context_of(agent), &[])
    }),
    scenario(Kind::SchedulingContext, "context_current_and_lent", |s| {
        let endpoint = s.world.endpoint()?;
        let gate = s.world.gate(endpoint, 7)?;
        let server = s.world.agent(HIGH)?;
        let client = s.world.agent(HIGH)?;
        let context = s.world.context_of(client);
        let destroy = test_kit::Step::function(SystemCall::Destroy, &[context], 9);
        s.world.run(server, &[receive(endpoint), destroy, park()])?;
        s.world.run(client, &[call(gate)])?;
        // It died under the server, which goes on with its own.
        s.dies(
            s.world.context_of(server),
            &[(client, WAITS), (server, Outcome::Inside(2))],
        )
    }),
    scenario(Kind::Irq, "interrupt_new", |s| {
        let line = s.world.spare_line()?;
        let irq = s.world.irq(line)?;
        s.dies(irq, &[])
    }),
    scenario(Kind::Irq, "interrupt_bound_among_others", |s| {
        let irqs = interrupts(s)?;
        s.dies(irqs[1], &[])
    }),
    scenario(Kind::Irq, "interrupt_bound_youngest", |s| {
        let irqs = interrupts(s)?;
        s.dies(irqs[2], &[])
    }),
    scenario(Kind::CapTable, "table_empty", |s| {
        let table = s.world.table()?;
        s.dies(table, &[])
    }),
    scenario(Kind::CapTable, "table_extended", |s| {
        let table = s.world.table()?;
        for _ in 0..3 {
            let frame = s.world.frame();
            let memory = s.world.authority.memory;
            s.done(SystemCall::TableExtend, &[table, memory, frame])?;
        }
        s.world.copy_to(table, place_in(table, 700), Rights::ALL)?;
        s.dies(table, &[])
    }),
    scenario(Kind::CapTable, "table_of_threads", |s| {
        let table = s.world.table()?;
        let plan = Plan {
            table,
            ..Plan::beside(HIGH)
        };
        crew_dies_with(s, plan, table)
    }),
    scenario(Kind::AddressSpace, "space_new", |s| {
        let root = s.world.frame();
        let object = s.world.object(Kind::AddressSpace, 2);
        let slot = s.world.slot();
        let own = s.world.authority;
        let place = s.world.place(slot);
        s.done(
            SystemCall::CreateSpace,
            &[own.memory, object, place, own.asids, root],
        )?;
        s.dies(slot, &[])
    }),
    scenario(Kind::AddressSpace, "space_with_a_pool", |s| {
        let space = s.world.space()?;
        s.dies(space, &[])
    }),
    scenario(Kind::AddressSpace, "space_with_mappings", |s| {
        let space = s.world.space()?;
        mapped(s, space)?;
        s.dies(space, &[])
    }),
    scenario(Kind::AddressSpace, "space_of_threads", |s| {
        let space = s.world.agent_space()?;
        let plan = Plan {
            space,
            ..Plan::beside(HIGH)
        };
        crew_dies_with(s, plan, space)
    }),
    scenario(Kind::Frame, "frame_not_mapped", |s| {
        let frame = s.world.user_frame()?;
        s.dies(frame, &[])
    }),
    scenario(Kind::Frame, "frame_of_code", |s| {
        let frame = s.world.user_frame()?;
        s.done(SystemCall::FrameSetMode, &[frame, FrameMode::Code as u64])?;
        s.dies(frame, &[])
    }),
    scenario(Kind::Frame, "frame_mapped_everywhere", |s| {
        let (first, second) = (s.world.space()?, s.world.space()?);
        let frame = mapped(s, first)?;
        donate(s, second)?;
        for address in ADDRESSES {
            s.world.map(second, frame, address, Access::READ_WRITE)?;
        }
        s.dies(frame, &[])
    }),
    scenario(Kind::Frame, "frame_a_message_buffer", |s| {
        let agent = s.actor(&[park()])?;
        let (frame, _) = s.world.mapped_frame(Access::READ_WRITE)?;
        let thread = s.world.thread_of(agent);
        s.done(SystemCall::ThreadSetBuffer, &[thread, frame])?;
        s.dies(frame, &[(agent, WAITS)])
    }),
    scenario(Kind::Region, "region_bare", |s| {
        let region = s.region(3)?;
        s.dies(region, &[])
    }),
    scenario(Kind::Region, "region_with_objects", |s| {
        let region = s.region(6)?;
        let range = s.world.must(SystemCall::RegionInspect, &[region])?;
        let first = (range & ((1 << 34) - 1)) + 1;
        for unit in [0, 8] {
            let slot = s.world.slot();
            let place = s.world.place(slot);
            let object = first * 64 + unit;
            s.done(SystemCall::CreateEndpoint, &[region, object, place])?;
        }
        let slot = s.world.slot();
        let place = s.world.place(slot);
        s.world
            .must_finish(SystemCall::RegionSplit, &[region, 2, place])?;
        s.dies(region, &[])
    }),
    scenario(Kind::Allowance, "allowance_of_interrupts", |s| {
        let irqs = s.world.authority.irqs;
        let allowance = s.world.allowance(irqs, 2)?;
        s.dies(allowance, &[])
    }),
    scenario(Kind::Allowance, "allowance_of_asids", |s| {
        let asids = s.world.authority.asids;
        let allowance = s.world.allowance(asids, 2)?;
        s.dies(allowance, &[])
    }),
    scenario(Kind::Allowance, "allowance_of_time", |s| {
        let time = s.world.authority.time;
        let grant = TimeGrant {
            priority: 9,
            unlimited: 9,
            share: 0,
        };
        let allowance = s.world.allowance(time, grant.into_raw())?;
        let agent = s.world.agent(HIGH)?;
        s.forget(s.world.context_of(agent))?;
        let (object, slot) = (s.world.object(Kind::SchedulingContext, 8), s.world.slot());
        let memory = s.world.authority.memory;
        let place = s.world.place(slot);
        s.done(
            SystemCall::CreateContext,
            &[memory, object, place, allowance, 9],
        )?;
        let thread = s.world.thread_of(agent);
        s.done(SystemCall::ThreadSetContext, &[thread, slot])?;
        s.dies(allowance, &[])
    }),
];

/// Three interrupts of one notification.
fn interrupts(s: &mut Stage) -> Result<[u64; 3], Failure> {
    let target = s.world.notification()?;
    let mut irqs = [0; 3];
    for irq in &mut irqs {
        let line = s.world.spare_line()?;
        *irq = s.world.irq(line)?;
        s.done(SystemCall::IrqBind, &[*irq, target, 4])?;
    }
    Ok(irqs)
}

/// A frame that is mapped three times in `space`.
fn mapped(s: &mut Stage, space: u64) -> Result<u64, Failure> {
    let frame = s.world.user_frame()?;
    donate(s, space)?;
    for address in ADDRESSES {
        s.world.map(space, frame, address, Access::READ_WRITE)?;
    }
    Ok(frame)
}

/// Gives a space what it needs for many mappings.
fn donate(s: &mut Stage, space: u64) -> Fact {
    for _ in 0..4 {
        let (memory, spare) = (s.world.authority.memory, s.world.frame());
        s.done(SystemCall::SpaceDonate, &[space, memory, spare])?;
    }
    Ok(())
}

/// The table or space `victim` of a crew dies: the crew stops, and the client of one is told.
fn crew_dies_with(s: &mut Stage, plan: Plan, victim: u64) -> Fact {
    let ([busy, caller, sleeper], client) = crew(s, plan)?;
    let expected = [
        (busy, Outcome::Stopped),
        (caller, Outcome::Stopped),
        (sleeper, Outcome::Stopped),
        (client, DIED),
    ];
    s.dies(victim, &expected)
}

/// Threads of a table or space: one that serves a client elsewhere, one that waits to call, one that
/// sleeps.
fn crew(s: &mut Stage, plan: Plan) -> Result<([Agent; 3], Agent), Failure> {
    let (busy, idle) = (s.world.endpoint()?, s.world.endpoint()?);
    let (gate, other) = (s.world.gate(busy, 1)?, s.world.gate(idle, 2)?);
    let mut handles = [busy, other];
    if plan.table != 0 {
        for (slot, handle) in (1..).zip(&mut handles) {
            s.world
                .copy_to(*handle, place_in(plan.table, slot), Rights::ALL)?;
            *handle = slot;
        }
    }
    let crew = [
        s.actor_as(plan, &[receive(handles[0]), park()])?,
        s.actor_as(plan, &[call(handles[1])])?,
        s.actor_as(plan, &[park()])?,
    ];
    let client = s.actor(&[call(gate)])?;
    Ok((crew, client))
}
