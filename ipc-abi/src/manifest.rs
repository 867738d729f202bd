//! The manifest: what a boot package says about each process, between the system builder, which
//! writes it, and the supervisor, which builds the processes.
//!
//! It starts at [`MANIFEST_OFFSET`] in the package: its length in bytes as a little-endian `u64`,
//! then, in postcard, how many processes there are (`u32`) and each [`Process`]. A process's number
//! is its place in this order; the first is the supervisor itself. Names are for people: every
//! reference is a number that the build assigned and checked.

use heapless::{String, Vec};
use serde::{Deserialize, Serialize};

use crate::boot::PAGE_BYTES;
use crate::service::supervisor::LogLevel;

/// Where the manifest's length is in the package: the second page.
pub const MANIFEST_OFFSET: u64 = PAGE_BYTES;

/// The most bytes of a name: of a process, a service, a device.
pub const NAME_BYTES: usize = 24;
/// The most processes of a system.
pub const PROCESSES_MAX: usize = 32;
/// The most segments of a program.
pub const SEGMENTS_MAX: usize = 8;
/// The most services one process can call.
pub const CALLS_MAX: usize = 16;
/// The most permissions that a service knows: one bit of its clients' badges each.
pub const PERMISSIONS_MAX: u32 = 31;
/// The most rings of one process: with those whom it calls, and with those who call it.
pub const RINGS_MAX: usize = 16;
/// The most devices of one process.
pub const DEVICES_MAX: usize = 8;
/// The most callers that one process can keep waiting.
pub const REPLIES_MAX: usize = 32;
/// The most sessions that one process can have open.
pub const SESSIONS_MAX: usize = 128;
/// The most threads of one process besides its first.
pub const THREADS_MAX: usize = 15;
/// The most interrupt lines of one device.
pub const DEVICE_LINES_MAX: usize = 4;
/// The most pages of a heap, of a region, or of a program's segment: 64 MiB.
pub const PAGES_MAX: u32 = 16384;
/// The most pages of a stack: 1 MiB.
pub const STACK_PAGES_MAX: u32 = 256;
/// The most address spaces of a system: its processes and what they may make themselves.
pub const ASIDS_MAX: u16 = 200;
/// The most interrupt lines, the last of the machine's, that processes may use besides those of
/// devices.
pub const IRQS_MAX: u16 = 64;
/// Where the addresses of programs start: what is below traps null pointers.
pub const PROGRAM_START: u64 = 0x1_0000;
/// Where the addresses of programs end.
pub const PROGRAM_END: u64 = 0x10_0000_0000;

/// A name.
pub type Name = String<NAME_BYTES>;

/// What one process is and may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its name; no two processes share one.
    pub name: Name,
    /// What it runs.
    pub program: Program,
    /// The priority of its thread.
    pub priority: u8,
    /// Pages of heap.
    pub heap_pages: u32,
    /// Pages of stack.
    pub stack_pages: u32,
    /// What happens when it dies.
    pub restart: Restart,
    /// Whether it has an endpoint, where it serves under its own name.
    pub serves: bool,
    /// How many callers it can keep waiting: reply objects.
    pub replies: u8,
    /// How many sessions of its clients it can have open, each with a gate of its own.
    pub sessions: u8,
    /// How many threads it can have besides its first: at most [`THREADS_MAX`].
    pub threads: u8,
    /// What it may call.
    pub calls: Vec<Call, CALLS_MAX>,
    /// What it drives.
    pub devices: Vec<Device, DEVICES_MAX>,
    /// What else it may do.
    pub authority: Authority,
    /// Which lines it may say; none without it.
    pub log: Option<LogLevel>,
}

/// A program in the package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Where it starts.
    pub entry: u64,
    /// Its memory.
    pub segments: Vec<Segment, SEGMENTS_MAX>,
    /// Its function names.
    pub symbols: Symbols,
}

/// A piece of a program's memory, by whole pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Where its bytes are in the package: a multiple of [`PAGE_BYTES`].
    pub offset: u64,
    /// The user address: a multiple of [`PAGE_BYTES`].
    pub address: u64,
    /// Pages in the package.
    pub file_pages: u32,
    /// Pages in memory; what the package does not give is zero.
    pub pages: u32,
    /// [`crate::capability::Access`].
    pub access: u8,
}

