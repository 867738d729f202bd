//! What a scenario needs: objects, and in each table two handles to each, one for each path.

use alloc::vec::Vec;

use ipc_abi::call::{Place, SystemCall};
use ipc_abi::capability::Rights;
use test_kit::{Agent, Fact, Failure, Plan, World};

use crate::scenario::{ENDPOINTS, GATES, Home, NOTIFICATIONS, REPLIES, Scenario, Thing};

/// Which of the kernel's paths a handle takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Below 256.
    Fast,
    /// From 256 on.
    Slow,
}

/// Where the handles of the fast path start in the other table.
const LOW: u64 = 32;
/// Where those of the slow path start in both tables.
const HIGH: u64 = 256;
/// Where the windows of the actors start in the other table.
const OTHER_WINDOWS: u64 = 128;
/// A priority above all actors'.
const DIRECTOR: u64 = 119;
/// Slots in a window.
pub(crate) const WINDOW_SLOTS: u64 = 4;

/// The objects of a scenario.
pub(crate) struct Stage {
    path: Path,
    /// In the order of [`place_of`]: the handle of the fast path in the program's own table.
    low: Vec<u64>,
    /// The threads.
    pub(crate) agents: Vec<Agent>,
    /// The one that destroys, before any of them runs on.
    pub(crate) director: Agent,
    homes: Vec<Home>,
    windows: u64,
}

/// Where a thing stands in the order of all.
fn place_of(thing: Thing) -> usize {
    match thing {
        Thing::Endpoint(number) => number,
        Thing::Gate(number) => ENDPOINTS + number,
        Thing::Notification(number) => ENDPOINTS + GATES + number,
        Thing::Signal(number) => ENDPOINTS + GATES + NOTIFICATIONS + number,
        Thing::Reply(number) => ENDPOINTS + GATES + 2 * NOTIFICATIONS + number,
    }
}

impl Stage {
    /// Makes everything.
    pub(crate) fn set(
        world: &mut World,
        scenario: &Scenario,
        path: Path,
    ) -> Result<Stage, Failure> {
        let low = make_things(world)?;
        let table = world.table()?;
        let (memory, frame) = (world.authority.memory, world.frame());
        world.must(SystemCall::TableExtend, &[table, memory, frame])?;
        for (index, handle) in (0..).zip(&low) {
            let slot = world.high_slot();
            Failure::unless_same("a high slot", slot, HIGH + index)?;
            let place = world.place(slot);
            world.copy_to(*handle, place, Rights::ALL)?;
            for slot in [LOW + index, HIGH + index] {
                world.copy_to(*handle, place_in(table, slot), Rights::ALL)?;
            }
        }
        let windows = world.slots(scenario.actors.len() as u64 * WINDOW_SLOTS);
        let director = world.agent(DIRECTOR)?;
        let mut stage = Stage {
            path,
            low,
            agents: Vec::new(),
            director,
            homes: Vec::new(),
            windows,
        };
        stage.make_agents(world, scenario, table)?;
        Ok(stage)
    }

    fn make_agents(&mut self, world: &mut World, scenario: &Scenario, table: u64) -> Fact {
        let spaces = [world.agent_space()?, world.agent_space()?];
        for actor in &scenario.actors {
            let (table, space) = match actor.home {
                Home::Here => (0, 0),
                Home::OtherSpace => (0, spaces[0]),
                Home::OtherTable => (table, spaces[0]),
                Home::ThirdSpace => (table, spaces[1]),
            };
            let plan = Plan {
                table,
                space,
                handler: actor
                    .handler
                    .map_or(0, |gate| self.own_handle(Thing::Gate(gate))),
                ..Plan::beside(actor.priority)
            };
            self.agents.push(world.planned_agent(plan)?);
            self.homes.push(actor.home);
        }
        Ok(())
    }

    /// The handle of a thing in the table of an actor.
    pub(crate) fn handle(&self, actor: usize, thing: Thing) -> u64 {
        let index = place_of(thing);
        match (self.path, self.homes[actor]) {
            (Path::Slow, _) => HIGH + index as u64,
            (Path::Fast, Home::Here | Home::OtherSpace) => self.low[index],
            (Path::Fast, Home::OtherTable | Home::ThirdSpace) => LOW + index as u64,
        }
    }

    /// The handle of a thing in the program's own table.
    pub(crate) fn own_handle(&self, thing: Thing) -> u64 {
        match self.path {
            Path::Fast => self.low[place_of(thing)],
            Path::Slow => HIGH + place_of(thing) as u64,
        }
    }

    /// The first slot of the window of an actor.
    pub(crate) fn window(&self, actor: usize) -> u64 {
        let base = match self.homes[actor] {
            Home::Here | Home::OtherSpace => self.windows,
            Home::OtherTable | Home::ThirdSpace => OTHER_WINDOWS,
        };
        base + actor as u64 * WINDOW_SLOTS
    }
}

/// Makes all things, in the order of [`place_of`].
fn make_things(world: &mut World) -> Result<Vec<u64>, Failure> {
    let mut low = Vec::new();
    for _ in 0..ENDPOINTS {
        low.push(world.endpoint()?);
    }
    for gate in 0..GATES {
        low.push(world.gate(low[gate % ENDPOINTS], 0xBAD6_E000 + gate as u64)?);
    }
    for _ in 0..NOTIFICATIONS {
        low.push(world.notification()?);
    }
    for bit in 0..NOTIFICATIONS {
        low.push(world.gate(low[ENDPOINTS + GATES + bit], 1 << bit)?);
    }
    for _ in 0..REPLIES {
        low.push(world.reply()?);
    }
    Ok(low)
}

fn place_in(table: u64, slot: u64) -> u64 {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    Place::new(narrow(table), narrow(slot)).into_raw()
}
