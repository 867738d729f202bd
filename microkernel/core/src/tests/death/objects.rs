//! Contexts, interrupts, tables, spaces, frames, regions and allowances that die.

use super::stage::{Actor, Outcome, Stage};
use super::*;
use ipc_abi::call::SystemCall;
use ipc_abi::capability::{Access, FrameMode, ThreadState};

/// A scenario.
const fn scenario(kind: Kind, name: &'static str, build: fn(&mut Stage)) -> Scenario {
    Scenario { name, kind, build }
}

const DIED: Outcome = Outcome::Refused(Error::Died);
const STOPPED: Outcome = Outcome::Is(ThreadState::Stopped);
const READY: Outcome = Outcome::Is(ThreadState::Ready);
const CALLING: Outcome = Outcome::Is(ThreadState::Calling);
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
/// Addresses for mappings in spaces of the scenarios.
const ADDRESSES: [u64; 3] = [0x1000, 0x2000, 0x40_0000_0000];

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario(Kind::SchedulingContext, "context: of nobody", |s| {
        let context = s.context(TIME, 3);
        s.dies(context, &[]);
    }),
    scenario(Kind::SchedulingContext, "context: of a new thread", |s| {
        let actor = s.new_actor_in(TABLE, SPACE, 255);
        s.dies(actor.context, &[(actor, Outcome::Is(ThreadState::New))]);
    }),
    scenario(Kind::SchedulingContext, "context: queued", |s| {
        let actors = [s.actor(), s.actor(), s.actor()];
        s.dies(actors[1].context, &[(actors[1], READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: of a waiter", |s| {
        let (actor, target) = (s.actor(), s.notification());
        s.message(actor, SystemCall::Wait, target);
        s.dies(actor.context, &[(actor, Outcome::Is(ThreadState::Waiting))]);
    }),
    scenario(Kind::SchedulingContext, "context: lent", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.dies(client.context, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: lent to the poor", |s| {
        let (client, server, _, gate) = s.pair();
        s.forget(server.context);
        s.call(client, gate);
        s.dies(client.context, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: of a server", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.dies(server.context, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: lent, saved", |s| {
        let (client, server, _, gate) = s.pair();
        let reply = s.reply();
        s.call(client, gate);
        s.save(server, reply);
        s.dies(client.context, &[(client, CALLING), (server, READY)]);
    }),
    scenario(Kind::SchedulingContext, "context: current", |s| {
        let actor = s.actor();
        s.dies(actor.context, &[(actor, READY)]);
        s.killer = Some(actor);
    }),
    scenario(Kind::SchedulingContext, "context: current, lent", |s| {
        let (client, server, _, gate) = s.pair();
        s.call(client, gate);
        s.dies(client.context, &[(client, CALLING), (server, READY)]);
        s.killer = Some(server);
    }),
    scenario(Kind::Irq, "interrupt: new", |s| {
        let irq = s.irq(60);
        s.dies(irq, &[]);
    }),
    scenario(Kind::Irq, "interrupt: bound among others", |s| {
        let irqs = interrupts(s);
        s.dies(irqs[1], &[]);
    }),
    scenario(Kind::Irq, "interrupt: bound, youngest", |s| {
        let irqs = interrupts(s);
        s.dies(irqs[2], &[]);
    }),
    scenario(Kind::Irq, "interrupt: not acknowledged", |s| {
        let irqs = interrupts(s);
        s.kernel().interrupt(61);
        s.leave();
        s.dies(irqs[1], &[]);
    }),
    scenario(Kind::CapTable, "table: empty", |s| {
        let table = s.table();
        s.dies(table, &[]);
    }),
    scenario(Kind::CapTable, "table: extended", |s| {
        let table = s.table();
        for _ in 0..3 {
            let frame = s.free_frame();
            s.done(s.kernel().table_extend(table, MEMORY, frame));
        }
        let destination = table << 32 | 700;
        s.done(s.kernel().capability_copy(table, destination, 0xFF));
        s.dies(table, &[]);
    }),
    scenario(Kind::CapTable, "table: of threads", |s| {
        let table = s.table();
        let (threads, client) = crew(s, table, SPACE);
        let mut expected: Vec<_> = threads.iter().map(|actor| (*actor, STOPPED)).collect();
        expected.push((client, DIED));
        s.dies(table, &expected);
    }),
    scenario(Kind::AddressSpace, "space: new", |s| {
        let space = s.space(ASIDS);
        s.dies(space, &[]);
    }),
    scenario(Kind::AddressSpace, "space: with a pool", |s| {
        let space = s.space(ASIDS);
        donate(s, space, 3);
        s.dies(space, &[]);
    }),
    scenario(Kind::AddressSpace, "space: with mappings", |s| {
        let space = s.space(ASIDS);
        mapped(s, space);
        s.dies(space, &[]);
    }),
    scenario(Kind::AddressSpace, "space: of threads", |s| {
        let space = s.space(ASIDS);
        mapped(s, space);
        let (threads, client) = crew(s, TABLE, space);
        let mut expected: Vec<_> = threads.iter().map(|actor| (*actor, STOPPED)).collect();
        expected.push((client, DIED));
        s.dies(space, &expected);
    }),
    scenario(Kind::Frame, "frame: not mapped", |s| {
        let frame = s.frame();
        s.dies(frame, &[]);
    }),
    scenario(Kind::Frame, "frame: of code", |s| {
        let frame = s.frame();
        s.done(s.kernel().frame_set_mode(frame, FrameMode::Code as u64));
        s.dies(frame, &[]);
    }),
    scenario(Kind::Frame, "frame: of a device", |s| {
        let (destination, handle) = s.slot();
        let object = crate::host::FIRST_DEVICE * UNITS_PER_FRAME;
        s.done(s.kernel().create_frame(DEVICES, object, destination));
        s.note(Kind::Frame, handle);
        let space = s.space(ASIDS);
        donate(s, space, 4);
        s.done(s.kernel().map(space, handle, ADDRESSES[0], READ_WRITE));
        s.dies(handle, &[]);
    }),
    scenario(Kind::Frame, "frame: mapped everywhere", |s| {
        let (first, second) = (s.space(ASIDS), s.space(ASIDS));
        let frame = mapped(s, first);
        donate(s, second, 8);
        for address in ADDRESSES {
            s.done(s.kernel().map(second, frame, address, READ_WRITE));
        }
        s.dies(frame, &[]);
    }),
    scenario(Kind::Frame, "frame: mapped, a message buffer", |s| {
        let space = s.space(ASIDS);
        let frame = mapped(s, space);
        let actor = s.actor();
        s.done(s.kernel().thread_set_buffer(actor.handle, frame));
        s.dies(frame, &[(actor, READY)]);
    }),
    scenario(Kind::Region, "region: bare", |s| {
        let region = s.region(3);
        s.dies(region, &[]);
    }),
    scenario(Kind::Region, "region: with objects and a child", |s| {
        let region = s.region(6);
        let base = s.kernel().region_inspect(region).expect("a region") & ((1 << 34) - 1);
        for unit in [0, 8] {
            let (destination, handle) = s.slot();
            let object = (base + 1) * UNITS_PER_FRAME + unit;
            s.done(s.kernel().create_endpoint(region, object, destination));
            s.note(Kind::Endpoint, handle);
        }
        let (destination, handle) = s.slot();
        s.done(s.kernel().region_split(region, 2, destination));
        s.note(Kind::Region, handle);
        s.dies(region, &[]);
    }),
    scenario(Kind::Allowance, "allowance: of interrupts", |s| {
        let irqs = s.allowance(IRQS, 8);
        s.irq_of(irqs, crate::host::LINES - 3);
        s.dies(irqs, &[]);
    }),
    scenario(Kind::Allowance, "allowance: of ASIDs", |s| {
        let asids = s.allowance(ASIDS, 4);
        s.space(asids);
        s.dies(asids, &[]);
    }),
    scenario(Kind::Allowance, "allowance: of time", |s| {
        let time = s.allowance(TIME, 9 | 9 << 8);
        let context = s.context(time, 9);
        let actor = s.new_actor_in(TABLE, SPACE, 255);
        s.forget(actor.context);
        s.done(s.kernel().thread_set_context(actor.handle, context));
        s.dies(time, &[(actor, Outcome::Is(ThreadState::New))]);
    }),
];

/// Three interrupts of one notification.
fn interrupts(s: &mut Stage) -> [u64; 3] {
    let target = s.notification();
    [60, 61, 62].map(|line| {
        let irq = s.irq(line);
        s.done(s.kernel().irq_bind(irq, target, 4));
        irq
    })
}

fn donate(s: &mut Stage, space: u64, frames: u64) {
    for _ in 0..frames {
        let frame = s.free_frame();
        s.done(s.kernel().space_donate(space, MEMORY, frame));
    }
}

/// A frame that is mapped three times in `space`.
fn mapped(s: &mut Stage, space: u64) -> u64 {
    let frame = s.frame();
    donate(s, space, 8);
    for address in ADDRESSES {
        s.done(s.kernel().map(space, frame, address, READ_WRITE));
    }
    frame
}

/// Threads of a table and space: four that are ready, one that serves the client of another process,
/// one that waits to call.
fn crew(s: &mut Stage, table: u64, space: u64) -> (Vec<Actor>, Actor) {
    let endpoints = [s.endpoint(), s.endpoint()];
    let gates = endpoints.map(|endpoint| s.gate(endpoint));
    let mut handles = [endpoints[0], gates[1]];
    if table != TABLE {
        for (slot, handle) in (1..).zip(&mut handles) {
            let destination = table << 32 | slot;
            s.done(s.kernel().capability_copy(*handle, destination, 0xFF));
            *handle = slot;
        }
    }
    let mut threads = Vec::new();
    for _ in 0..6 {
        let actor = s.new_actor_in(table, space, 255);
        s.start(actor);
        threads.push(actor);
    }
    let client = s.actor();
    s.receive(threads[1], handles[0]);
    s.call(threads[4], handles[1]);
    s.call(client, gates[0]);
    s.home();
    (threads, client)
}
