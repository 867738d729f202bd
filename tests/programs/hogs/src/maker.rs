//! Making threads in great number: only the capability of each context is kept.

use ipc_abi::call::SystemCall;
use ipc_abi::capability::Kind;
use test_kit::{Fact, Failure, World, units_of};

/// Makes a thread beside this one, with a context of `priority` in the slot `context`; its handle, in
/// the slot `thread`.
pub(crate) fn make_thread(world: &mut World, (thread, context): (u64, u64), priority: u64) -> Fact {
    let own = world.authority;
    let object = world.object(Kind::Thread, units_of(Kind::Thread));
    let place = world.place(thread);
    world.must(
        SystemCall::CreateThread,
        &[own.memory, object, place, own.table, own.space],
    )?;
    let kind = Kind::SchedulingContext;
    let object = world.object(kind, units_of(kind));
    let place = world.place(context);
    world.must(
        SystemCall::CreateContext,
        &[own.memory, object, place, own.time, priority],
    )?;
    world
        .must(SystemCall::ThreadSetContext, &[thread, context])
        .map(|_| ())
}

/// Forgets a capability; the object lives on.
pub(crate) fn forget(world: &mut World, slot: u64) -> Result<(), Failure> {
    let place = world.place(slot);
    world
        .must(SystemCall::CapabilityDelete, &[place])
        .map(|_| ())
}
