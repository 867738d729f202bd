//! The kernel's ELF file as the flat image that a boot loader takes, and what it says of itself.

use anyhow::{Context, Result, bail, ensure};
use object::elf::{FileHeader64, PT_LOAD, SHF_EXECINSTR};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, read::elf::ElfFile64};

/// The largest image that is believed, in bytes.
const IMAGE_BYTES_MAX: u64 = 64 << 20;
/// Where the magic of an arm64 boot image is, and what it is (Linux, `arm64/booting.rst`).
const HEADER_MAGIC_OFFSET: usize = 56;
const HEADER_MAGIC: &[u8; 4] = b"ARM\x64";

/// The bytes of the loadable segments at their physical addresses, from the lowest on.
pub(crate) fn flatten(elf: &[u8]) -> Result<Vec<u8>> {
    let header = FileHeader64::<Endianness>::parse(elf).context("the kernel is not ELF")?;
    let endian = header.endian().context("the kernel is not ELF")?;
    let segments: Vec<_> = header
        .program_headers(endian, elf)
        .context("the kernel's segments are not understood")?
        .iter()
        .filter(|segment| segment.p_type(endian) == PT_LOAD && segment.p_filesz(endian) > 0)
        .collect();
    let Some(base) = segments.iter().map(|segment| segment.p_paddr(endian)).min() else {
        bail!("the kernel has nothing to load");
    };
    let mut image = Vec::new();
    for segment in segments {
        let offset = segment.p_paddr(endian) - base;
        let data = segment.data(endian, elf).ok();
        let data = data.context("a segment of the kernel is outside its file")?;
        let end = offset.saturating_add(data.len() as u64);
        ensure!(
            end <= IMAGE_BYTES_MAX,
            "the kernel's image would have {end} bytes, more than {IMAGE_BYTES_MAX}"
        );
        let (offset, end) = (usize::try_from(offset)?, usize::try_from(end)?);
        if image.len() < end {
            image.resize(end, 0);
        }
        image[offset..end].copy_from_slice(data);
    }
    let magic = image.get(HEADER_MAGIC_OFFSET..HEADER_MAGIC_OFFSET + HEADER_MAGIC.len());
    ensure!(
        magic == Some(HEADER_MAGIC),
        "the kernel does not start with the header of an arm64 boot image"
    );
    Ok(image)
}

/// The bytes of code in an ELF file: of all its executable sections.
pub(crate) fn count_text_bytes(elf: &[u8]) -> Result<u64> {
    let file = ElfFile64::<Endianness>::parse(elf).context("the kernel is not ELF")?;
    let endian = file.endian();
    let sections = file.elf_section_table().iter();
    let code = sections.filter(|section| section.sh_flags(endian) & u64::from(SHF_EXECINSTR) != 0);
    Ok(code.map(|section| section.sh_size(endian)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_BYTES: usize = 64;
    const SEGMENT_BYTES: usize = 56;

    /// A little-endian AArch64 ELF file with the given (physical address, bytes) segments.
    fn elf(segments: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = vec![0x7F, b'E', b'L', b'F', 2, 1, 1];
        file.resize(16, 0);
        let count = u16::try_from(segments.len()).expect("few");
        for half in [2_u16, 183] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1_u32.to_le_bytes());
        for word in [0_u64, HEADER_BYTES as u64, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for half in [64_u16, 56, count, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        let mut offset = (HEADER_BYTES + SEGMENT_BYTES * segments.len()) as u64;
        for (address, bytes) in segments {
            file.extend(PT_LOAD.to_le_bytes());
            file.extend(5_u32.to_le_bytes());
            let size = bytes.len() as u64;
            for word in [offset, address | 0xFFFF << 48, *address, size, size, 8] {
                file.extend(word.to_le_bytes());
            }
            offset += size;
        }
        for (_, bytes) in segments {
            file.extend(*bytes);
        }
        file
    }

    fn boot_header() -> Vec<u8> {
        let mut header = vec![0; HEADER_BYTES];
        header[HEADER_MAGIC_OFFSET..HEADER_MAGIC_OFFSET + 4].copy_from_slice(HEADER_MAGIC);
        header
    }

    #[test]
    fn segments_lie_at_their_physical_distance() {
        let file = elf(&[(0x4020_0080, b"data"), (0x4020_0000, &boot_header())]);
        let image = flatten(&file).expect("it is an image");
        assert_eq!(image.len(), 0x84);
        assert_eq!(&image[0x80..], b"data");
        assert_eq!(&image[..HEADER_BYTES], boot_header());
        assert!(image[HEADER_BYTES..0x80].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn image_without_boot_header_is_refused() {
        let error = flatten(&elf(&[(0, &[0; 80])])).expect_err("no header");
        assert_eq!(
            error.to_string(),
            "the kernel does not start with the header of an arm64 boot image"
        );
    }

    #[test]
    fn image_with_segments_far_apart_is_refused() {
        let file = elf(&[(0, &boot_header()), (IMAGE_BYTES_MAX, b"x")]);
        let error = flatten(&file).expect_err("too large");
        assert_eq!(
            error.to_string(),
            "the kernel's image would have 67108865 bytes, more than 67108864"
        );
    }

    #[test]
    fn what_is_no_elf_is_refused() {
        for bytes in [b"".as_slice(), b"\x7FELF", b"hello, this is just a text"] {
            let error = flatten(bytes).expect_err("not ELF");
            assert_eq!(error.to_string(), "the kernel is not ELF");
        }
        let error = flatten(&elf(&[])).expect_err("empty");
        assert_eq!(error.to_string(), "the kernel has nothing to load");
    }

    #[test]
    fn truncated_segment_is_refused() {
        let mut file = elf(&[(0, &boot_header())]);
        file.truncate(file.len() - 1);
        let error = flatten(&file).expect_err("cut");
        assert_eq!(
            error.to_string(),
            "a segment of the kernel is outside its file"
        );
    }
}
