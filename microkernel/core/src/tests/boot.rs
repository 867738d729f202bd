use super::*;
use crate::host::small_header;
use crate::memory::Fields;
use crate::object::{core_state, thread};
use crate::package::{BootError, check_header, read_header};
use ipc_abi::boot::{
    FIRST_BUFFER_ADDRESS, FIRST_STACK_PAGES, FIRST_STACK_TOP, INFO_ADDRESS, PACKAGE_ADDRESS,
    PACKAGE_HEADER_WORDS, PACKAGE_SEGMENTS,
};
use ipc_abi::capability::Kind;

/// Words of the header, and of the two segments of the small one.
const LENGTH: usize = 2;
const ENTRY: usize = 3;
const COUNT: usize = 4;
const TEXT: usize = 5;
const DATA: usize = 10;
/// Words of a segment.
const OFFSET: usize = 0;
const ADDRESS: usize = 1;
const FILE: usize = 2;
const BYTES: usize = 3;
const ACCESS: usize = 4;

fn refuse(changes: &[(usize, u64)], error: BootError) {
    let mut header = small_header();
    for &(word, value) in changes {
        header[word] = value;
    }
    let host = HostMachine::new(FRAMES);
    assert_eq!(
        host.kernel().start(&host.plan(3, header)),
        Err(error),
        "{changes:?}"
    );
}

#[test]
fn no_package_is_refused() {
    let host = HostMachine::new(FRAMES);
    let plan = crate::boot::BootPlan {
        package: None,
        ..host.plan(0, small_header())
    };
    assert_eq!(host.kernel().start(&plan), Err(BootError::NoPackage));
}

#[test]
fn a_bad_header_is_refused() {
    refuse(&[(0, 0)], BootError::BadMagic);
    refuse(&[(1, 2)], BootError::BadVersion { version: 2 });
    for length in [0, 0x800, 0x2800, 0x4000, u64::MAX, !0xFFF] {
        refuse(&[(LENGTH, length)], BootError::BadLength { length });
    }
    for count in [0, 9, u64::MAX] {
        refuse(&[(COUNT, count)], BootError::BadSegmentCount { count });
    }
    for entry in [0, 0x20_1000, 0x1F_FFFC, 0x20_0002, u64::MAX] {
        refuse(&[(ENTRY, entry)], BootError::BadEntry { entry });
    }
}

#[test]
fn a_package_ends_where_the_first_stack_begins() {
    let longest = FIRST_STACK_TOP - FIRST_STACK_PAGES * 0x1000 - PACKAGE_ADDRESS;
    let check = |length: u64| {
        let mut header = small_header();
        header[LENGTH] = length;
        check_header(&read_header(&header), u64::MAX)
    };
    assert_eq!(check(longest), Ok(()));
    let length = longest + 0x1000;
    assert_eq!(check(length), Err(BootError::BadLength { length }));
}

#[test]
fn the_shortest_length_and_the_most_segments_are_no_defects() {
    let page = &[(LENGTH, 0x1000)];
    refuse(page, BootError::SegmentOutsidePackage { segment: 0 });
    let most = &[(COUNT, PACKAGE_SEGMENTS as u64)];
    refuse(most, BootError::SegmentSize { segment: 2 });
}

#[test]
fn a_bad_segment_is_refused() {
    for word in [OFFSET, ADDRESS, FILE, BYTES] {
        refuse(
            &[(DATA + word, 0x1800)],
            BootError::SegmentMisaligned { segment: 1 },
        );
    }
    // Two that are misaligned alike do not make up for each other.
    for (one, other) in [
        (OFFSET, ADDRESS),
        (ADDRESS, FILE),
        (OFFSET, BYTES),
        (FILE, BYTES),
    ] {
        refuse(
            &[(DATA + one, 0x1800), (DATA + other, 0x1800)],
            BootError::SegmentMisaligned { segment: 1 },
        );
    }
    refuse(&[(DATA + BYTES, 0)], BootError::SegmentSize { segment: 1 });
    refuse(
        &[(TEXT + FILE, 0x2000)],
        BootError::SegmentSize { segment: 0 },
    );
    for offset in [0, 0x3000, !0xFFF] {
        refuse(
            &[(DATA + OFFSET, offset)],
            BootError::SegmentOutsidePackage { segment: 1 },
        );
    }
    refuse(
        &[(DATA + FILE, !0xFFF), (DATA + BYTES, !0xFFF)],
        BootError::SegmentOutsidePackage { segment: 1 },
    );
    for address in [PACKAGE_ADDRESS, PACKAGE_ADDRESS - 0x1000, !0xFFF] {
        refuse(
            &[(DATA + ADDRESS, address)],
            BootError::SegmentAddress { segment: 1 },
        );
    }
    for access in [0, 2, 7, u64::MAX] {
        refuse(
            &[(DATA + ACCESS, access)],
            BootError::SegmentAccess { segment: 1 },
        );
    }
}

