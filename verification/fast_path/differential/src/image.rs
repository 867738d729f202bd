//! The kernel's ELF file: its instructions, its constants and its labels.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{Object, ObjectSegment, ObjectSymbol, SegmentFlags};

/// Bytes of an instruction.
pub(crate) const INSTRUCTION_BYTES: u64 = 4;

/// What the image must not be able to change under the interpreter: its read-only segments.
#[derive(Clone)]
pub(crate) struct Image {
    segments: Vec<Segment>,
    labels: BTreeMap<String, u64>,
}

#[derive(Clone)]
struct Segment {
    address: u64,
    is_executable: bool,
    content: Vec<u8>,
}

impl Image {
    /// Reads an image.
    pub(crate) fn load(path: &Path) -> Result<Image> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let file = object::File::parse(bytes.as_slice())
            .with_context(|| format!("{} is no ELF file", path.display()))?;
        let mut segments = Vec::new();
        for segment in file.segments() {
            let SegmentFlags::Elf { p_flags } = segment.flags() else {
                continue;
            };
            if p_flags & object::elf::PF_W == 0 {
                segments.push(Segment {
                    address: segment.address(),
                    is_executable: p_flags & object::elf::PF_X != 0,
                    content: segment.data()?.to_vec(),
                });
            }
        }
        ensure!(!segments.is_empty(), "{} has no code", path.display());
        let mut labels = BTreeMap::new();
        for symbol in file.symbols() {
            if let Ok(name) = symbol.name() {
                labels.insert(name.to_string(), symbol.address());
            }
        }
        Ok(Image { segments, labels })
    }

    /// The address of a label of the assembly, or of a function with a plain name.
    pub(crate) fn label(&self, name: &str) -> Result<u64> {
        let address = self.labels.get(name).copied();
        address.with_context(|| format!("the image has no label `{name}`"))
    }

    /// The instruction at `address`.
    pub(crate) fn instruction(&self, address: u64) -> Option<u32> {
        let bytes = self.read(address, 4, true)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    /// `size` bytes of what nothing can change.
    pub(crate) fn constant(&self, address: u64, size: usize) -> Option<u64> {
        let bytes = self.read(address, size, false)?;
        let mut word = [0; 8];
        word.get_mut(..size)?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }

    /// Puts another instruction in a place.
    pub(crate) fn patch(&mut self, address: u64, instruction: u32) {
        for segment in &mut self.segments {
            if let Some(at) = segment.offset(address, 4) {
                segment.content[at..at + 4].copy_from_slice(&instruction.to_le_bytes());
            }
        }
    }

    fn read(&self, address: u64, size: usize, is_code: bool) -> Option<&[u8]> {
        self.segments
            .iter()
            .filter(|segment| segment.is_executable || !is_code)
            .find_map(|segment| {
                let at = segment.offset(address, size)?;
                segment.content.get(at..at + size)
            })
    }
}

impl Segment {
    fn offset(&self, address: u64, size: usize) -> Option<usize> {
        let at = usize::try_from(address.checked_sub(self.address)?).ok()?;
        (at.checked_add(size)? <= self.content.len()).then_some(at)
    }
}
