//! Loads and stores of the interpreter.

use crate::arithmetic::extended;
use crate::machine::{Machine, Stop, bits, register, signed};
use crate::store::{KINDS, Store};

type Done = Option<Result<(), Stop>>;

impl Machine<'_> {
    /// Loads and stores of general registers. `None` for all others.
    pub(crate) fn transfer(&mut self, word: u32) -> Done {
        if bits(word, 26, 1) != 0 {
            return None;
        }
        match bits(word, 27, 3) {
            0b101 => self.pair(word),
            0b111 => self.single(word),
            _ => None,
        }
    }

    fn pair(&mut self, word: u32) -> Done {
        let (first, second, base) = (register(word, 0), register(word, 10), register(word, 5));
        let is_load = bits(word, 22, 1) != 0;
        // 1 after, 2 offset, 3 before.
        let mode = bits(word, 23, 2);
        let is_twice = is_load && first == second;
        let overlaps = mode != 2 && base != 31 && (base == first || base == second);
        if bits(word, 30, 2) != 2 || mode == 0 || is_twice || overlaps {
            return None;
        }
        let start = self.x_or_sp(base);
        let moved = start.wrapping_add_signed(signed(word, 15, 7) * 8);
        let address = if mode == 1 { start } else { moved };
        for (index, at) in [(first, address), (second, address.wrapping_add(8))] {
            let done = if is_load {
                self.load(at, 8).map(|value| self.set_x(index, true, value))
            } else {
                self.write(at, self.x(index))
            };
            if let Err(stop) = done {
                return Some(Err(stop));
            }
        }
        if mode != 2 {
            self.set_x_or_sp(base, true, moved);
        }
        Some(Ok(()))
    }

    fn single(&mut self, word: u32) -> Done {
        let size = 1_u64 << bits(word, 30, 2);
        let (to, base) = (register(word, 0), register(word, 5));
        let start = self.x_or_sp(base);
        let kind = bits(word, 22, 2);
        let mut written_back = None;
        let address = if bits(word, 24, 1) != 0 {
            start.wrapping_add(u64::from(bits(word, 10, 12)) * size)
        } else if bits(word, 21, 1) != 0 {
            if bits(word, 10, 2) != 2 || bits(word, 14, 1) == 0 {
                return None;
            }
            let shift = bits(word, 12, 1) * bits(word, 30, 2);
            start.wrapping_add(extended(self.x(register(word, 16)), bits(word, 13, 3)) << shift)
        } else {
            let moved = start.wrapping_add_signed(signed(word, 12, 9));
            match bits(word, 10, 2) {
                0 => moved,
                2 => return None,
                mode => {
                    if base != 31 && base == to {
                        return None;
                    }
                    written_back = Some(moved);
                    if mode == 1 { start } else { moved }
                }
            }
        };
        let done = match kind {
            0 if size == 8 => self.write(address, self.x(to)),
            1 => self
                .load(address, size)
                .map(|value| self.set_x(to, true, value)),
            2 if size == 4 => self.load(address, size).map(|value| {
                self.set_x(to, true, extended(value, 6));
            }),
            _ => return None,
        };
        if let (Ok(()), Some(moved)) = (done, written_back) {
            self.set_x_or_sp(base, true, moved);
        }
        Some(done)
    }

    /// Reads: the image's constants, kind bytes, whole words of frames.
    fn load(&self, address: u64, size: u64) -> Result<u64, Stop> {
        let fault = Stop::Fault(address);
        let bytes = usize::try_from(size).map_err(|_| fault)?;
        if address & (size - 1) != 0 {
            return Err(fault);
        }
        if address >= KINDS {
            let kind = self.store.kind_at(address).filter(|_| size == 1);
            return kind.map(u64::from).ok_or(fault);
        }
        let found = Store::place(address & !7).and_then(|place| self.store.get(place));
        match found {
            Some(value) if size == 8 => Ok(value),
            Some(value) => {
                let at = 8 * (address & 7);
                Ok(value >> at & ((1 << (8 * size)) - 1))
            }
            None => self.image.constant(address, bytes).ok_or(fault),
        }
    }

    /// Writes a whole word of a frame.
    fn write(&self, address: u64, value: u64) -> Result<(), Stop> {
        let place = Store::place(address).ok_or(Stop::Fault(address))?;
        self.store.put(place, value).ok_or(Stop::Fault(address))
    }
}
