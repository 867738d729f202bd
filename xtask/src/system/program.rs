//! A program: what of its ELF file goes into the package.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::capability::Access;
use ipc_abi::manifest::{PAGES_MAX, PROGRAM_END, PROGRAM_START, SEGMENTS_MAX};
use object::LittleEndian;
use object::elf::{
    EM_AARCH64, ET_EXEC, FileHeader64, PF_R, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD,
};
use object::read::elf::{ElfFile64, FileHeader, ProgramHeader};

use super::symbol::{self, SymbolTable};

/// A program, cut into pages.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it starts.
    pub entry: u64,
    /// Its memory, by address.
    pub segments: Vec<Segment>,
    /// Its function names.
    pub symbols: SymbolTable,
}

/// A piece of a program's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The user address, a multiple of [`PAGE_BYTES`].
    pub address: u64,
    /// What the file gives, in whole pages.
    pub bytes: Vec<u8>,
    /// Pages in memory.
    pub pages: u32,
    /// How it is mapped.
    pub access: Access,
}

impl Segment {
    /// Where it ends.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.address + u64::from(self.pages) * PAGE_BYTES
    }
}

type Elf<'a> = ElfFile64<'a, LittleEndian>;

/// Reads the program in the file `path`.
///
/// # Errors
///
/// If there is no such file, or it is no statically linked program for this machine that keeps the
/// rules for its memory.
pub fn read(path: &Path) -> Result<Program> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&bytes).with_context(|| format!("{} is no program for Pecan", path.display()))
}

/// Reads a program from an ELF file's bytes.
///
/// # Errors
///
/// As [`read`].
pub fn parse(bytes: &[u8]) -> Result<Program> {
    let elf: Elf = ElfFile64::parse(bytes).context("it is no 64-bit little-endian ELF file")?;
    let header: &FileHeader64<LittleEndian> = elf.elf_header();
    let endian = LittleEndian;
    ensure!(
        header.e_machine(endian) == EM_AARCH64,
        "it is not for AArch64"
    );
    ensure!(
        header.e_type(endian) == ET_EXEC,
        "it is not statically linked at fixed addresses"
    );
    let mut segments = Vec::new();
    for header in elf.elf_program_headers() {
        match header.p_type(endian) {
            PT_DYNAMIC | PT_INTERP => bail!("it is dynamically linked"),
            PT_LOAD if header.p_memsz(endian) > 0 => segments.push(cut(header, bytes)?),
            _ => {}
        }
    }
    segments.sort_by_key(|segment| segment.address);
    let entry = header.e_entry(endian);
    check(&segments, entry)?;
    let symbols = symbol::collect(&elf, &segments)?;
    Ok(Program {
        entry,
        segments,
        symbols,
    })
}

fn cut(header: &object::elf::ProgramHeader64<LittleEndian>, file: &[u8]) -> Result<Segment> {
    let endian = LittleEndian;
    let (start, length) = (header.p_vaddr(endian), header.p_memsz(endian));
    let data = header
        .data(endian, file)
        .ok()
        .context("a segment lies outside the file")?;
    ensure!(
        data.len() as u64 <= length,
        "a segment has more bytes in the file than in memory"
    );
    let address = start - start % PAGE_BYTES;
    let end = start
        .checked_add(length)
        .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
    let end = end.filter(|&end| address >= PROGRAM_START && end <= PROGRAM_END);
    let end = end.with_context(|| {
        format!("a segment of {length:#x} bytes at {start:#x} is not between {PROGRAM_START:#x} and {PROGRAM_END:#x}")
    })?;
    let pages = u32::try_from((end - address) / PAGE_BYTES)
        .ok()
        .filter(|&pages| pages <= PAGES_MAX);
    let pages = pages.with_context(|| format!("a segment has more than {PAGES_MAX} pages"))?;
    let lead = usize::try_from(start - address)?;
    let mut bytes = vec![0; lead];
    bytes.extend_from_slice(data);
    if data.is_empty() {
        bytes.clear();
    }
    bytes.resize(
        bytes.len().next_multiple_of(usize::try_from(PAGE_BYTES)?),
        0,
    );
    Ok(Segment {
        address,
        bytes,
        pages,
        access: access(header.p_flags(endian))?,
    })
}

fn access(flags: u32) -> Result<Access> {
    match (flags & PF_R != 0, flags & PF_W != 0, flags & PF_X != 0) {
        (true, false, false) => Ok(Access::READ),
        (true, true, false) => Ok(Access::READ_WRITE),
        (true, false, true) => Ok(Access::READ_EXECUTE),
        (_, true, true) => bail!("a segment is writable and executable"),
        (false, _, _) => bail!("a segment is not readable"),
    }
}

fn check(segments: &[Segment], entry: u64) -> Result<()> {
    let count = segments.len();
    ensure!(
        count <= SEGMENTS_MAX,
        "it has {count} segments, more than {SEGMENTS_MAX}"
    );
    for pair in segments.windows(2) {
        if let [before, after] = pair {
            ensure!(
                before.end() <= after.address,
                "two segments share the page {:#x}",
                after.address
            );
        }
    }
    let is_code = |segment: &Segment| {
        segment.access == Access::READ_EXECUTE && (segment.address..segment.end()).contains(&entry)
    };
    ensure!(
        segments.iter().any(is_code),
        "its entry {entry:#x} is in no executable segment"
    );
    Ok(())
}

#[cfg(test)]
#[path = "program_test.rs"]
mod tests;
