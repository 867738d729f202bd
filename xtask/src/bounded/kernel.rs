//! The linked kernel: code, constants, symbols, and the marks of `microkernel/aarch64/src/bound.rs`.

use super::decode::{bits, signed_bits};
use anyhow::{Context, Result, ensure};
use object::elf::{PF_W, PF_X};
use object::read::elf::ElfFile64;
use object::{
    LittleEndian, Object, ObjectSection, ObjectSegment, ObjectSymbol, SegmentFlags, SymbolKind,
};
use rustc_demangle::demangle;
use std::collections::{BTreeMap, BTreeSet};

/// The section of the marks: pairs of an address and a number.
const MARKS: &str = ".bounds";
const WORD_BYTES: usize = 8;
/// What tells the bound of a place that is seldom reached.
const SELDOM: u64 = 1 << 63;

/// What is said about a place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It is reached at most so often each time that its loop is entered.
    AtMost(u64),
    /// The same for a place that only a few of the rounds reach; places with one number share one
    /// bound.
    Seldom {
        /// The number.
        number: u64,
        /// How often they are reached.
        bound: u64,
    },
    /// An interrupt that came before is taken right after it.
    PreemptionPoint,
}

/// A function's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Its name, readable.
    pub name: String,
    /// Its first byte.
    pub address: u64,
    /// Its bytes.
    pub size: u64,
}

/// Bytes at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The first byte's.
    pub address: u64,
    /// What the image has there.
    pub bytes: Vec<u8>,
}

impl Piece {
    fn read(&self, address: u64, size: usize) -> Option<&[u8]> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        self.bytes.get(start..start.checked_add(size)?)
    }

    fn write(&mut self, address: u64, size: usize) -> Option<&mut [u8]> {
        let start = usize::try_from(address.checked_sub(self.address)?).ok()?;
        self.bytes.get_mut(start..start.checked_add(size)?)
    }
}

/// The linked kernel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    /// Code.
    pub code: Vec<Piece>,
    /// What nothing can change.
    pub constants: Vec<Piece>,
    /// Places that the code makes the addresses of.
    pub references: BTreeSet<u64>,
    /// Functions by address.
    pub functions: BTreeMap<u64, Symbol>,
    /// Places of the assembly, and other symbols without a size, by name.
    pub labels: BTreeMap<String, u64>,
    /// Marks by address.
    pub marks: BTreeMap<u64, Vec<Mark>>,
}

impl Kernel {
    /// Reads an ELF file.
    pub(crate) fn parse(elf: &[u8]) -> Result<Self> {
        let file = ElfFile64::<LittleEndian>::parse(elf).context("the kernel is no ELF file")?;
        let mut kernel = Self::default();
        for segment in file.segments() {
            let SegmentFlags::Elf { p_flags } = segment.flags() else {
                continue;
            };
            let piece = Piece {
                address: segment.address(),
                bytes: segment.data()?.to_vec(),
            };
            if p_flags & PF_W == 0 {
                kernel.constants.push(piece.clone());
            }
            if p_flags & PF_X != 0 {
                kernel.code.push(piece);
            }
        }
        for symbol in file.symbols().filter(|it| !it.is_undefined()) {
            let name = format!("{:#}", demangle(symbol.name().unwrap_or_default()));
            let address = symbol.address();
            let size = symbol.size();
            if symbol.kind() == SymbolKind::Text && size != 0 {
                let function = Symbol {
                    name,
                    address,
                    size,
                };
                kernel.functions.insert(address, function);
            } else if !name.starts_with('$') {
                kernel.labels.insert(name, address);
            }
        }
        kernel.references = kernel.code.iter().flat_map(references).collect();
        let marks = file.section_by_name(MARKS);
        let marks = marks.with_context(|| format!("the kernel has no section {MARKS}"))?;
        kernel.marks = parse_marks(marks.data()?)?;
        Ok(kernel)
    }

