//! The start-up block: what a process finds when it starts, between the supervisor, which writes
//! it, and `userlib`, which reads it.
//!
//! The block is one page, mapped read-only in the new process, whose thread starts with the block's
//! address in `x0` and the end of its stack in `sp`. It holds [`STARTUP_MAGIC`] and the length of
//! what follows as little-endian `u64`s, then a [`Startup`] in postcard. The first process has no
//! block: it starts with 0 in `x0` and the handles of [`crate::boot::FirstHandle`].

use heapless::Vec;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::boot::{OBJECTS_PER_FRAME, PAGE_BYTES};
use crate::capability::Kind;
use crate::manifest::{DEVICE_LINES_MAX, DEVICES_MAX, Name, RINGS_MAX};
use crate::service::supervisor::LogLevel;

/// The first word of a start-up block: `PECANRUN`.
pub const STARTUP_MAGIC: u64 = u64::from_le_bytes(*b"PECANRUN");
/// The most bytes of a start-up block: one page.
pub const STARTUP_BYTES: usize = 4096;
const _: () = assert!(STARTUP_BYTES as u64 == PAGE_BYTES);
/// Bytes before the postcard: the magic word and the length.
pub const STARTUP_HEADER_BYTES: usize = 16;
/// The most named handles of one process.
pub const HANDLES_MAX: usize = 32;

/// Bytes that random numbers start from.
pub const SEED_BYTES: usize = 32;

/// What a new process has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Startup {
    /// Its name.
    pub name: Name,
    /// How often it was started before.
    pub incarnation: u32,
    /// Its own capability table, with right `WRITE`.
    pub table: u32,
    /// Where it serves; `None` if it is no server.
    pub endpoint: Option<u32>,
    /// Where its interrupts and signals arrive, bound to its thread; `None` if it has none.
    pub notification: Option<u32>,
    /// Its heap: mapped, zeroed.
    pub heap: MemoryRange,
    /// The address of its message buffer; 0 if it has none.
    pub message_buffer: u64,
    /// Slots of its table that are empty and its own to fill.
    pub slots: SlotRange,
    /// Its other capabilities, by name: the gate of a service under the service's name; `memory`,
    /// `time`, `asids`, `platform`, `space`, `thread`, `context` where they were granted.
    pub handles: Vec<NamedHandle, HANDLES_MAX>,
    /// The devices that it drives.
    pub devices: Vec<DeviceGrant, DEVICES_MAX>,
    /// Its reply objects: places for callers that wait for late answers.
    pub replies: SlotRange,
    /// The rings that it has a side of.
    pub rings: Vec<RingGrant, RINGS_MAX>,
    /// What its sessions are made of; `None` if it has none.
    pub sessions: Option<SessionGrant>,
    /// Its threads besides the first.
    pub threads: ThreadsGrant,
    /// How it says lines; `None` if it may not.
    pub log: Option<LogGrant>,
    /// What its random numbers start from: another for each life.
    pub seed: [u8; SEED_BYTES],
}

/// What the sessions of a server are made of: its endpoint then has the right to make gates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionGrant {
    /// How many there can be.
    pub count: u8,
    /// The region in which their gates are made.
    pub region: u32,
    /// The reply object in which a caller is saved that gets a session.
    pub reply: u32,
}

/// How many frames the region has in which so many gates of sessions are made: its own, and theirs.
#[must_use]
pub const fn session_frames(count: u8) -> u64 {
    match count {
        0 => 0,
        // A gate takes one object number (`ABI.md`, "Capabilities").
        _ => (count as u64).div_ceil(OBJECTS_PER_FRAME).wrapping_add(1),
    }
}

/// The right to say lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogGrant {
    /// A gate to the supervisor with the permission `say`.
    pub gate: u32,
    /// Lines below this are not said.
    pub level: LogLevel,
}

/// The threads of a process. They are numbered from 0, which is the first and is the one that gets the
/// start-up block's address in `x0`; the others start at the same place with their number added to it, on
/// stacks of their own below which nothing is mapped, and wait until the program has something for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadsGrant {
    /// How many there are besides the first; if there are none, the rest means nothing.
    pub count: u8,
    /// Two slots for each thread, the first one included, by number: the notification where it waits, and the
    /// gate that signals it there with the bit 0.
    pub first_slot: u32,
    /// The address of the message buffer of thread 1.
    pub first_buffer: u64,
    /// From one thread's message buffer to the next one's.
    pub stride: u64,
}

impl ThreadsGrant {
    /// Where the thread `number`, which is not the first, has its message buffer.
    #[must_use]
    pub const fn buffer(&self, number: u8) -> u64 {
        let before = (number as u64).saturating_sub(1);
        self.first_buffer
            .saturating_add(before.saturating_mul(self.stride))
    }

