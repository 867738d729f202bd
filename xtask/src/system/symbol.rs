//! Symbol tables for crash reports: which function each instruction was written in.
//!
//! The line tables of a program say for each instruction the chain of functions that the compiler
//! inlined there. The table names the innermost one that is the program's own ([`is_library`] says
//! which are not); of a library function by itself it gives its name. Behind the names it has the
//! frames ([`super::frame`]). The form is that of [`ipc_abi::manifest::Symbols`].

use std::collections::HashMap;

use addr2line::gimli::{self, EndianSlice, LittleEndian as GimliLittleEndian};
use anyhow::{Context, Result};
use ipc_abi::symbol::is_library;
use object::read::elf::ElfFile64;
use object::{LittleEndian, Object, ObjectSection, ObjectSymbol, SymbolKind};

use super::frame::{self, Frame};
use super::program::Segment;

/// Bytes of an instruction.
const INSTRUCTION_BYTES: usize = 4;

/// A symbol table as it stands in the package.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SymbolTable {
    /// How many records of names it has.
    pub count: u32,
    /// How many records of frames it has.
    pub frames: u32,
    /// Records, then names.
    pub bytes: Vec<u8>,
}

/// From which address on which function's instructions stand; no name: no function's.
type Range = (u64, Option<String>);

/// Makes the symbol table of a program.
///
/// # Errors
///
/// If its debug information is damaged.
pub fn collect(elf: &ElfFile64<'_, LittleEndian>, segments: &[Segment]) -> Result<SymbolTable> {
    let functions = functions(elf);
    let lines = lines(elf)?;
    let mut ranges: Vec<Range> = Vec::new();
    for segment in segments
        .iter()
        .filter(|segment| segment.access.is_executable())
    {
        for address in (segment.address..segment.end()).step_by(INSTRUCTION_BYTES) {
            let name = name_at(address, &functions, &lines)?;
            if ranges.last().is_none_or(|(_, last)| *last != name) {
                ranges.push((address, name));
            }
        }
        ranges.push((segment.end(), None));
    }
    encode(&ranges, &frame::collect(elf)?)
}

/// The functions of the ELF file's own symbol table: start, end, name.
fn functions(elf: &ElfFile64<'_, LittleEndian>) -> Vec<(u64, u64, String)> {
    let mut functions: Vec<_> = elf
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter_map(|symbol| {
            let end = symbol.address().checked_add(symbol.size())?;
            Some((symbol.address(), end, demangle(symbol.name().ok()?)))
        })
        .collect();
    functions.sort();
    functions
}

type Slice<'a> = EndianSlice<'a, GimliLittleEndian>;

fn lines<'a>(elf: &ElfFile64<'a, LittleEndian>) -> Result<addr2line::Context<Slice<'a>>> {
    let section = |id: gimli::SectionId| -> Result<Slice<'a>, gimli::Error> {
        let section = elf.section_by_name(id.name());
        let data = section
            .and_then(|section| section.data().ok())
            .unwrap_or(&[]);
        Ok(EndianSlice::new(data, GimliLittleEndian))
    };
    let dwarf = gimli::Dwarf::load(section)?;
    addr2line::Context::from_dwarf(dwarf).context("its line tables are damaged")
}

fn name_at(
    address: u64,
    functions: &[(u64, u64, String)],
    lines: &addr2line::Context<Slice<'_>>,
) -> Result<Option<String>> {
    let after = functions.partition_point(|(start, _, _)| *start <= address);
    let function = functions[..after]
        .last()
        .filter(|(_, end, _)| address < *end);
    let Some((_, _, outermost)) = function else {
        return Ok(None);
    };
    let mut frames = lines
        .find_frames(address)
        .skip_all_loads()
        .context("damaged line tables")?;
    while let Some(frame) = frames.next().context("damaged line tables")? {
        let Some(name) = frame.function else { continue };
        let name = demangle(&name.raw_name().context("damaged line tables")?);
        if !is_library(&name) {
            return Ok(Some(name));
        }
    }
    Ok(Some(outermost.clone()))
}

fn demangle(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// A record of either kind: an address and two numbers.
fn push_record(records: &mut Vec<u8>, address: u64, first: u32, second: u32) {
    records.extend(address.to_le_bytes());
    records.extend(first.to_le_bytes());
    records.extend(second.to_le_bytes());
}

fn encode(ranges: &[Range], frames: &[(u64, Frame)]) -> Result<SymbolTable> {
    let mut records = Vec::new();
    let mut names = String::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    for (address, name) in ranges {
        let name = name.as_deref().unwrap_or_default();
        let place = match places.get(name) {
            Some(place) => *place,
            None => {
                let place = u32::try_from(names.len())?;
                names.push_str(name);
                places.insert(name, place);
                place
            }
        };
        push_record(&mut records, *address, place, u32::try_from(name.len())?);
    }
    for (address, frame) in frames {
        let (bytes, place) = frame.words();
        push_record(&mut records, *address, bytes, place);
    }
    records.extend(names.into_bytes());
    Ok(SymbolTable {
        count: u32::try_from(ranges.len())?,
        frames: u32::try_from(frames.len())?,
        bytes: records,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_sorted_records_and_each_name_once() {
        let name = |name: &str| Some(name.to_string());
        let ranges = [
            (0x1000, name("a::b")),
            (0x1010, None),
            (0x1020, name("a::b")),
        ];
        let known = Frame::Known {
            bytes: 32,
            return_offset: 24,
        };
        let frames = [(0x1000, Frame::Start), (0x1004, known)];
        let table = encode(&ranges, &frames).expect("it is small");
        assert_eq!((table.count, table.frames), (3, 2));
        assert_eq!(table.bytes.len(), 5 * 16 + 4);
        assert_eq!(table.bytes[56..64], [0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(table.bytes[72..80], [32, 0, 0, 0, 24, 0, 0, 0]);
        assert_eq!(&table.bytes[80..], b"a::b");
        assert_eq!(
            table.bytes[..16],
            [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]
        );
        assert_eq!(table.bytes[24..32], [4, 0, 0, 0, 0, 0, 0, 0]);
    }
}