    /// The instruction at `address`.
    pub(crate) fn instruction(&self, address: u64) -> Option<u32> {
        let bytes = self.code.iter().find_map(|it| it.read(address, 4))?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Replaces the instruction at `address`: to see whether a bug is noticed.
    pub(crate) fn patch(&mut self, address: u64, word: u32) -> Option<()> {
        let pieces = self.code.iter_mut();
        let mut places = pieces.filter_map(|it| it.write(address, 4));
        places.next()?.copy_from_slice(&word.to_le_bytes());
        Some(())
    }

    /// A little-endian number among the constants.
    pub(crate) fn constant(&self, address: u64, size: usize) -> Option<u64> {
        let bytes = self
            .constants
            .iter()
            .find_map(|it| it.read(address, size))?;
        let mut number = [0; WORD_BYTES];
        number.get_mut(..size)?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(number))
    }

    /// The function around an address.
    pub(crate) fn function_at(&self, address: u64) -> Option<&Symbol> {
        let (_, function) = self.functions.range(..=address).next_back()?;
        (address - function.address < function.size).then_some(function)
    }

    /// Whether a function begins at `target` that is not the one that begins at `entry`.
    pub(crate) fn is_another_function(&self, entry: u64, target: u64) -> bool {
        target != entry && self.functions.contains_key(&target)
    }

    /// What people call the place at `address`.
    pub(crate) fn name(&self, address: u64) -> String {
        if let Some(function) = self.function_at(address) {
            return function.name.clone();
        }
        let before = self.labels.iter().filter(|(_, at)| **at <= address);
        match before.max_by_key(|(_, at)| **at) {
            Some((name, _)) => name.clone(),
            None => format!("{address:#x}"),
        }
    }

    /// The address of a label or a function.
    pub(crate) fn find(&self, name: &str) -> Result<u64> {
        let function = || self.functions.values().find(|it| it.name == name);
        let label = self.labels.get(name).copied();
        label
            .or_else(|| function().map(|it| it.address))
            .with_context(|| format!("the kernel has no {name}"))
    }
}

fn parse_marks(bytes: &[u8]) -> Result<BTreeMap<u64, Vec<Mark>>> {
    let mut marks: BTreeMap<u64, Vec<Mark>> = BTreeMap::new();
    ensure!(
        bytes.len() % (2 * WORD_BYTES) == 0,
        "{MARKS} ends in the middle of a mark"
    );
    for pair in bytes.chunks_exact(2 * WORD_BYTES) {
        let (address, bound) = pair.split_at(WORD_BYTES);
        let address = u64::from_le_bytes(address.try_into()?);
        let bound = u64::from_le_bytes(bound.try_into()?);
        let mark = match bound {
            0 => Mark::PreemptionPoint,
            bound if bound & SELDOM != 0 => Mark::Seldom {
                number: (bound & !SELDOM) >> 32,
                bound: bound & u64::from(u32::MAX),
            },
            bound => Mark::AtMost(bound),
        };
        // What the linker left out is at address 0.
        if address != 0 {
            marks.entry(address).or_default().push(mark);
        }
    }
    Ok(marks)
}

/// The addresses that `adr`, or `adrp` and an `add` soon after it, make.
fn references(code: &Piece) -> Vec<u64> {
    /// How many instructions later an `add` may stand.
    const REACH: usize = 32;
    let words = code.bytes.chunks_exact(4);
    let words: Vec<u32> = words
        .map(|it| u32::from_le_bytes(it.try_into().unwrap_or_default()))
        .collect();
    let mut references = Vec::new();
    for (index, &word) in words.iter().enumerate() {
        let address = code.address + 4 * index as u64;
        let offset = signed_bits(word, 5, 19) << 2 | i64::from(bits(word, 29, 2));
        match word & 0x9F00_0000 {
            0x1000_0000 => references.push(address.wrapping_add_signed(offset)),
            0x9000_0000 => {
                let page = (address & !0xFFF).wrapping_add_signed(offset << 12);
                let after = words.iter().skip(index + 1).take(REACH);
                let sums = after.filter(|sum| {
                    **sum & 0xFFC0_0000 == 0x9100_0000 && bits(**sum, 5, 5) == bits(word, 0, 5)
                });
                references.extend(sums.map(|sum| page + u64::from(bits(*sum, 10, 12))));
            }
            _ => {}
        }
    }
    references
}