/// Where a program's symbol table is in the package: which function each instruction belongs to,
/// and where the function's caller is found on the stack.
///
/// All records have [`SYMBOL_BYTES`], are sorted by address and little-endian, and start with the
/// address from which on they count (`u64`), up to the next of their kind. Then:
///
/// - in the first `count` records, where the function's name starts from the first byte after all
///   records (`u32`), and its length (`u32`; 0: no function). An instruction that the compiler inlined
///   counts for the function in which it was written.
/// - in the next `frames` records, how far above the stack pointer the caller's stack pointer is
///   (`u32`), and how far above it the return address lies (`u32`). A frame of 0 bytes is none that is
///   known; what follows is then [`FUNCTION_START`] if a function starts there, else 0.
///
/// Then the names, demangled, in UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symbols {
    /// Where it starts in the package.
    pub offset: u64,
    /// Bytes in all.
    pub bytes: u64,
    /// How many records it has of names.
    pub count: u32,
    /// How many records it has of frames.
    pub frames: u32,
}

/// Bytes of one record of a symbol table.
pub const SYMBOL_BYTES: usize = 16;
/// In a record of an unknown frame: a function starts there.
pub const FUNCTION_START: u32 = 1;

/// What happens when a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restart {
    /// It stays dead.
    Never,
    /// It is started again, but not more than `limit` times in `seconds`: then it stays dead.
    Always {
        /// How many times.
        limit: u16,
        /// In how long.
        seconds: u16,
    },
}

/// The right to call a service: a gate to the endpoint of another process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The name of the service, which is that of the process that serves.
    pub service: Name,
    /// The number of the process that serves.
    pub process: u8,
    /// What the service lets this caller do beyond what it lets everybody do: bit *n* is the *n*-th
    /// name of [`crate::service::permissions`].
    pub permissions: u32,
    /// Whether capabilities can be passed with these calls and their replies.
    pub passes_capabilities: bool,
    /// How many slots the queues of the ring between the two have; 0: there is none.
    pub ring_slots: u16,
}

/// The badge of a client's gate: who calls, and what the service lets it do, or in which session.
///
/// | bits | of a client's gate | of a session's |
/// |---|---|---|
/// | 7:0 | the number of the client's process | the same |
/// | 15:8 | 0 | the number of the session |
/// | 62:16 | the permissions, in bits 62:32 | how many sessions the server had opened before |
/// | 63 | 0 | 1 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Badge(u64);

/// Which session of a server: its number, and how many the server had opened before, so that no two are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId {
    /// Its number; another session has it when this one is over.
    pub number: u8,
    /// How many the server had opened before: below 2^47.
    pub generation: u64,
}

impl Badge {
    /// Set in the badges of sessions.
    const SESSION: u64 = 1 << 63;
    /// The generations that a badge tells apart: enough for a million a second, for four years.
    const GENERATIONS: u64 = (1 << 47) - 1;

    /// The badge of a session of the process `client`.
    #[must_use]
    pub const fn of_session(client: u8, session: SessionId) -> Badge {
        let generation = session.generation & Badge::GENERATIONS;
        Badge(Badge::SESSION | generation << 16 | (session.number as u64) << 8 | client as u64)
    }

    /// The session that it is the badge of, if it is.
    #[must_use]
    pub const fn session(self) -> Option<SessionId> {
        if self.0 & Badge::SESSION == 0 {
            return None;
        }
        Some(SessionId {
            number: (self.0 >> 8 & 0xFF) as u8,
            generation: self.0 >> 16 & Badge::GENERATIONS,
        })
    }

    /// The badge of the process `client` with `permissions`, of which there are at most
    /// [`PERMISSIONS_MAX`]: bit 63 is not theirs.
    #[must_use]
    pub const fn new(client: u8, permissions: u32) -> Badge {
        let permissions = permissions & !(u32::MAX << PERMISSIONS_MAX);
        Badge(((permissions as u64) << 32) | client as u64)
    }

    /// The badge of the gate of a thread's faults: of the thread `thread` of the process `client`, whose
    /// first thread is 0.
    #[must_use]
    pub const fn of_thread(client: u8, thread: u8) -> Badge {
        Badge::new(client, thread as u32)
    }

    /// The number of the thread, in a badge that [`Badge::of_thread`] made.
    #[must_use]
    pub const fn thread(self) -> u8 {
        ((self.0 >> 32) & 0xFF) as u8
    }

    /// Reads a badge that the kernel delivered.
    #[must_use]
    pub const fn from_raw(raw: u64) -> Badge {
        Badge(raw)
    }

    /// The badge as the kernel delivers it.
    #[must_use]
    pub const fn into_raw(self) -> u64 {
        self.0
    }

    /// The number of the client's process.
    #[must_use]
    pub const fn client(self) -> u8 {
        (self.0 & 0xFF) as u8
    }

    /// Whether the client has the permission with this number.
    #[must_use]
    pub const fn has_permission(self, permission: u32) -> bool {
        let is_client = self.0 & Badge::SESSION == 0;
        is_client && permission < PERMISSIONS_MAX && (self.0 >> 32) & (1 << permission) != 0
    }
}

