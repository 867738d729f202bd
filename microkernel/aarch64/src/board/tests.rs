//! Trees of QEMU's `virt`, whole and damaged.

use super::*;
use std::vec::Vec;

/// Trees that QEMU 7.2 gives to a kernel: `-M virt,gic-version=2 -m 1G -smp 2`, and
/// `-M virt,gic-version=3,virtualization=on -m 2G -smp 4`; cut to the used length.
const GIC2: &[u8] = include_bytes!("../../tests/virt-gicv2.dtb");
const GIC3: &[u8] = include_bytes!("../../tests/virt-gicv3.dtb");

pub(crate) fn virt() -> Board {
    Board::read(GIC2).unwrap()
}

fn range(start: u64, bytes: u64) -> Range {
    Range {
        start,
        end: start + bytes,
    }
}

/// The tree with every `from` replaced by `to`, of the same length.
fn replace(from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut tree = GIC2.to_vec();
    let mut found = 0;
    for at in 0..tree.len() - from.len() {
        if &tree[at..at + from.len()] == from {
            tree[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0);
    tree
}

fn error(tree: &[u8]) -> BoardError {
    Board::read(tree).unwrap_err()
}

#[test]
fn virt_with_gicv2_is_read() {
    let board = virt();
    assert_eq!(board.memory(), [range(0x4000_0000, 1 << 30)]);
    assert_eq!(board.memory_bytes(), 1 << 30);
    assert_eq!(board.cores, 2);
    assert_eq!(board.gic.version, GicVersion::Two);
    assert_eq!(board.gic.distributor, range(0x0800_0000, 0x1_0000));
    assert_eq!(board.gic.cores, range(0x0801_0000, 0x1_0000));
    assert_eq!(board.timer_line, 27);
    assert_eq!(board.console, range(0x0900_0000, 0x1000));
    assert_eq!(board.console_line, 33);
    assert_eq!(board.conduit, Conduit::Hypervisor);
    assert_eq!(board.devices, range(0x0900_0000, 0x100_4000));
    assert_eq!(board.package.start, 0x4800_0000);
}

#[test]
fn virt_with_gicv3_is_read() {
    let board = Board::read(GIC3).unwrap();
    assert_eq!(board.memory(), [range(0x4000_0000, 2 << 30)]);
    assert_eq!(board.cores, 4);
    assert_eq!(board.gic.version, GicVersion::Three);
    assert_eq!(board.gic.cores, range(0x080A_0000, 4 * 0x2_0000));
    assert_eq!(board.conduit, Conduit::SecureMonitor);
}

#[test]
fn what_is_no_tree_is_refused() {
    assert_eq!(error(&[]), BoardError::NotATree);
    assert_eq!(error(&[0; 64]), BoardError::NotATree);
    assert_eq!(error(&GIC2[..100]), BoardError::NotATree);
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(
        error(&replace(b"memory\0", b"memorx\0")),
        BoardError::NoMemory
    );
    assert_eq!(
        error(&replace(b"arm,cortex-a15-gic", b"arm,cortex-a15-gix")),
        BoardError::NoGic
    );
    assert_eq!(
        error(&replace(b"arm,armv8-timer", b"arm,armv8-timex")),
        BoardError::NoTimer
    );
    assert_eq!(
        error(&replace(b"arm,pl011", b"arm,pl099")),
        BoardError::NoConsole
    );
    assert_eq!(
        error(&replace(b"arm,psci-", b"arm,pscj-")),
        BoardError::NoFirmware
    );
    let tree = replace(b"linux,initrd-start", b"linux,initrd-starx");
    assert_eq!(error(&tree), BoardError::NoPackage);
}

#[test]
fn any_changed_word_gives_a_board_or_an_error() {
    for at in (0..GIC3.len() - 4).step_by(4) {
        for word in [0, 1, 3, 9, 0x7FFF_FFFF, u32::MAX] {
            let mut tree = GIC3.to_vec();
            tree[at..at + 4].copy_from_slice(&u32::to_be_bytes(word));
            // Either is right; what counts is that there is an answer.
            let _ = Board::read(&tree);
        }
    }
}

#[test]
fn an_unknown_conduit_is_malformed() {
    assert_eq!(error(&replace(b"hvc\0", b"hvd\0")), BoardError::Malformed);
}