#[test]
fn segments_that_overlap_are_refused() {
    let overlap = BootError::SegmentsOverlap {
        segment: 1,
        other: 0,
    };
    refuse(&[(DATA + ADDRESS, 0x1F_F000)], overlap);
    refuse(&[(DATA + ADDRESS, 0x20_0000)], overlap);
    refuse(&[(DATA + OFFSET, 0x1000)], overlap);
}

#[test]
fn segments_that_touch_are_no_defect_in_either_order() {
    for (place, length, at) in [(ADDRESS, BYTES, 0x20_0000), (OFFSET, FILE, 0x2000)] {
        for (first, second) in [(TEXT, DATA), (DATA, TEXT)] {
            let mut header = small_header();
            header[first + place] = at - header[first + length];
            header[second + place] = at;
            header[ENTRY] = header[TEXT + ADDRESS];
            let checked = check_header(&read_header(&header), u64::MAX);
            assert_eq!(checked, Ok(()), "{header:x?}");
        }
    }
}

#[test]
fn each_defect_is_told_with_what_is_wrong() {
    use BootError::*;
    let overlap = SegmentsOverlap {
        segment: 7,
        other: 3,
    };
    let unmapped = Map {
        address: 7,
        error: Error::NeedMemory,
    };
    let defects = [
        (NoPackage, "no boot package", 0),
        (BadMagic, "PECANPKG", 0),
        (BadVersion { version: 7 }, "version", 7),
        (BadLength { length: 7 }, "length", 7),
        (BadSegmentCount { count: 7 }, "count", 7),
        (SegmentMisaligned { segment: 7 }, "misaligned", 7),
        (SegmentSize { segment: 7 }, "wrong size", 7),
        (SegmentOutsidePackage { segment: 7 }, "outside", 7),
        (SegmentAddress { segment: 7 }, "too high", 7),
        (SegmentAccess { segment: 7 }, "access", 7),
        (BadEntry { entry: 7 }, "entry", 7),
        (NoMemory, "memory", 0),
        (FrameTaken { frame: 7 }, "in use", 7),
        (overlap, "overlaps another", 7),
        (unmapped, "cannot be mapped", 7),
    ];
    for (defect, text, number) in defects {
        assert!(defect.text().contains(text), "{defect:?}");
        assert_eq!(defect.number(), number, "{defect:?}");
    }
}

#[test]
fn too_little_memory_is_refused() {
    let mut enough = None;
    for frames in 0..60 {
        let host = HostMachine::new(FRAMES);
        let mut plan = host.plan(3, small_header());
        plan.end = Frame(plan.first.0 + frames);
        match host.kernel().start(&plan) {
            Ok(()) => enough = enough.or(Some(frames)),
            Err(error) => {
                assert_eq!(error, BootError::NoMemory);
                assert_eq!(enough, None, "more is enough, too");
            }
        }
    }
    assert!(enough.is_some());
}

#[test]
fn frames_in_use_are_refused() {
    let host = HostMachine::new(FRAMES);
    let mut plan = host.plan(3, small_header());
    let first = plan.package.as_ref().expect("a package").first;
    plan.first = first;
    assert_eq!(
        host.kernel().start(&plan),
        Err(BootError::FrameTaken { frame: first.0 })
    );
    let host = HostMachine::new(FRAMES);
    let mut plan = host.plan(3, small_header());
    plan.info = first;
    assert_eq!(
        host.kernel().start(&plan),
        Err(BootError::FrameTaken { frame: first.0 })
    );
}

