//! A panic becomes a fault: `brk #1` with the text's address in `x0` and its length in `x1`, so that
//! whoever handles the process's faults can say who, where and why.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

/// The most bytes of a panic's text; the rest is cut off.
pub const PANIC_TEXT_BYTES: usize = 512;

/// A text that takes what fits and forgets the rest.
#[derive(Debug)]
pub(crate) struct CutText {
    text: heapless::String<PANIC_TEXT_BYTES>,
    is_cut: bool,
}

#[cfg_attr(
    not(target_os = "none"),
    expect(dead_code, reason = "the host has its own handler")
)]
impl CutText {
    pub(crate) const fn new() -> CutText {
        CutText {
            text: heapless::String::new(),
            is_cut: false,
        }
    }

    /// Tells a panic as `panicked at <file>:<line>: <message>`.
    pub(crate) fn of_panic(panic: &PanicInfo<'_>) -> CutText {
        let mut text = CutText::new();
        let written = match panic.location() {
            Some(at) => write!(
                text,
                "panicked at {}:{}: {}",
                at.file(),
                at.line(),
                panic.message()
            ),
            None => write!(text, "panicked: {}", panic.message()),
        };
        // A `Display` of the message may fail; what it wrote before is told.
        let _ = written;
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl Write for CutText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        for character in part.chars() {
            self.is_cut = self.is_cut || self.text.push(character).is_err();
            if self.is_cut {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(target_os = "none")]
mod fault {
    #![expect(unsafe_code, reason = "the breakpoint instruction")]

    use super::{CutText, PanicInfo};

    #[panic_handler]
    fn panic(panic: &PanicInfo<'_>) -> ! {
        let text = CutText::of_panic(panic);
        let text = text.as_str();
        loop {
            // SAFETY: the instruction raises a fault; the handler may read `text`, which lives on
            // this stack until then, and never lets the thread go on, or lets it come here again.
            unsafe {
                core::arch::asm!(
                    "brk #1",
                    in("x0") text.as_ptr(),
                    in("x1") text.len(),
                    options(nostack, readonly),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_whole_character() {
        let mut text = CutText::new();
        let long = "ä".repeat(PANIC_TEXT_BYTES);
        assert_eq!(write!(text, "x{long}y"), Ok(()));
        assert_eq!(text.as_str().len(), PANIC_TEXT_BYTES - 1);
        assert_eq!(write!(text, "z"), Ok(()));
        assert!(text.as_str().ends_with('ä'));
    }
}
