//! Memory comes back whatever else happens: random maps, unmaps and deaths of frames of both sizes in
//! two spaces, while frames are reclaimed and given to a device. After every call all invariants hold;
//! at the end every frame of the region is reclaimed.

use super::*;
use crate::large::LARGE_FRAMES;
use ipc_abi::capability::Access;
use proptest::prelude::*;
use std::vec::Vec;

const BASE: u64 = 0x40_0000_0000;
const MANY: u64 = 3 * LARGE_FRAMES;
const FIRST: u64 = crate::host::FIRST_FRAME + LARGE_FRAMES;

/// A call: which, and what its arguments are chosen by.
type Step = (u8, u16, u16);

/// What the steps work on.
struct Scene {
    fixture: Fixture,
    region: u64,
    spaces: [u64; 2],
    device: u64,
    /// Handles of frames, some of them dead.
    frames: Vec<u64>,
}

impl Scene {
    fn new() -> Scene {
        let fixture = Fixture::with_frames(MANY);
        let spaces = [0; 2].map(|_| {
            let (space, _) = fixture.create_space();
            fixture.donate(space, 6);
            space
        });
        let (destination, device) = fixture.slot();
        let registers = crate::host::FIRST_DEVICE * UNITS_PER_FRAME;
        let made = fixture.call(|k| k.create_frame(DEVICES, registers, destination));
        assert_eq!(made, Ok(0));
        Scene {
            fixture,
            region: MEMORY,
            spaces,
            device,
            frames: Vec::new(),
        }
    }

    fn make(&mut self, at: u64, is_large: bool) -> Answer {
        let slot = 60 + self.frames.len() as u64 % 180;
        let destination = TABLE << 32 | slot;
        let _emptied: Answer = self.fixture.kernel().capability_delete(destination);
        let kernel = self.fixture.kernel();
        if !is_large {
            let object = (FIRST + at % (2 * LARGE_FRAMES)) * UNITS_PER_FRAME;
            kernel.create_frame(self.region, object, destination)?;
            self.frames.push(slot);
            return Ok(0);
        }
        let object = (FIRST + at % 2 * LARGE_FRAMES) * UNITS_PER_FRAME;
        // Often not to the end.
        for _ in 0..at % 700 {
            match kernel.create_large_frame(self.region, object, destination) {
                Err(Error::Again) => self.fixture.host.leave_kernel(),
                Err(error) => return Err(error),
                Ok(_) => {
                    self.frames.push(slot);
                    break;
                }
            }
        }
        Ok(0)
    }

    fn play(&mut self, (call, a, b): Step) {
        let (a, b) = (u64::from(a), u64::from(b));
        let kernel = self.fixture.kernel();
        let space = self.spaces[usize::from(b % 2 == 1)];
        let index = usize::try_from(a).expect("small") % self.frames.len().max(1);
        let frame = self.frames.get(index).copied().unwrap_or(EMPTY);
        let address = BASE + b / 2 % 6 * 0x20_0000 + b / 16 % 4 / 3 * 0x1000;
        let _answer: Answer = match call {
            0 => self.make(a % 7 * 64 + b % 3, false),
            1 => self.make(b, true),
            2..6 => kernel.map(space, frame, address, Access::READ.into_raw()),
            6 => kernel.unmap(space, address),
            7 => kernel.protect(space, address, Access::READ_WRITE.into_raw()),
            8 => kernel.destroy(frame),
            9 | 10 => kernel.reclaim(self.region, FIRST + a % (2 * LARGE_FRAMES)),
            11 => kernel.frame_give(frame, self.device),
            12 => kernel.device_confirm_reset(self.device),
            13 => kernel.frame_set_mode(frame, b % 2),
            14 => kernel.space_withdraw(space),
            _ => kernel.space_donate(space, self.region, self.fixture.free_frame()),
        };
        self.fixture.check();
        self.fixture.host.leave_kernel();
        self.fixture.check();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 500, ..Default::default() })]

    #[test]
    fn every_frame_comes_back(
        steps in proptest::collection::vec((0_u8..16, any::<u16>(), any::<u16>()), 1..120),
    ) {
        let mut scene = Scene::new();
        for step in steps {
            scene.play(step);
        }
        let fixture = &scene.fixture;
        let last = FIRST..FIRST + 2 * LARGE_FRAMES;
        for frame in last.clone() {
            if fixture.is_free(frame) {
                continue;
            }
            for _ in 0..2_000 {
                match fixture.kernel().reclaim(MEMORY, frame) {
                    Ok(_) => break,
                    Err(Error::Again) => {}
                    Err(Error::Quarantined) => {
                        let confirmed = fixture.kernel().device_confirm_reset(scene.device);
                        prop_assert_eq!(confirmed, Ok(0));
                    }
                    Err(error) => panic!("reclaim answers {error:?}"),
                }
                fixture.host.leave_kernel();
            }
            fixture.host.leave_kernel();
        }
        fixture.host.drain_all();
        fixture.check();
        prop_assert!(last.clone().all(|frame| fixture.is_free(frame)));
    }
}