#[test]
fn the_first_process_has_its_handles() {
    let fixture = Fixture::new();
    let kinds = [
        (FirstHandle::Table, Kind::CapTable),
        (FirstHandle::Space, Kind::AddressSpace),
        (FirstHandle::Thread, Kind::Thread),
        (FirstHandle::Context, Kind::SchedulingContext),
        (FirstHandle::Memory, Kind::Region),
        (FirstHandle::Devices, Kind::Region),
        (FirstHandle::Time, Kind::Allowance),
        (FirstHandle::Irqs, Kind::Allowance),
        (FirstHandle::Asids, Kind::Allowance),
        (FirstHandle::Platform, Kind::Platform),
        (FirstHandle::Info, Kind::Frame),
    ];
    for (handle, kind) in kinds {
        let description = fixture.describe(handle as u64);
        assert_eq!(description.kind(), Some(kind));
        assert!(description.is_live());
    }
    for slot in FirstHandle::Info as u64 + 1..256 {
        assert_eq!(fixture.describe(slot).kind(), None);
    }
    assert_eq!(
        fixture.describe(FirstHandle::Info as u64).rights(),
        Rights::READ
    );
}

#[test]
fn the_first_process_finds_its_memory() {
    let fixture = Fixture::new();
    let kernel = fixture.kernel();
    let current = kernel.current();
    let root = kernel.memory.get(current, thread::ROOT);
    let is_mapped = |address| fixture.host.walk(root, address).is_some();
    for address in [
        0x20_0000,
        0x20_1000,
        0x20_2000,
        FIRST_BUFFER_ADDRESS,
        INFO_ADDRESS,
    ] {
        assert!(is_mapped(address), "{address:#x}");
    }
    for page in 0..3 {
        assert!(is_mapped(PACKAGE_ADDRESS + page * 0x1000));
    }
    for page in 1..=FIRST_STACK_PAGES {
        assert!(is_mapped(FIRST_STACK_TOP - page * 0x1000));
    }
    for address in [
        0x1F_F000,
        0x20_3000,
        PACKAGE_ADDRESS + 0x3000,
        FIRST_STACK_TOP,
    ] {
        assert!(!is_mapped(address), "{address:#x}");
    }
    assert_eq!(kernel.memory.get(current, thread::PC), 0x20_0000);
    assert_eq!(kernel.memory.get(current, thread::SP), FIRST_STACK_TOP);
    assert!(
        !kernel
            .memory
            .link::<_, ()>(kernel.core(), core_state::CONTEXT)
            .is_none()
    );
}

#[test]
fn a_package_inside_the_memory_can_be_reclaimed() {
    let host = HostMachine::new(FRAMES);
    let mut plan = host.plan(0, small_header());
    let inside = Frame(plan.first.0 + 100);
    let header = small_header();
    plan.package = Some(crate::boot::Package {
        first: inside,
        frames: 3,
        header,
    });
    assert_eq!(host.kernel().start(&plan), Ok(()));
    host.leave_kernel();
    let kernel = host.kernel();
    assert_eq!(kernel.check_all(host.memory.frames()), Ok(()));
    while kernel.reclaim(MEMORY, inside.0) == Err(Error::Again) {
        host.leave_kernel();
    }
    assert_eq!(kernel.check_all(host.memory.frames()), Ok(()));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever the header says, the kernel starts a process or says why not; and nothing it
    /// accepts breaks an invariant.
    #[test]
    fn no_header_breaks_the_kernel(
        changes in proptest::collection::vec((0..PACKAGE_HEADER_WORDS, 0..12_u64, 0..5_u32), 0..6)
    ) {
        let mut header = small_header();
        for (word, value, shift) in changes {
            header[word] = value << [0, 12, 20, 36, 60][shift as usize];
        }
        let host = HostMachine::new(FRAMES);
        if host.kernel().start(&host.plan(3, header)).is_ok() {
            host.leave_kernel();
            proptest::prop_assert_eq!(host.kernel().check_all(host.memory.frames()), Ok(()));
        }
    }
}