    /// The notification where the thread `number` waits.
    #[must_use]
    pub const fn notification(&self, number: u8) -> u32 {
        self.first_slot
            .saturating_add((number as u32).saturating_mul(2))
    }

    /// The gate that signals it there.
    #[must_use]
    pub const fn gate(&self, number: u8) -> u32 {
        self.notification(number).saturating_add(1)
    }
}

/// A piece of a process's address space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryRange {
    /// The first address.
    pub address: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// A piece of a process's capability table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotRange {
    /// The first slot.
    pub first: u32,
    /// How many slots.
    pub count: u32,
}

/// A capability that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedHandle {
    /// The name.
    pub name: Name,
    /// What kind of object it names.
    #[serde(serialize_with = "write_kind", deserialize_with = "read_kind")]
    pub kind: Kind,
    /// The handle.
    pub handle: u32,
}

/// A device that was given to a process: its registers are mapped in the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceGrant {
    /// Its name on the board.
    pub name: Name,
    /// Where its registers are mapped.
    pub address: u64,
    /// Bytes of registers.
    pub bytes: u64,
    /// Its interrupt lines.
    pub irqs: Vec<IrqGrant, DEVICE_LINES_MAX>,
}

/// A side of a ring: memory that is mapped in the process and in its peer, and outlives both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingGrant {
    /// The name of the process at the other side.
    pub name: Name,
    /// Which side it is.
    pub side: RingSide,
    /// Its number.
    pub peer: u8,
    /// How many slots its queues have.
    pub slots: u16,
    /// Where its words begin ([`crate::ring`]).
    pub address: u64,
    /// The gate that signals the peer.
    pub doorbell: u32,
    /// On the client's side: the notification at which it is signalled, not bound to its thread. A server's
    /// signals come to its bound one.
    pub bell: Option<u32>,
}

/// A side of a ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingSide {
    /// The one that submits.
    #[default]
    Client,
    /// The one that completes.
    Server,
}

/// An interrupt line that was given to a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IrqGrant {
    /// The interrupt object.
    pub handle: u32,
    /// The bits that it sets in the process's notification.
    pub bits: u64,
}

/// Why bytes are no start-up block, or a [`Startup`] cannot be made one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartupError {
    /// It does not begin with [`STARTUP_MAGIC`]. Whoever started the process is at fault.
    BadMagic,
    /// Its length sticks out of its page. Whoever started the process is at fault.
    BadLength,
    /// What follows is no [`Startup`]. Whoever started the process is at fault.
    Malformed,
    /// It does not fit in the page. Name fewer handles.
    TooLong,
}

impl Startup {
    /// Writes the block into `page` and tells how many bytes it takes.
    ///
    /// # Errors
    ///
    /// `TooLong` if `page` is too short.
    pub fn write(&self, page: &mut [u8]) -> Result<usize, StartupError> {
        let (header, body) = page
            .split_first_chunk_mut::<STARTUP_HEADER_BYTES>()
            .ok_or(StartupError::TooLong)?;
        let written = postcard::to_slice(self, body).map_err(|_| StartupError::TooLong)?;
        let length = written.len();
        let (magic, count) = header.split_at_mut(8);
        magic.copy_from_slice(&STARTUP_MAGIC.to_le_bytes());
        count.copy_from_slice(&(length as u64).to_le_bytes());
        Ok(STARTUP_HEADER_BYTES.saturating_add(length))
    }

    /// Reads the block from `page`; what lies behind it does not matter.
    ///
    /// # Errors
    ///
    /// `BadMagic`, `BadLength`, `Malformed`.
    pub fn read(page: &[u8]) -> Result<Startup, StartupError> {
        let (magic, rest) = page
            .split_first_chunk::<8>()
            .ok_or(StartupError::BadLength)?;
        if u64::from_le_bytes(*magic) != STARTUP_MAGIC {
            return Err(StartupError::BadMagic);
        }
        let (length, rest) = rest
            .split_first_chunk::<8>()
            .ok_or(StartupError::BadLength)?;
        let length = usize::try_from(u64::from_le_bytes(*length));
        let length = length.map_err(|_| StartupError::BadLength)?;
        let body = rest.get(..length).ok_or(StartupError::BadLength)?;
        match postcard::take_from_bytes::<Startup>(body) {
            Ok((startup, [])) => Ok(startup),
            Ok(_) | Err(_) => Err(StartupError::Malformed),
        }
    }
}

fn write_kind<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(*kind as u8)
}

