use object::elf::EM_X86_64;

use super::*;

/// A program header as a test wants it.
#[derive(Clone)]
pub(in crate::system) struct Load {
    pub(in crate::system) kind: u32,
    pub(in crate::system) flags: u32,
    pub(in crate::system) address: u64,
    pub(in crate::system) data: Vec<u8>,
    pub(in crate::system) memory: u64,
}

pub(in crate::system) fn load(flags: u32, address: u64, data: &[u8], memory: u64) -> Load {
    Load {
        kind: PT_LOAD,
        flags,
        address,
        data: data.to_vec(),
        memory,
    }
}

/// An ELF file without sections.
pub(in crate::system) fn elf(machine: u16, kind: u16, entry: u64, loads: &[Load]) -> Vec<u8> {
    let header_bytes = 64 + 56 * loads.len();
    let mut file = b"\x7FELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(kind.to_le_bytes());
    file.extend(machine.to_le_bytes());
    file.extend(1_u32.to_le_bytes());
    for word in [entry, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    let count = u16::try_from(loads.len()).expect("few");
    for half in [64, 56, count, 64, 0, 0_u16] {
        file.extend(half.to_le_bytes());
    }
    let mut offset = header_bytes as u64;
    for load in loads {
        file.extend(load.kind.to_le_bytes());
        file.extend(load.flags.to_le_bytes());
        let size = load.data.len() as u64;
        for word in [offset, load.address, load.address, size, load.memory, 4096] {
            file.extend(word.to_le_bytes());
        }
        offset += size;
    }
    loads.iter().for_each(|load| file.extend(&load.data));
    file
}

pub(in crate::system) fn code() -> Load {
    load(PF_R | PF_X, 0x21_0120, &[1, 2, 3, 4], 4)
}

fn program(loads: &[Load]) -> Result<Program> {
    parse(&elf(EM_AARCH64, ET_EXEC, 0x21_0120, loads))
}

fn refusal(loads: &[Load]) -> String {
    program(loads).expect_err("it is bad").to_string()
}

#[test]
fn segments_are_cut_into_pages_in_order_of_address() {
    let data = load(PF_R | PF_W, 0x22_0FFF, &[7, 8], 0x2002);
    let zero = load(PF_R | PF_W, 0x23_0010, &[], 1);
    let program = program(&[zero, data, code()]).expect("it is good");
    assert_eq!(program.entry, 0x21_0120);
    let [text, data, zero] = &program.segments[..] else {
        panic!("three segments")
    };
    assert_eq!(
        (text.address, text.pages, text.bytes.len()),
        (0x21_0000, 1, 4096)
    );
    assert_eq!(text.bytes[0x120..0x125], [1, 2, 3, 4, 0]);
    assert_eq!(text.access, Access::READ_EXECUTE);
    assert_eq!(
        (data.address, data.pages, data.bytes.len()),
        (0x22_0000, 4, 8192)
    );
    assert_eq!((data.bytes[4095], data.bytes[4096]), (7, 8));
    assert_eq!(
        (zero.address, zero.pages, zero.bytes.len()),
        (0x23_0000, 1, 0)
    );
    assert_eq!(zero.access, Access::READ_WRITE);
}

#[test]
fn other_files_are_refused_by_name() {
    let not_elf = parse(b"#!/bin/sh").expect_err("no ELF").to_string();
    assert_eq!(not_elf, "it is no 64-bit little-endian ELF file");
    let foreign = parse(&elf(EM_X86_64, ET_EXEC, 0x21_0120, &[code()]));
    assert_eq!(
        foreign.expect_err("foreign").to_string(),
        "it is not for AArch64"
    );
    let shared = parse(&elf(EM_AARCH64, object::elf::ET_DYN, 0x21_0120, &[code()]));
    let shared = shared.expect_err("shared").to_string();
    assert_eq!(shared, "it is not statically linked at fixed addresses");
    let mut dynamic = code();
    dynamic.kind = PT_DYNAMIC;
    assert_eq!(refusal(&[code(), dynamic]), "it is dynamically linked");
}

#[test]
fn bad_segments_are_refused_by_name() {
    let writable_code = load(PF_R | PF_W | PF_X, 0x21_0120, &[1], 1);
    assert_eq!(
        refusal(&[writable_code]),
        "a segment is writable and executable"
    );
    let unreadable = load(PF_X, 0x21_0120, &[1], 1);
    assert_eq!(refusal(&[unreadable]), "a segment is not readable");
    let shrinking = load(PF_R, 0x22_0000, &[1, 2], 1);
    let message = "a segment has more bytes in the file than in memory";
    assert_eq!(refusal(&[code(), shrinking]), message);
    let neighbour = load(PF_R, 0x21_0800, &[1], 1);
    assert_eq!(
        refusal(&[code(), neighbour]),
        "two segments share the page 0x210000"
    );
    let many: Vec<Load> = (0..9)
        .map(|at| load(PF_R | PF_X, 0x21_0120 + at * 4096, &[1], 1))
        .collect();
    assert_eq!(refusal(&many), "it has 9 segments, more than 8");
    let large = load(PF_R, 0x100_0000, &[], 16385 * 4096);
    assert_eq!(
        refusal(&[code(), large]),
        "a segment has more than 16384 pages"
    );
}

#[test]
fn segments_outside_the_program_area_are_refused() {
    for address in [
        0,
        PROGRAM_START - 1,
        PROGRAM_END - 1,
        PROGRAM_END,
        u64::MAX - 8,
    ] {
        let message = refusal(&[code(), load(PF_R, address, &[], 9)]);
        let expected = format!(
            "a segment of 0x9 bytes at {address:#x} is not between 0x10000 and 0x1000000000"
        );
        assert_eq!(message, expected);
    }
    for address in [PROGRAM_START, PROGRAM_END - 9] {
        program(&[code(), load(PF_R, address, &[], 9)]).expect("it fits");
    }
}

#[test]
fn entry_outside_code_is_refused() {
    let data = load(PF_R, 0x21_0000, &[1], 0x1000);
    assert_eq!(
        refusal(&[data]),
        "its entry 0x210120 is in no executable segment"
    );
    assert_eq!(
        refusal(&[]),
        "its entry 0x210120 is in no executable segment"
    );
}
