//! The boot package: header, manifest, programs, symbol tables, in one file.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ipc_abi::boot::{
    PACKAGE_HEADER_WORDS, PACKAGE_MAGIC, PACKAGE_SEGMENTS, PACKAGE_VERSION, PAGE_BYTES,
    PackageHeader, PackageSegment,
};
use ipc_abi::manifest::{self, MANIFEST_OFFSET, Process, Symbols};

use super::program::Program;

#[expect(
    clippy::cast_possible_truncation,
    reason = "a page is far smaller than any address space"
)]
const PAGE: usize = PAGE_BYTES as usize;

/// A process and the program that it runs; the process's `program` is filled in here.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The process, without its program.
    pub process: Process,
    /// The name of the program.
    pub program: String,
}

/// Writes the package of `entries`, whose programs are in `programs` by name.
///
/// # Errors
///
/// If a program is missing or the package grows beyond what its format can say.
pub fn write(entries: &[Entry], programs: &BTreeMap<String, Program>) -> Result<Vec<u8>> {
    let mut manifest_pages = 1;
    loop {
        let first = MANIFEST_OFFSET + manifest_pages * PAGE_BYTES;
        let (placed, tail) = place(first, programs)?;
        let manifest = encode_manifest(entries, &placed)?;
        let needed = (manifest.len() as u64).div_ceil(PAGE_BYTES);
        if needed > manifest_pages {
            manifest_pages = needed;
            continue;
        }
        let first_program = entries.first().context("a package needs a process")?;
        let first_program = placed
            .get(&first_program.program)
            .context("a program is missing")?;
        let length = first + tail.len() as u64;
        let mut package = encode_header(&header(first_program, length)?);
        package.extend(manifest);
        package.resize(usize::try_from(first)?, 0);
        package.extend(tail);
        return Ok(package);
    }
}

/// Lays out all programs from offset `first` on; tells where, and their bytes.
fn place(
    first: u64,
    programs: &BTreeMap<String, Program>,
) -> Result<(BTreeMap<String, manifest::Program>, Vec<u8>)> {
    let mut placed = BTreeMap::new();
    let mut tail = Vec::new();
    for (name, program) in programs {
        let mut entry = manifest::Program {
            entry: program.entry,
            ..Default::default()
        };
        for segment in &program.segments {
            let segment_placed = manifest::Segment {
                offset: first + tail.len() as u64,
                address: segment.address,
                file_pages: u32::try_from(segment.bytes.len() / PAGE)?,
                pages: segment.pages,
                access: u8::try_from(segment.access.into_raw())?,
            };
            let pushed = entry.segments.push(segment_placed);
            ensure!(pushed.is_ok(), "program `{name}` has too many segments");
            tail.extend_from_slice(&segment.bytes);
        }
        entry.symbols = Symbols {
            offset: first + tail.len() as u64,
            bytes: program.symbols.bytes.len() as u64,
            count: program.symbols.count,
            frames: program.symbols.frames,
        };
        tail.extend_from_slice(&program.symbols.bytes);
        tail.resize(tail.len().next_multiple_of(PAGE), 0);
        placed.insert(name.clone(), entry);
    }
    Ok((placed, tail))
}

fn encode_manifest(
    entries: &[Entry],
    placed: &BTreeMap<String, manifest::Program>,
) -> Result<Vec<u8>> {
    let mut body = postcard_bytes(&u32::try_from(entries.len())?)?;
    for entry in entries {
        let mut process = entry.process.clone();
        let program = placed.get(&entry.program);
        process.program = program.cloned().context("a program is missing")?;
        body.extend(postcard_bytes(&process)?);
    }
    let mut manifest = (body.len() as u64).to_le_bytes().to_vec();
    manifest.extend(body);
    Ok(manifest)
}

/// Bytes of the longest encoded process; names are short and lists bounded.
const PROCESS_BYTES_MAX: usize = 4 * PAGE;

fn postcard_bytes<T: serde::Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut buffer = vec![0; PROCESS_BYTES_MAX];
    let used = postcard::to_slice(value, &mut buffer).context("a process is too long")?;
    Ok(used.to_vec())
}

fn header(first: &manifest::Program, length: u64) -> Result<PackageHeader> {
    let mut segments = [PackageSegment::default(); PACKAGE_SEGMENTS];
    ensure!(
        first.segments.len() <= PACKAGE_SEGMENTS,
        "the first program has too many segments"
    );
    for (place, segment) in segments.iter_mut().zip(&first.segments) {
        *place = PackageSegment {
            offset: segment.offset,
            address: segment.address,
            file_bytes: u64::from(segment.file_pages) * PAGE_BYTES,
            memory_bytes: u64::from(segment.pages) * PAGE_BYTES,
            access: u64::from(segment.access),
        };
    }
    Ok(PackageHeader {
        magic: PACKAGE_MAGIC,
        version: PACKAGE_VERSION,
        length,
        entry: first.entry,
        segment_count: first.segments.len() as u64,
        segments,
    })
}

fn encode_header(header: &PackageHeader) -> Vec<u8> {
    let mut words = vec![
        header.magic,
        header.version,
        header.length,
        header.entry,
        header.segment_count,
    ];
    for segment in &header.segments {
        words.extend([
            segment.offset,
            segment.address,
            segment.file_bytes,
            segment.memory_bytes,
            segment.access,
        ]);
    }
    debug_assert_eq!(words.len(), PACKAGE_HEADER_WORDS);
    let mut page: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    page.resize(PAGE, 0);
    page
}

#[cfg(test)]
#[path = "package_test.rs"]
mod tests;
