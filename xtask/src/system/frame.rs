//! Frames for crash reports: where on the stack a function's caller is found.
//!
//! The compiler writes it down for each instruction, in the `.eh_frame` section (DWARF 5 §6.4). Of that
//! the table takes what Rust compiles to without variable-sized locals: a frame of so many bytes above
//! the stack pointer, with the return address in it. Any other way is [`Frame::Unknown`].

use addr2line::gimli::{
    AArch64, BaseAddresses, CfaRule, CieOrFde, EhFrame, EndianSlice, FrameDescriptionEntry,
    LittleEndian as GimliLittleEndian, RegisterRule, UnwindContext, UnwindSection, UnwindTableRow,
};
use anyhow::{Context, Result};
use ipc_abi::manifest::FUNCTION_START;
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection};

/// Where an instruction's function keeps the way back to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// The instruction starts a function, or ends its entry: there is no frame yet.
    Start,
    /// The return address is in no place that is known.
    Unknown,
    /// On the stack.
    Known {
        /// From the stack pointer to the caller's.
        bytes: u32,
        /// From the stack pointer to the return address.
        return_offset: u32,
    },
}

impl Frame {
    /// Its record, behind the address ([`ipc_abi::manifest::Symbols`]).
    pub(super) fn words(self) -> (u32, u32) {
        match self {
            Frame::Start => (0, FUNCTION_START),
            Frame::Unknown => (0, 0),
            Frame::Known {
                bytes,
                return_offset,
            } => (bytes, return_offset),
        }
    }
}

type Slice<'a> = EndianSlice<'a, GimliLittleEndian>;

/// The frames of a program, sorted by the address from which on each counts. A program without that
/// section has none.
///
/// # Errors
///
/// If the section is damaged.
pub(super) fn collect(elf: &ElfFile64<'_, LittleEndian>) -> Result<Vec<(u64, Frame)>> {
    let Some(section) = elf.section_by_name(".eh_frame") else {
        return Ok(Vec::new());
    };
    let data = section.data().context("damaged frames")?;
    of_section(data, section.address()).context("damaged frames")
}

fn of_section(data: &[u8], address: u64) -> Result<Vec<(u64, Frame)>> {
    let section = EhFrame::new(data, GimliLittleEndian);
    let bases = BaseAddresses::default().set_eh_frame(address);
    let mut entries = section.entries(&bases);
    let mut frames = Vec::new();
    while let Some(entry) = entries.next()? {
        if let CieOrFde::Fde(function) = entry {
            let function = function.parse(EhFrame::cie_from_offset)?;
            add_function(&section, &bases, &function, &mut frames)?;
        }
    }
    // Where one function ends and the next starts, the start counts.
    frames.sort_by_key(|(address, frame)| (*address, *frame == Frame::Start));
    frames.dedup_by(|next, frame| {
        let is_same_place = next.0 == frame.0;
        if is_same_place {
            frame.1 = next.1;
        }
        is_same_place || next.1 == frame.1 && next.1 != Frame::Start
    });
    Ok(frames)
}

fn add_function(
    section: &EhFrame<Slice<'_>>,
    bases: &BaseAddresses,
    function: &FrameDescriptionEntry<Slice<'_>>,
    frames: &mut Vec<(u64, Frame)>,
) -> Result<()> {
    let mut context = UnwindContext::new();
    let mut rows = function.rows(section, bases, &mut context)?;
    while let Some(row) = rows.next_row()? {
        let frame = if row.start_address() == function.initial_address() {
            Frame::Start
        } else {
            of_row(row).unwrap_or(Frame::Unknown)
        };
        frames.push((row.start_address(), frame));
    }
    frames.push((function.end_address(), Frame::Unknown));
    Ok(())
}

