//! `aarch64-paging`, which others wrote, as an oracle: after random operations on a space, every page
//! has the output address, permissions, memory type and size that the crate gives it for the same
//! mapping; and what our rules call a change of permissions, the crate calls safe without
//! break-before-make.

use super::*;
use crate::large::{LARGE_BYTES, LARGE_FRAMES};
use crate::object::Number;
use crate::rule::{Change, change_of};
use aarch64_paging::descriptor::{El1Attributes, PagingAttributes};
use aarch64_paging::linearmap::LinearMap;
use aarch64_paging::paging::{El1And0, MemoryRegion, VaRange};
use ipc_abi::capability::{Access, FrameMode};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::vec::Vec;

const BASE: u64 = 0x40_0000_0000;
const PAGE: u64 = 0x1000;
/// The first level of tables of 39 bits of address.
const ROOT_LEVEL: usize = 1;
/// What only software reads.
const SOFTWARE: El1Attributes = El1Attributes::SWFLAG_0
    .union(El1Attributes::SWFLAG_1)
    .union(El1Attributes::SWFLAG_2)
    .union(El1Attributes::SWFLAG_3);

/// What a page table says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaf {
    output: u64,
    attributes: El1Attributes,
    is_block: bool,
}

/// A frame of the test.
#[derive(Clone, Copy, Debug)]
struct Piece {
    handle: u64,
    first: u64,
    bytes: u64,
    is_device: bool,
}

/// A mapping, as it was asked for.
#[derive(Clone, Copy, Debug)]
struct Wish {
    piece: Piece,
    access: Access,
}

fn attributes(wish: Wish) -> El1Attributes {
    let mut attributes = El1Attributes::VALID
        | El1Attributes::USER
        | El1Attributes::INNER_SHAREABLE
        | El1Attributes::ACCESSED
        | El1Attributes::NON_GLOBAL
        | El1Attributes::PXN;
    if !wish.access.is_writable() {
        attributes |= El1Attributes::READ_ONLY;
    }
    if !wish.access.is_executable() {
        attributes |= El1Attributes::UXN;
    }
    // `MAIR_EL1`: 0 is normal memory, 1 is a device.
    attributes |= if wish.piece.is_device {
        El1Attributes::ATTRIBUTE_INDEX_1
    } else {
        El1Attributes::ATTRIBUTE_INDEX_0
    };
    attributes
}

/// What the crate makes of a mapping, for the page at `address` in it.
fn oracle(start: u64, wish: Wish, address: u64) -> Leaf {
    let number = |value: u64| usize::try_from(value).expect("64 bits");
    let offset = (wish.piece.first << 12).cast_signed() - start.cast_signed();
    let offset = isize::try_from(offset).expect("64 bits");
    let mut map = LinearMap::with_asid(1, ROOT_LEVEL, offset, El1And0, VaRange::Lower);
    let region = MemoryRegion::new(number(start), number(start + wish.piece.bytes));
    map.map_range(&region, attributes(wish)).expect("it maps");
    let mut found = Vec::new();
    let page = MemoryRegion::new(number(address), number(address + PAGE));
    map.walk_range(&page, &mut |_, descriptor, level| {
        let is_leaf = level == 3 || !descriptor.is_table_or_page();
        if is_leaf && descriptor.is_valid() {
            found.push(Leaf {
                output: descriptor.output_address().0 as u64,
                attributes: descriptor.flags() & !El1Attributes::TABLE_OR_PAGE,
                is_block: level == 2,
            });
        }
        Ok(())
    })
    .expect("it is walked");
    assert_eq!(found.len(), 1, "one leaf");
    found[0]
}

/// What our tables say of a page.
fn ours(fixture: &Fixture, space: u64, address: u64) -> Option<Leaf> {
    let root = fixture.kernel().root_of(Number::from_raw(space));
    let (_, descriptor) = fixture.host.walk(root, address)?;
    let is_block = descriptor & crate::space::TABLE == 0;
    let output = crate::space::frame_of(descriptor).0 << 12;
    let bits = usize::try_from(descriptor ^ output).expect("64 bits");
    let attributes = El1Attributes::from_bits_retain(bits);
    Some(Leaf {
        output,
        attributes: attributes - SOFTWARE - El1Attributes::TABLE_OR_PAGE,
        is_block,
    })
}

