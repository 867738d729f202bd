//! What each token is: free, under way, or ended and not yet given back.

use super::{SLOTS_MAX, Slots};

/// Words of a set of tokens.
const SET_WORDS: usize = SLOTS_MAX as usize / 64;

/// The tokens below the number of slots.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    free: [u64; SET_WORDS],
    under_way: [u64; SET_WORDS],
    under_way_count: u32,
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
        Tokens {
            free,
            under_way: [0; SET_WORDS],
            under_way_count: 0,
        }
    }

    /// How many are under way.
    #[inline(always)]
    pub(super) const fn under_way(&self) -> u32 {
        self.under_way_count
    }

    /// Takes the lowest that is free: it is under way.
    #[inline(always)]
    pub(super) fn take(&mut self) -> Option<u32> {
        let sets = self.free.iter_mut().zip(&mut self.under_way);
        for (base, (free, under_way)) in (0..).step_by(64).zip(sets) {
            if *free != 0 {
                let bit = free.trailing_zeros();
                *free &= free.wrapping_sub(1);
                *under_way |= 1_u64.wrapping_shl(bit);
                self.under_way_count = self.under_way_count.wrapping_add(1);
                return Some(bit.wrapping_add(base));
            }
        }
        None
    }

    /// Ends what a token stands for; `None` if it is not under way.
    #[inline(always)]
    pub(super) fn end(&mut self, token: u64) -> Option<u32> {
        let token = u32::try_from(token).ok()?;
        let word = self.under_way.get_mut((token / 64) as usize)?;
        let bit = 1_u64.wrapping_shl(token);
        if *word & bit == 0 {
            return None;
        }
        *word &= !bit;
        self.under_way_count = self.under_way_count.wrapping_sub(1);
        Some(token)
    }

    /// Whether a token ended and was not given back.
    #[inline(always)]
    pub(super) fn has_ended(&self, token: u32, slots: Slots) -> bool {
        let (word, bit) = ((token / 64) as usize, 1_u64.wrapping_shl(token));
        let sets = (self.free.get(word), self.under_way.get(word));
        token < slots.count()
            && matches!(sets, (Some(free), Some(under_way)) if (free | under_way) & bit == 0)
    }

    /// Gives back a token that ended; nothing happens to one that is under way or that there is not.
    #[inline(always)]
    pub(super) fn give_back(&mut self, token: u32, slots: Slots) {
        let (word, bit) = ((token / 64) as usize, 1_u64.wrapping_shl(token));
        let is_under_way = self.under_way.get(word).is_none_or(|set| set & bit != 0);
        if !is_under_way
            && token < slots.count()
            && let Some(free) = self.free.get_mut(word)
        {
            *free |= bit;
        }
    }
}