fn of_row(row: &UnwindTableRow<usize>) -> Option<Frame> {
    let CfaRule::RegisterAndOffset { register, offset } = row.cfa() else {
        return None;
    };
    let RegisterRule::Offset(place) = row.register(AArch64::X30) else {
        return None;
    };
    let return_offset = u32::try_from(offset.checked_add(place)?).ok()?;
    let bytes = u32::try_from(*offset).ok()?;
    (*register == AArch64::SP && return_offset < bytes).then_some(Frame::Known {
        bytes,
        return_offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: u64 = 0x20_4000;
    /// Advances by 4 bytes.
    const ADVANCE: u8 = 0x40 | 4;
    const DEFINE_OFFSET: u8 = 0x0E;
    const DEFINE_REGISTER: u8 = 0x0D;
    /// The return address lies 2 × 4 bytes below the caller's stack pointer.
    const SAVE_RETURN: [u8; 2] = [0x80 | 30, 2];
    const RESTORE_RETURN: u8 = 0xC0 | 30;

    fn entry(body: &[u8]) -> Vec<u8> {
        let length = body.len().next_multiple_of(4);
        let mut entry = u32::try_from(length).expect("small").to_le_bytes().to_vec();
        entry.extend(body);
        entry.resize(4 + length, 0);
        entry
    }

    /// A section with functions: address, bytes, what is done.
    fn section(functions: &[(u64, u32, &[u8])]) -> Vec<u8> {
        // Version 1, "zR", factors 1 and -4, x30 has the return address, addresses are relative, the
        // caller's stack pointer is this one.
        let common = [
            0, 0, 0, 0, 1, b'z', b'R', 0, 1, 0x7C, 30, 1, 0x1B, 0x0C, 31, 0,
        ];
        let mut bytes = entry(&common);
        for (address, length, instructions) in functions {
            let place = bytes.len() + 4;
            let relative = address.wrapping_sub(SECTION + place as u64 + 4);
            let mut body = u32::try_from(place).expect("small").to_le_bytes().to_vec();
            body.extend(&relative.to_le_bytes()[..4]);
            body.extend(length.to_le_bytes());
            body.push(0);
            body.extend(*instructions);
            bytes.extend(entry(&body));
        }
        bytes
    }

    fn known(bytes: u32, return_offset: u32) -> Frame {
        Frame::Known {
            bytes,
            return_offset,
        }
    }

    #[test]
    fn frame_is_known_while_the_return_address_is_in_it() {
        let [save, number] = SAVE_RETURN;
        let instructions = [
            ADVANCE,
            DEFINE_OFFSET,
            32,
            ADVANCE,
            save,
            number,
            ADVANCE,
            DEFINE_OFFSET,
            64,
            ADVANCE,
            DEFINE_OFFSET,
            0,
            RESTORE_RETURN,
        ];
        let section = section(&[(0x21_0000, 0x20, &instructions)]);
        let expected = [
            (0x21_0000, Frame::Start),
            (0x21_0004, Frame::Unknown),
            (0x21_0008, known(32, 24)),
            (0x21_000C, known(64, 56)),
            (0x21_0010, Frame::Unknown),
        ];
        assert_eq!(
            of_section(&section, SECTION).expect("it is sound"),
            expected
        );
    }

    #[test]
    fn function_starts_where_another_ends() {
        let [save, number] = SAVE_RETURN;
        let frame = [ADVANCE, DEFINE_OFFSET, 16, save, number];
        // Not in the order of their addresses; the last one stands apart.
        let section = section(&[
            (0x21_0010, 0x10, &[]),
            (0x21_0000, 0x10, &frame),
            (0x21_0040, 0x10, &frame),
        ]);
        let expected = [
            (0x21_0000, Frame::Start),
            (0x21_0004, known(16, 8)),
            (0x21_0010, Frame::Start),
            (0x21_0020, Frame::Unknown),
            (0x21_0040, Frame::Start),
            (0x21_0044, known(16, 8)),
            (0x21_0050, Frame::Unknown),
        ];
        assert_eq!(
            of_section(&section, SECTION).expect("it is sound"),
            expected
        );
    }

    #[test]
    fn frame_that_another_register_points_to_is_unknown() {
        let [save, number] = SAVE_RETURN;
        let instructions = [
            ADVANCE,
            DEFINE_OFFSET,
            16,
            save,
            number,
            DEFINE_REGISTER,
            29,
        ];
        let section = section(&[(0x21_0000, 0x10, &instructions)]);
        let expected = [(0x21_0000, Frame::Start), (0x21_0004, Frame::Unknown)];
        assert_eq!(
            of_section(&section, SECTION).expect("it is sound"),
            expected
        );
    }

    #[test]
    fn damaged_section_is_an_error() {
        let sound = section(&[(0x21_0000, 0x10, &[ADVANCE, DEFINE_OFFSET, 16])]);
        assert!(of_section(&sound[..sound.len() - 1], SECTION).is_err());
        let unknown = section(&[(0x21_0000, 0x10, &[0x3F])]);
        assert!(of_section(&unknown, SECTION).is_err());
        assert_eq!(of_section(&[], SECTION).expect("it is empty"), []);
    }
}
