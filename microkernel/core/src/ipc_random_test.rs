//! Random message calls, signals, faults, stops and deaths by whichever thread is current: every
//! invariant holds after each, and no call returns an error that `ABI.md` does not list for it.

use proptest::prelude::*;

use crate::scene::{Scene, Step};

/// Frames of the machine.
const FRAMES: u64 = 512;

fn step() -> impl Strategy<Value = Step> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<u8>()).prop_map(
        |(operation, object, other, tag)| Step {
            operation,
            object,
            other,
            tag,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn random_steps_keep_every_invariant(steps in proptest::collection::vec(step(), 1..120)) {
        let scene = Scene::new(FRAMES, &[254, 255, 255, 253, 252]);
        for step in steps {
            if !scene.take(step) {
                break;
            }
        }
    }
}
