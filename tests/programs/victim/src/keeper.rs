//! The secret, and the watch over it.

use alloc::vec::Vec;

use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::call::{PlatformOperation, SystemCall};
use ipc_abi::capability::Access;
use test_kit::service::{Direction, PASSWORD, Secret, Text, Victim, VictimError};
use test_kit::{Failure, World, pattern};
use userlib::Environment;

/// Where the secret is mapped: nothing else of any program is there.
const ADDRESS: u64 = 0x51_0000_0000;
/// From which the secret is made.
const SEED: u64 = 0x5EC2E7;
/// Slots of a table.
const SLOTS: u64 = 256;

/// Keeps the secret.
pub(crate) struct Keeper {
    world: World,
    secret: Secret,
    held: Vec<Option<u64>>,
}

impl Keeper {
    /// Makes the secret.
    pub(crate) fn new(environment: &Environment) -> Result<Keeper, Failure> {
        let mut world = World::new(test_kit::authority(environment))?;
        let own = world.authority;
        let handle = world.user_frame()?;
        world.map(own.space, handle, ADDRESS, Access::READ_WRITE)?;
        for word in 0..PAGE_BYTES / 8 {
            world.write(ADDRESS + 8 * word, pattern(SEED, word));
        }
        let physical = world.must(SystemCall::FrameInspect, &[handle])?;
        let (region, _) = world.region_range();
        let word = pattern(SEED, 0);
        let secret = Secret {
            address: ADDRESS,
            physical,
            handle,
            region,
            word,
        };
        let held = holdings(&mut world);
        Ok(Keeper {
            world,
            secret,
            held,
        })
    }
}

/// What each slot of the table holds.
fn holdings(world: &mut World) -> Vec<Option<u64>> {
    let mut held = Vec::new();
    for slot in 1..SLOTS {
        let place = world.place(slot);
        held.push(world.function(SystemCall::CapabilityInspect, &[place]).ok());
    }
    held
}

impl Victim for Keeper {
    fn secret(&mut self) -> Secret {
        self.secret
    }

    fn is_unharmed(&mut self) -> bool {
        let mut words = 0..PAGE_BYTES / 8;
        let is_kept = words.all(|word| self.world.read(ADDRESS + 8 * word) == pattern(SEED, word));
        is_kept && holdings(&mut self.world) == self.held
    }

    fn add(&mut self, left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }

    fn echo(&mut self, text: &str) -> Result<Text, VictimError> {
        Text::try_from(text).map_err(|_| VictimError::TooLong)
    }

    fn count(&mut self, bytes: &[u8], mask: Option<u8>) -> u32 {
        let mask = mask.unwrap_or(u8::MAX);
        let set = bytes.iter().filter(|byte| **byte & mask != 0);
        u32::try_from(set.count()).unwrap_or(u32::MAX)
    }

    fn turn(&mut self, direction: Direction, is_left: bool) -> Direction {
        match (direction, is_left) {
            (Direction::North, false) | (Direction::South, true) => Direction::East,
            (Direction::East, false) | (Direction::West, true) => Direction::South,
            (Direction::South, false) | (Direction::North, true) => Direction::West,
            (Direction::West, false) | (Direction::East, true) => Direction::North,
        }
    }

    fn finish(&mut self, password: u64) {
        if password == PASSWORD {
            let off = [
                self.world.authority.platform,
                PlatformOperation::PowerOff as u64,
            ];
            let _ = self.world.function(SystemCall::PlatformControl, &off);
        }
    }
}
