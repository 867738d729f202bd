//! All memory of user space, frame by frame.
//!
//! Invariant: free + taken + lost = total; what the first process started with is taken. A frame is lost when the kernel does not give it back;
//! that is counted and said, never hidden.

use buddy_system_allocator::FrameAllocator;

/// The largest block has 2^33 frames: half of what 46 bits of physical address can hold.
const ORDERS: usize = 34;

/// The frames that nobody has.
pub struct Frames {
    allocator: FrameAllocator<ORDERS>,
    total: u64,
    free: u64,
    lost: u64,
}

impl Frames {
    /// Starts with `total` frames, of which those in `ranges` (first, end) are free.
    pub fn new(total: u64, ranges: impl IntoIterator<Item = (u64, u64)>) -> Frames {
        let mut allocator = FrameAllocator::new();
        let mut free = 0;
        for (first, end) in ranges {
            if let (Ok(start), Ok(stop)) = (usize::try_from(first), usize::try_from(end))
                && start < stop
            {
                allocator.insert(start..stop);
                free += end - first;
            }
        }
        Frames {
            allocator,
            total,
            free,
            lost: 0,
        }
    }

    /// Takes a frame; `None` if there is none.
    pub fn take(&mut self) -> Option<u64> {
        let frame = self.allocator.alloc(1)?;
        self.free = self.free.saturating_sub(1);
        Some(frame as u64)
    }

    /// Gives back a frame that [`Frames::take`] gave, once.
    pub fn give_back(&mut self, frame: u64) {
        if let Ok(frame) = usize::try_from(frame) {
            self.allocator.dealloc(frame, 1);
            self.free = self.free.saturating_add(1);
        }
    }

    /// Counts a taken frame that does not come back.
    pub fn count_lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// How many frames there are in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// How many frames are free.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.free
    }

    /// How many frames are lost.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_frame_is_given_once_and_comes_back() {
        let mut frames = Frames::new(110, [(1001, 1051), (1051, 1101)]);
        let taken: BTreeSet<u64> = std::iter::from_fn(|| frames.take()).collect();
        assert_eq!(taken, (1001..1101).collect());
        assert_eq!((frames.free(), frames.total()), (0, 110));
        assert_eq!(frames.take(), None);
        taken.iter().for_each(|frame| frames.give_back(*frame));
        assert_eq!(frames.free(), 100);
        assert_eq!(std::iter::from_fn(|| frames.take()).count(), 100);
    }

    #[test]
    fn no_memory_is_no_frames() {
        assert_eq!(Frames::new(0, [(5, 5)]).take(), None);
        assert_eq!(Frames::new(0, [(6, 5)]).free(), 0);
    }

    #[test]
    fn lost_frames_are_counted() {
        let mut frames = Frames::new(2, [(1, 3)]);
        frames.take();
        frames.count_lost();
        assert_eq!((frames.total(), frames.free(), frames.lost()), (2, 1, 1));
    }
}