/// A device that a process drives: its registers are mapped, its interrupts are signals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name on the board.
    pub name: Name,
    /// The physical address of its registers: a multiple of [`PAGE_BYTES`].
    pub address: u64,
    /// Pages of registers.
    pub pages: u32,
    /// Its interrupt lines.
    pub lines: Vec<u32, DEVICE_LINES_MAX>,
}

/// Authority beyond calls and devices; nothing by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Frames of a region of its own, as the handle `memory`; 0 for none.
    pub memory_frames: u32,
    /// The highest priority of the time that it may give out, as the handle `time`.
    pub time: Option<u8>,
    /// How much of a core the budgets may take that it gives out, in per cent.
    pub share: u8,
    /// How many address spaces it may make, as the handle `asids`.
    pub asids: u16,
    /// How many interrupt lines it may use besides those of its devices, as the handle `irqs`.
    pub irqs: u16,
    /// The handles `space`, `thread` and `context` of itself.
    pub itself: bool,
    /// Power, as the handle `platform`.
    pub platform: bool,
}

/// Why bytes are no manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestError {
    /// The package ends before the manifest does.
    Truncated,
    /// There is no process, or there are more than [`PROCESSES_MAX`].
    ProcessCount,
    /// The process with this number is no [`Process`].
    Malformed(u32),
    /// Bytes are left after the last process.
    TrailingBytes,
}

/// The processes of a manifest, decoded one at a time.
#[derive(Clone, Debug)]
pub struct Processes<'a> {
    rest: &'a [u8],
    next: u32,
    count: u32,
}

impl<'a> Processes<'a> {
    /// Starts to read the manifest of `package`.
    ///
    /// # Errors
    ///
    /// `Truncated`, `ProcessCount`.
    pub fn read(package: &'a [u8]) -> Result<Processes<'a>, ManifestError> {
        let bytes = package.get(4096..).ok_or(ManifestError::Truncated)?;
        let (length, bytes) = bytes
            .split_first_chunk::<8>()
            .ok_or(ManifestError::Truncated)?;
        let length = usize::try_from(u64::from_le_bytes(*length));
        let length = length.map_err(|_| ManifestError::Truncated)?;
        let bytes = bytes.get(..length).ok_or(ManifestError::Truncated)?;
        let (count, rest) =
            postcard::take_from_bytes::<u32>(bytes).map_err(|_| ManifestError::Truncated)?;
        if count == 0 || count as usize > PROCESSES_MAX {
            return Err(ManifestError::ProcessCount);
        }
        Ok(Processes {
            rest,
            next: 0,
            count,
        })
    }

    /// How many processes there are in all.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }
}

impl Iterator for Processes<'_> {
    type Item = Result<Process, ManifestError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.count {
            let is_clean = self.rest.is_empty();
            self.rest = &[];
            return if is_clean {
                None
            } else {
                Some(Err(ManifestError::TrailingBytes))
            };
        }
        let number = self.next;
        match postcard::take_from_bytes::<Process>(self.rest) {
            Ok((process, rest)) => {
                self.rest = rest;
                self.next = self.next.saturating_add(1);
                Some(Ok(process))
            }
            Err(_) => {
                self.rest = &[];
                self.next = self.count;
                Some(Err(ManifestError::Malformed(number)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn badge_tells_the_client_and_its_permissions_and_leaves_bit_63() {
        let badge = Badge::new(7, u32::MAX);
        assert_eq!(badge.client(), 7);
        assert!(badge.has_permission(PERMISSIONS_MAX - 1));
        assert!(!badge.has_permission(PERMISSIONS_MAX));
        assert_eq!(badge.into_raw() >> 63, 0);
        assert!(!Badge::from_raw(u64::MAX).has_permission(PERMISSIONS_MAX));
        assert!(!Badge::new(7, 1 << 3).has_permission(2));
        assert_eq!(badge.session(), None);
    }

    #[test]
    fn badge_of_a_session_tells_it_and_gives_no_permission() {
        let last = SessionId {
            number: u8::MAX,
            generation: (1 << 47) - 1,
        };
        let badge = Badge::of_session(9, last);
        assert_eq!((badge.client(), badge.session()), (9, Some(last)));
        assert!((0..64).all(|permission| !badge.has_permission(permission)));
        let first = SessionId {
            number: 0,
            generation: 0,
        };
        assert_eq!(Badge::of_session(9, first).session(), Some(first));
        let one_more = SessionId {
            generation: 1 << 47,
            ..first
        };
        assert_eq!(Badge::of_session(9, one_more), Badge::of_session(9, first));
    }

    #[test]
    fn badge_of_a_fault_tells_the_thread() {
        let badge = Badge::of_thread(7, 15);
        assert_eq!((badge.client(), badge.thread()), (7, 15));
        assert_eq!(Badge::of_thread(7, 0), Badge::new(7, 0));
    }
}