fn read_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    let raw = u8::deserialize(deserializer)?;
    Kind::from_raw(raw).ok_or_else(|| de::Error::custom("no kind has this number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::try_from(text).expect("the name fits")
    }

    fn full() -> Startup {
        let longest = name("abcdefghijklmnopqrstuvwx");
        let handle = NamedHandle {
            name: longest.clone(),
            kind: Kind::Irq,
            handle: u32::MAX,
        };
        let irq = IrqGrant {
            handle: u32::MAX,
            bits: u64::MAX,
        };
        let device = DeviceGrant {
            name: longest.clone(),
            address: u64::MAX,
            bytes: u64::MAX,
            irqs: core::iter::repeat_n(irq, DEVICE_LINES_MAX).collect(),
        };
        let ring = RingGrant {
            name: longest.clone(),
            side: RingSide::Server,
            peer: u8::MAX,
            slots: u16::MAX,
            address: u64::MAX,
            doorbell: u32::MAX,
            bell: Some(u32::MAX),
        };
        Startup {
            name: longest,
            incarnation: u32::MAX,
            table: u32::MAX,
            endpoint: Some(u32::MAX),
            notification: Some(u32::MAX),
            heap: MemoryRange {
                address: u64::MAX,
                bytes: u64::MAX,
            },
            message_buffer: u64::MAX,
            slots: SlotRange {
                first: u32::MAX,
                count: u32::MAX,
            },
            handles: core::iter::repeat_n(handle, HANDLES_MAX).collect(),
            devices: core::iter::repeat_n(device, DEVICES_MAX).collect(),
            replies: SlotRange {
                first: u32::MAX,
                count: u32::MAX,
            },
            rings: core::iter::repeat_n(ring, RINGS_MAX).collect(),
            sessions: Some(SessionGrant {
                count: u8::MAX,
                region: u32::MAX,
                reply: u32::MAX,
            }),
            threads: ThreadsGrant {
                count: u8::MAX,
                first_slot: u32::MAX,
                first_buffer: u64::MAX,
                stride: u64::MAX,
            },
            log: Some(LogGrant {
                gate: u32::MAX,
                level: LogLevel::Trace,
            }),
            seed: [u8::MAX; SEED_BYTES],
        }
    }

    #[test]
    fn gates_of_sessions_fill_whole_frames() {
        let frames = [0, 1, 64, 65, 128].map(session_frames);
        assert_eq!(frames, [0, 2, 2, 3, 3]);
    }

    #[test]
    fn longest_block_fits_in_its_page() {
        let mut page = [0xAA; STARTUP_BYTES];
        let startup = full();
        let length = startup.write(&mut page).expect("it fits");
        assert!(length <= STARTUP_BYTES);
        assert_eq!(Startup::read(&page), Ok(startup));
    }

    #[test]
    fn threads_have_their_buffers_and_slots_in_a_row() {
        let threads = ThreadsGrant {
            count: 2,
            first_slot: 10,
            first_buffer: 0x1000,
            stride: 0x300,
        };
        assert_eq!((threads.notification(0), threads.gate(0)), (10, 11));
        assert_eq!((threads.notification(2), threads.gate(2)), (14, 15));
        assert_eq!((threads.buffer(1), threads.buffer(2)), (0x1000, 0x1300));
    }

    #[test]
    fn block_is_refused_in_a_page_one_byte_too_short() {
        let mut page = [0; STARTUP_BYTES];
        let length = full().write(&mut page).expect("it fits");
        let mut short = [0; STARTUP_BYTES];
        assert_eq!(
            full().write(&mut short[..length - 1]),
            Err(StartupError::TooLong)
        );
        assert_eq!(
            full().write(&mut short[..STARTUP_HEADER_BYTES - 1]),
            Err(StartupError::TooLong)
        );
        assert_eq!(full().write(&mut short[..length]), Ok(length));
    }

    #[test]
    fn damaged_blocks_are_refused_by_name() {
        let mut page = [0; STARTUP_BYTES];
        assert_eq!(Startup::read(&page), Err(StartupError::BadMagic));
        assert_eq!(Startup::read(&[]), Err(StartupError::BadLength));
        let length = full().write(&mut page).expect("it fits");
        assert_eq!(
            Startup::read(&page[..length - 1]),
            Err(StartupError::BadLength)
        );
        page[8] = page[8].wrapping_sub(1);
        assert_eq!(Startup::read(&page), Err(StartupError::Malformed));
        page[8] = page[8].wrapping_add(2);
        assert_eq!(Startup::read(&page), Err(StartupError::Malformed));
        page[15] = 0xFF;
        assert_eq!(Startup::read(&page), Err(StartupError::BadLength));
    }

    #[test]
    fn unknown_kind_is_malformed() {
        let mut startup = Startup::default();
        let handle = NamedHandle {
            name: name("a"),
            kind: Kind::Gate,
            handle: 5,
        };
        startup.handles.push(handle).expect("there is room");
        let mut page = [0; STARTUP_BYTES];
        let length = startup.write(&mut page).expect("it fits");
        let kind = page[..length]
            .iter()
            .rposition(|byte| *byte == Kind::Gate as u8);
        page[kind.expect("the kind is there")] = 0;
        assert_eq!(Startup::read(&page), Err(StartupError::Malformed));
    }
}
