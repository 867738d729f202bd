use alloc::vec::Vec;
use ipc_abi::manifest::Symbols as Place;

use super::*;

const BASE: u64 = 0x21_0000;
/// A record of a frame that says that a function starts there.
pub(crate) const START: (u32, u32) = (0, FUNCTION_START);

/// A package with one page of `code` at 0x21_0000, then a symbol table.
pub(crate) fn package(code: &[u32], symbols: &[(u64, &str)]) -> (Vec<u8>, Program) {
    package_with_frames(code, symbols, &[])
}

/// The same, with frames.
pub(crate) fn package_with_frames(
    code: &[u32],
    symbols: &[(u64, &str)],
    frames: &[(u64, (u32, u32))],
) -> (Vec<u8>, Program) {
    let mut package: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    package.resize(PAGE, 0);
    let mut names = Vec::new();
    let mut add = |address: u64, (first, second): (u32, u32)| {
        package.extend(address.to_le_bytes());
        package.extend(first.to_le_bytes());
        package.extend(second.to_le_bytes());
    };
    for (address, name) in symbols {
        let [start, length] = [names.len(), name.len()].map(|it| u32::try_from(it).unwrap());
        add(*address, (start, length));
        names.extend(name.bytes());
    }
    for (address, frame) in frames {
        add(*address, *frame);
    }
    package.extend(names);
    let mut program = Program::default();
    let segment = Segment {
        offset: 0,
        address: BASE,
        file_pages: 1,
        pages: 1,
        access: 5,
    };
    program.segments.push(segment).unwrap();
    program.symbols = Place {
        offset: PAGE as u64,
        bytes: (package.len() - PAGE) as u64,
        count: u32::try_from(symbols.len()).unwrap(),
        frames: u32::try_from(frames.len()).unwrap(),
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
fn frames_count_from_their_address_to_the_next() {
    let frames = [
        (BASE, START),
        (BASE + 4, (32, 24)),
        (BASE + 12, (0, 0)),
        (BASE + 16, START),
        (BASE + 24, (16, 0)),
        (BASE + 32, (0, 0)),
    ];
    let (package, program) = package_with_frames(&[], &[(BASE, "a")], &frames);
    let symbols = Symbols::new(&package, &program);
    let frame = |bytes, return_offset| {
        Some(Frame {
            bytes,
            return_offset,
        })
    };
    for (offset, expected) in [
        (0, None),
        (4, frame(32, 24)),
        (8, frame(32, 24)),
        (12, None),
        (16, None),
        (24, frame(16, 0)),
        (32, None),
    ] {
        assert_eq!(symbols.frame(BASE + offset), expected, "{offset}");
    }
    assert_eq!(symbols.frame(BASE - 1), None);
    assert_eq!(symbols.function_start(BASE - 1), None);
    assert_eq!(symbols.function_start(BASE + 12), Some(BASE));
    assert_eq!(symbols.function_start(BASE + 28), Some(BASE + 16));
    assert_eq!(symbols.find(BASE + 28), Some("a"), "names lie behind");
}

#[test]
fn damaged_tables_name_nothing() {
    let (package, mut program) = package_with_frames(&[], &[(0, "a")], &[(0, (16, 8))]);
    let nothing = |program: &Program| {
        let symbols = Symbols::new(&package, program);
        symbols.find(0).is_none() && symbols.frame(0).is_none()
    };
    assert!(!nothing(&program));
    program.symbols.count = 3;
    assert!(nothing(&program));
    program.symbols.count = 1;
    program.symbols.frames = 2;
    assert_eq!(Symbols::new(&package, &program).frame(0), None);
    program.symbols.frames = 1;
    program.symbols.offset = u64::MAX;
    assert!(nothing(&program));
    program.symbols.offset = PAGE as u64;
    program.symbols.bytes = 15;
    assert!(nothing(&program));
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

#[test]
fn calls_are_told_from_branches() {
    // bl, blr x0, blr x30.
    for instruction in [0x9400_0001, 0xD63F_0000, 0xD63F_03C0] {
        assert!(is_call(instruction), "{instruction:#x}");
    }
    // b, br x0, ret, nop, nothing.
    for instruction in [0x1400_0001, 0xD61F_0000, 0xD65F_03C0, 0xD503_201F, 0] {
        assert!(!is_call(instruction), "{instruction:#x}");
    }
}
