//! Device trees: what firmware hands over at boot.

use super::{Bug, plant};
use pecan_aarch64::board::{Board, MEMORY_RANGES};
use pecan_aarch64::tree::{Token, Tree};

/// More tokens than bytes would be a reader that stands still.
pub(super) fn run(bytes: &[u8], bug: Bug) {
    if let Ok(tree) = Tree::new(bytes) {
        let mut tokens = tree.tokens();
        let mut count = 0;
        while let Ok(Some(token)) = tokens.read() {
            count += 1;
            assert!(count <= bytes.len(), "the tokens end");
            if let Token::Property { name, value } = token {
                plant(bug, name == b"reg" && value.first() >= Some(&0x80));
            }
        }
    }
    if let Ok(board) = Board::read(bytes) {
        let memory = board.memory();
        assert!(memory.len() <= MEMORY_RANGES, "the ranges are few");
        let sum = memory.iter().map(|range| u128::from(range.bytes()));
        let sum: u128 = sum.sum();
        let told = u128::from(board.memory_bytes());
        assert!(told <= sum, "no memory is counted that is in no range");
        for device in board.kernel_devices() {
            assert!(device.start <= device.end, "a device ends behind its start");
        }
    }
}
