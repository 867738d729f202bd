//! Which tokens are under way.

use super::{SLOTS_MAX, Slots};

/// Words of a set of tokens.
const SET_WORDS: usize = SLOTS_MAX as usize / 64;

/// The tokens below the number of slots, each free or under way.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    free: [u64; SET_WORDS],
    under_way: u32,
}

impl Tokens {
    /// All are free.
    pub(super) fn new(slots: Slots) -> Tokens {
        let mut free = [0; SET_WORDS];
        let mut left = slots.count();
        for word in &mut free {
            let here = left.min(64);
            *word = u64::MAX.checked_shr(64_u32.wrapping_sub(here)).unwrap_or(0);
            left = left.wrapping_sub(here);
        }
        Tokens { free, under_way: 0 }
    }

    /// How many are under way.
    #[inline(always)]
    pub(super) const fn under_way(&self) -> u32 {
        self.under_way
    }

    /// Takes the lowest that is free.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<u32> {
        for (base, word) in (0..).step_by(64).zip(&mut self.free) {
            if *word != 0 {
                let bit = word.trailing_zeros();
                *word &= word.wrapping_sub(1);
                self.under_way = self.under_way.wrapping_add(1);
                return Some(bit.wrapping_add(base));
            }
        }
        None
    }

    /// Gives back a token that is under way; whether it was.
    #[inline(always)]
    pub(super) fn give_back(&mut self, token: u64, slots: Slots) -> Option<u32> {
        let token = u32::try_from(token)
            .ok()
            .filter(|token| *token < slots.count())?;
        let word = self.free.get_mut((token / 64) as usize)?;
        let bit = 1_u64.wrapping_shl(token);
        if *word & bit != 0 {
            return None;
        }
        *word |= bit;
        self.under_way = self.under_way.wrapping_sub(1);
        Some(token)
    }
}