/// The frames of the test: data, code, a device, data of 2 MiB.
fn pieces(fixture: &Fixture) -> [Piece; 4] {
    let small = |(handle, first)| Piece {
        handle,
        first,
        bytes: PAGE,
        is_device: false,
    };
    let data = small(fixture.create_frame());
    let code = small(fixture.create_frame());
    let mode = FrameMode::Code as u64;
    assert_eq!(fixture.call(|k| k.frame_set_mode(code.handle, mode)), Ok(0));
    let (destination, handle) = fixture.slot();
    let first = crate::host::FIRST_DEVICE;
    let made = fixture.call(|k| k.create_frame(DEVICES, first * 64, destination));
    assert_eq!(made, Ok(0));
    let device = Piece {
        is_device: true,
        ..small((handle, first))
    };
    let (destination, handle) = fixture.slot();
    let first = crate::host::FIRST_FRAME + LARGE_FRAMES;
    let kernel = fixture.kernel();
    while kernel.create_large_frame(MEMORY, first * 64, destination) == Err(Error::Again) {
        fixture.host.leave_kernel();
    }
    fixture.host.leave_kernel();
    let large = Piece {
        bytes: LARGE_BYTES,
        ..small((handle, first))
    };
    [data, code, device, large]
}

/// An operation: which, on which piece, at which place, with which access.
type Step = (u8, usize, u64, usize);

fn play(fixture: &Fixture, space: u64, pieces: &[Piece], steps: &[Step]) -> BTreeMap<u64, Wish> {
    let mut wishes: BTreeMap<u64, Wish> = BTreeMap::new();
    let kernel = fixture.kernel();
    for &(action, piece, place, access) in steps {
        let piece = pieces[piece];
        let access = [Access::READ, Access::READ_WRITE, Access::READ_EXECUTE][access];
        let address = BASE + place / 4 * LARGE_BYTES + place % 4 * PAGE;
        match action {
            0..3 => {
                let raw = access.into_raw();
                if kernel.map(space, piece.handle, address, raw).is_ok() {
                    wishes.insert(address, Wish { piece, access });
                }
            }
            3 => {
                if kernel.unmap(space, address).is_ok() {
                    wishes.remove(&address).expect("it was mapped");
                }
            }
            _ => {
                if kernel.protect(space, address, access.into_raw()).is_ok() {
                    wishes.get_mut(&address).expect("it was mapped").access = access;
                }
            }
        }
        fixture.host.leave_kernel();
    }
    wishes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..Default::default() })]

    #[test]
    fn tables_are_those_of_the_oracle(
        steps in proptest::collection::vec((0_u8..5, 0_usize..4, 0_u64..16, 0_usize..3), 1..120),
    ) {
        let fixture = Fixture::with_frames(2 * LARGE_FRAMES);
        let pieces = pieces(&fixture);
        let (space, number) = fixture.create_space();
        fixture.donate(space, 12);
        let wishes = play(&fixture, space, &pieces, &steps);
        fixture.check();
        for block in 0..5 {
            for page in (0..5).chain([511]) {
                let address = BASE + block * LARGE_BYTES + page * PAGE;
                let wish = wishes.range(..=address).next_back();
                let wish = wish.filter(|(start, wish)| address - **start < wish.piece.bytes);
                let expected = wish.map(|(start, wish)| oracle(*start, *wish, address));
                prop_assert_eq!(ours(&fixture, number, address), expected);
            }
        }
    }

    #[test]
    fn the_oracle_allows_what_our_rules_do(old in any::<u64>(), flips in any::<u64>()) {
        let leaf = |word: u64| word & !crate::space::DESCRIPTOR_ADDRESS | 3;
        let allowed = crate::mapping::READ_ONLY
            | crate::mapping::NO_EXECUTE_USER
            | crate::mapping::NO_EXECUTE_KERNEL
            | 0xF << 55;
        for new in [old ^ flips, old ^ (flips & allowed), old ^ 1 << (flips % 64)] {
            let (old, new) = (leaf(old), leaf(new));
            let attributes = |word: u64| {
                El1Attributes::from_bits_retain(usize::try_from(word).expect("64 bits"))
            };
            if change_of(true, old, new) == Change::Permissions {
                prop_assert!(El1Attributes::is_bbm_safe(attributes(old), attributes(new)));
            }
        }
    }
}
