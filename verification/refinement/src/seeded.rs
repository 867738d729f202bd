//! Seeded bugs: one store of one transition is lost, or has a wrong bit. Something must notice.
//!
//! A wrong store is *harmless* if the state is the right one nevertheless, in its normal form: the word
//! was written again, or is dead. Any other that nothing notices is a failure.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::action::Action;
use crate::arena::Damage;
use crate::explore::{Configuration, start};
use crate::normal::normalise;
use crate::state::{Print, print_of};
use crate::transition::{Scene, check_new, is_possible, run};
use crate::twin::Twin;

/// What became of the seeded bugs.
#[derive(Debug, Default)]
pub struct Fate {
    /// Those that something noticed.
    pub noticed: u64,
    /// Those that led to the right state.
    pub harmless: u64,
    /// What nothing noticed, though the state was another.
    pub missed: Vec<String>,
}

/// Transitions of one configuration into which bugs are seeded.
const STATES: u64 = 24;
/// Where the walk through the configuration begins.
const SEED: u64 = 0x5EED;

/// Seeds bugs into transitions of `configuration`, along a walk that is the same every time.
pub fn seed(configuration: &Configuration, fate: &mut Fate) {
    let scene = start(configuration);
    let mut dice = SEED;
    for _ in 0..STATES {
        let twin = Twin::new(&scene.host.arena);
        for action in scene
            .actions
            .iter()
            .filter(|action| is_possible(&scene, action))
        {
            dice = roll(dice);
            if dice.is_multiple_of(4) {
                seed_into(&scene, &twin, action, fate);
            }
        }
        walk(&scene, &twin, &mut dice);
    }
}

/// Marsaglia's "Xorshift RNGs" (2003), 64 bits, (13, 7, 17).
const fn roll(mut dice: u64) -> u64 {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^ dice << 17
}

/// Takes one transition that changes something, and stays there.
fn walk(scene: &Scene, twin: &Twin, dice: &mut u64) {
    let arena = &scene.host.arena;
    for _ in 0..64 {
        *dice = roll(*dice);
        let nth = usize::try_from(*dice % scene.actions.len() as u64).expect("few actions");
        let mark = arena.mark();
        if is_possible(scene, &scene.actions[nth]) && run(scene, twin, &scene.actions[nth]).is_ok()
        {
            normalise(arena, scene.care);
            let is_idle = scene.host.kernel().current().is_none();
            if arena.first_change(mark).is_some() && !is_idle {
                return;
            }
        }
        arena.go_back(mark);
    }
}

fn seed_into(scene: &Scene, twin: &Twin, action: &Action, fate: &mut Fate) {
    let arena = &scene.host.arena;
    let first = arena.stores();
    let Ok(right) = outcome(scene, twin, action) else {
        fate.missed
            .push(format!("{action:?} goes wrong without a seeded bug"));
        return;
    };
    for nth in 0..arena.stores() - first {
        for damage in [Damage::Lost, Damage::Flipped] {
            arena.seed(Some((arena.stores() + nth, damage)));
            let result = outcome(scene, twin, action);
            arena.seed(None);
            match result {
                Err(_) => fate.noticed += 1,
                Ok(print) if print == right => fate.harmless += 1,
                Ok(_) => fate
                    .missed
                    .push(format!("{damage:?} store {nth} of {action:?}")),
            }
        }
    }
}

/// The normal form that `action` leads to, and back.
fn outcome(scene: &Scene, twin: &Twin, action: &Action) -> Result<Print, String> {
    let arena = &scene.host.arena;
    let mark = arena.mark();
    let attempt = AssertUnwindSafe(|| {
        run(scene, twin, action)?;
        check_new(scene, twin, mark)?;
        normalise(arena, scene.care);
        Ok(print_of(arena))
    });
    let result = catch_unwind(attempt).unwrap_or_else(|_| Err("a panic".to_owned()));
    let _: usize = arena.take_duties();
    let _: Option<u64> = arena.take_forbidden();
    arena.go_back(mark);
    result
}
