//! Function names and frames, from the symbol tables in the package.

use ipc_abi::manifest::{FUNCTION_START, Program, SYMBOL_BYTES, Segment};

/// Bytes of a page, as an index.
const PAGE: usize = 4096;

/// A function's frame on the stack, at one of its instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From the stack pointer to the caller's: at least 1.
    pub bytes: u64,
    /// From the stack pointer to the return address.
    pub return_offset: u64,
}

/// A program's code and symbol table, as they stand in the package.
#[derive(Clone, Copy, Debug)]
pub struct Symbols<'a> {
    package: &'a [u8],
    program: &'a Program,
    functions: Records<'a>,
    frames: Records<'a>,
    names: &'a [u8],
}

/// Records that are sorted by the address from which on they count.
#[derive(Clone, Copy, Debug)]
struct Records<'a>(&'a [u8]);

impl<'a> Symbols<'a> {
    /// Finds the symbol table of `program`; a table that lies outside the package is empty.
    #[must_use]
    pub fn new(package: &'a [u8], program: &'a Program) -> Symbols<'a> {
        let table = program.symbols;
        let bytes = slice(package, table.offset, table.bytes).unwrap_or(&[]);
        let (functions, rest) = Records::split(bytes, table.count);
        let (frames, names) = Records::split(rest, table.frames);
        Symbols {
            package,
            program,
            functions,
            frames,
            names,
        }
    }

    /// The function to which the instruction at `address` belongs.
    #[must_use]
    pub fn find(&self, address: u64) -> Option<&'a str> {
        let (start, length) = self.functions.get(self.functions.place(address)?)?;
        let name = slice(self.names, u64::from(start), u64::from(length))?;
        let name = core::str::from_utf8(name).ok()?;
        if name.is_empty() { None } else { Some(name) }
    }

    /// The frame of the function to which the instruction at `address` belongs, if it is known there.
    #[must_use]
    pub fn frame(&self, address: u64) -> Option<Frame> {
        match self.frames.get(self.frames.place(address)?)? {
            (0, _) => None,
            (bytes, return_offset) => Some(Frame {
                bytes: u64::from(bytes),
                return_offset: u64::from(return_offset),
            }),
        }
    }

    /// Where the function starts to which the instruction at `address` belongs.
    #[must_use]
    pub fn function_start(&self, address: u64) -> Option<u64> {
        let mut places = (0..=self.frames.place(address)?).rev();
        let is_start = |place: &usize| self.frames.get(*place) == Some((0, FUNCTION_START));
        self.frames.address(places.find(is_start)?)
    }

    /// The instruction at `address`.
    #[must_use]
    pub fn instruction(&self, address: u64) -> Option<u32> {
        let holds = |segment: &&Segment| {
            let bytes = u64::from(segment.file_pages).saturating_mul(PAGE as u64);
            address
                .checked_sub(segment.address)
                .is_some_and(|offset| offset < bytes)
        };
        let segment = self.program.segments.iter().find(holds)?;
        let offset = segment
            .offset
            .checked_add(address.checked_sub(segment.address)?)?;
        let bytes = slice(self.package, offset, 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }
}

impl<'a> Records<'a> {
    /// Splits `count` records off; if there are fewer, none and nothing is left.
    fn split(bytes: &'a [u8], count: u32) -> (Records<'a>, &'a [u8]) {
        let end = (count as usize).saturating_mul(SYMBOL_BYTES);
        let (records, rest) = bytes.split_at_checked(end).unwrap_or_default();
        (Records(records), rest)
    }

    /// Which record counts at `address`.
    fn place(self, address: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.0.len() / SYMBOL_BYTES);
        while low < high {
            let middle = low.midpoint(high);
            if self.address(middle)? <= address {
                low = middle + 1
            } else {
                high = middle
            }
        }
        low.checked_sub(1)
    }

    /// From which address on a record counts.
    fn address(self, place: usize) -> Option<u64> {
        Some(u64::from_le_bytes(self.bytes(place, 0)?))
    }

    /// What a record says.
    fn get(self, place: usize) -> Option<(u32, u32)> {
        let first = u32::from_le_bytes(self.bytes(place, 8)?);
        let second = u32::from_le_bytes(self.bytes(place, 12)?);
        Some((first, second))
    }

    fn bytes<const N: usize>(self, place: usize, offset: usize) -> Option<[u8; N]> {
        let start = place.checked_mul(SYMBOL_BYTES)?.checked_add(offset)?;
        self.0.get(start..)?.first_chunk().copied()
    }
}

/// `length` bytes of `bytes` from `offset`.
pub(crate) fn slice(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

/// Where a `bl` instruction at `address` calls; `None` for any other instruction (Arm ARM
/// C6.2.33).
#[must_use]
pub const fn branch_target(address: u64, instruction: u32) -> Option<u64> {
    if instruction >> 26 != 0b10_0101 {
        return None;
    }
    let offset = ((instruction << 6).cast_signed() >> 4) as i64;
    Some(address.wrapping_add_signed(offset))
}

/// Whether an instruction is a call: `bl` or `blr` (Arm ARM C6.2.33, C6.2.35).
#[must_use]
pub const fn is_call(instruction: u32) -> bool {
    branch_target(0, instruction).is_some() || instruction & 0xFFFF_FC1F == 0xD63F_0000
}

#[cfg(test)]
#[path = "symbol_test.rs"]
pub(crate) mod tests;
