//! Function names, from the symbol tables in the package.

use ipc_abi::manifest::{Program, SYMBOL_BYTES, Segment};

/// Bytes of a page, as an index.
const PAGE: usize = 4096;

/// A program's code and symbol table, as they stand in the package.
#[derive(Clone, Copy, Debug)]
pub struct Symbols<'a> {
    package: &'a [u8],
    program: &'a Program,
    records: &'a [u8],
    names: &'a [u8],
}

impl<'a> Symbols<'a> {
    /// Finds the symbol table of `program`; a table that lies outside the package is empty.
    #[must_use]
    pub fn new(package: &'a [u8], program: &'a Program) -> Symbols<'a> {
        let table = program.symbols;
        let bytes = slice(package, table.offset, table.bytes).unwrap_or(&[]);
        let split = (table.count as usize).saturating_mul(SYMBOL_BYTES);
        let (records, names) = bytes.split_at_checked(split).unwrap_or((&[], &[]));
        Symbols {
            package,
            program,
            records,
            names,
        }
    }

    /// The function to which the instruction at `address` belongs.
    #[must_use]
    pub fn find(&self, address: u64) -> Option<&'a str> {
        let (mut low, mut high) = (0, self.records.len() / SYMBOL_BYTES);
        while low < high {
            let middle = low.midpoint(high);
            if self.word(middle, 0)? <= address {
                low = middle + 1
            } else {
                high = middle
            }
        }
        let place = self.word(low.checked_sub(1)?, 8)?;
        let name = slice(self.names, place & 0xFFFF_FFFF, place >> 32)?;
        let name = core::str::from_utf8(name).ok()?;
        if name.is_empty() { None } else { Some(name) }
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

    fn word(&self, record: usize, offset: usize) -> Option<u64> {
        let start = record.checked_mul(SYMBOL_BYTES)?.checked_add(offset)?;
        let bytes = self.records.get(start..start.checked_add(8)?)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
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

#[cfg(test)]
pub(crate) mod tests {
    use alloc::vec::Vec;
    use ipc_abi::manifest::Symbols as Place;

    use super::*;

    /// A package with one page of `code` at 0x21_0000, then a symbol table.
    pub(crate) fn package(code: &[u32], symbols: &[(u64, &str)]) -> (Vec<u8>, Program) {
        let mut package: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        package.resize(PAGE, 0);
        let mut names = Vec::new();
        for (address, name) in symbols {
            package.extend(address.to_le_bytes());
            package.extend(u32::try_from(names.len()).unwrap().to_le_bytes());
            package.extend(u32::try_from(name.len()).unwrap().to_le_bytes());
            names.extend(name.bytes());
        }
        package.extend(names);
        let mut program = Program::default();
        let segment = Segment {
            offset: 0,
            address: 0x21_0000,
            file_pages: 1,
            pages: 1,
            access: 5,
        };
        program.segments.push(segment).unwrap();
        program.symbols = Place {
            offset: PAGE as u64,
            bytes: (package.len() - PAGE) as u64,
            count: u32::try_from(symbols.len()).unwrap(),
        };
        (package, program)
    }

    #[test]
    fn names_count_from_their_address_to_the_next() {
        let (package, program) = package(
            &[],
            &[(0x21_0000, "a"), (0x21_0010, "b::c"), (0x21_0020, "")],
        );
        let symbols = Symbols::new(&package, &program);
        assert_eq!(symbols.find(0x20_FFFF), None);
        assert_eq!(symbols.find(0x21_0000), Some("a"));
        assert_eq!(symbols.find(0x21_000F), Some("a"));
        assert_eq!(symbols.find(0x21_0010), Some("b::c"));
        assert_eq!(symbols.find(0x21_0020), None);
        assert_eq!(symbols.find(u64::MAX), None);
    }

    #[test]
    fn damaged_tables_name_nothing() {
        let (package, mut program) = package(&[], &[(0, "a")]);
        program.symbols.count = 2;
        assert_eq!(Symbols::new(&package, &program).find(0), None);
        program.symbols.count = 1;
        program.symbols.offset = u64::MAX;
        assert_eq!(Symbols::new(&package, &program).find(0), None);
        program.symbols.offset = PAGE as u64;
        program.symbols.bytes = 16;
        assert_eq!(Symbols::new(&package, &program).find(0), None);
    }

    #[test]
    fn instructions_are_found_in_the_segments() {
        let (package, program) = package(&[7, 8], &[]);
        let symbols = Symbols::new(&package, &program);
        assert_eq!(symbols.instruction(0x21_0004), Some(8));
        assert_eq!(symbols.instruction(0x21_1000), None);
        assert_eq!(symbols.instruction(0x20_FFFC), None);
    }

    #[test]
    fn branches_go_where_the_manual_says() {
        assert_eq!(branch_target(0x1000, 0x9400_0001), Some(0x1004));
        assert_eq!(branch_target(0x1000, 0x97FF_FFFF), Some(0xFFC));
        assert_eq!(branch_target(0x1000, 0x1400_0001), None);
        assert_eq!(branch_target(0x1000, 0xD63F_0000), None);
    }
}
