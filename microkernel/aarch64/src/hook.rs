//! Where the kernel tells its ghost what it does: the functions of [`crate::ghost`], and nothing in the
//! kernel that ships.

#[cfg(feature = "ghost")]
pub use crate::ghost::pause;
#[cfg(feature = "ghost")]
pub(crate) use crate::ghost::{note_arrival, note_entry, note_object, now, set_segments};

#[cfg(not(feature = "ghost"))]
mod nothing {
    use pecan_core::object::Frame;

    use crate::crossing::Moment;
    use crate::layout::Segment;
    use crate::register;

    /// Nobody looks.
    #[inline(always)]
    pub fn pause(_moment: Moment) {}

    /// The counter itself.
    #[inline(always)]
    pub(crate) fn now() -> u64 {
        register::counter()
    }

    #[inline(always)]
    pub(crate) fn note_arrival(_line: u64) {}

    #[inline(always)]
    pub(crate) fn note_entry(_frame: Frame) {}

    #[inline(always)]
    pub(crate) fn note_object(_number: u64) {}

    #[inline(always)]
    pub(crate) fn set_segments(_segments: &[Segment]) {}
}
#[cfg(not(feature = "ghost"))]
pub use nothing::pause;
#[cfg(not(feature = "ghost"))]
pub(crate) use nothing::{note_arrival, note_entry, note_object, now, set_segments};
