//! Which bits of a process's notifications say what: between the supervisor, which binds them, and
//! `userlib`, which tells a server what happened.
//!
//! | bits | says |
//! |---|---|
//! | below [`LINES_MAX`] | an interrupt line of a device that the process drives, in the order of `system.toml` |
//! | [`RING`] | somebody at the other side of a ring has something there |
//! | [`RING_DIED`] | a server at the other side of a ring died: only at the notification where a client of rings waits |
//! | up to 31 | nothing yet |
//! | 32 + *n* | the process with the number *n*, which may call this one, died |
//!
//! That a client died is said when everything is gone that it had, and before its successor starts: a
//! server hears of the death before it hears anything of the next life.

use crate::manifest::PROCESSES_MAX;

/// The most interrupt lines of one process.
pub const LINES_MAX: usize = 24;

/// The bit that says: look at the rings.
pub const RING: u64 = 1 << LINES_MAX;
/// The bit that says that a server died with which this process has a ring.
pub const RING_DIED: u64 = RING << 1;
/// The bit that says that process 0 died.
const FIRST_CLIENT: u32 = 32;
/// All bits that say that a client died.
const CLIENTS: u64 = !0 << FIRST_CLIENT;

const _: () = assert!(LINES_MAX <= FIRST_CLIENT as usize);
const _: () = assert!(PROCESSES_MAX + FIRST_CLIENT as usize == 64);

/// The bit that says that the client `number` died; none for a number that no process has.
#[must_use]
pub const fn client_died(number: u8) -> u64 {
    if (number as usize) < PROCESSES_MAX {
        1_u64.wrapping_shl(FIRST_CLIENT.wrapping_add(number as u32))
    } else {
        0
    }
}

/// The clients whose death `bits` tell, by number.
pub fn dead_clients(bits: u64) -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(move |number| bits & client_died(*number) != 0)
}

/// The bits that are not about clients.
#[must_use]
pub const fn without_clients(bits: u64) -> u64 {
    bits & !CLIENTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_bit_of_its_own_above_all_lines() {
        let mut seen = 0;
        for number in 0..32 {
            let bit = client_died(number);
            assert_eq!((bit.count_ones(), seen & bit), (1, 0));
            assert!(dead_clients(bit).eq([number]));
            seen |= bit;
        }
        assert_eq!(without_clients(seen), 0);
        let others = ((1 << LINES_MAX) - 1) | RING | RING_DIED;
        assert_eq!((without_clients(others), seen & others), (others, 0));
        assert!(dead_clients(!0).eq(0..32) && dead_clients(0xFFFF_FFFF).next().is_none());
    }

    #[test]
    fn number_of_no_process_has_none() {
        assert_eq!((client_died(32), client_died(255)), (0, 0));
    }
}
