//! The services of the program `vault`: capabilities as arguments and results, and sessions.

use ipc_abi::interface::{Caller, Granted, object};
use ipc_abi::{interface, payload};

/// Keeps what it is given, and opens boxes.
#[interface(version = 1)]
pub trait Vault {
    /// Keeps memory; tells how many it keeps.
    #[method(1)]
    fn keep(&mut self, memory: Granted<object::Frame>) -> u32;

    /// Gives back what was kept last.
    ///
    /// # Errors
    ///
    /// `Empty`.
    #[method(2)]
    fn give_back(&mut self) -> Result<Granted<object::Frame>, VaultError>;

    /// Keeps four at once, with a text between them.
    #[method(3)]
    fn keep_four(
        &mut self,
        first: (Granted<object::Frame>, Granted<object::Frame>),
        text: &str,
        second: (Granted<object::Frame>, Granted<object::Frame>),
    ) -> u32;

    /// Keeps memory and answers nothing.
    #[method(4, one_way)]
    fn slip(&mut self, memory: Granted<object::Frame>);

    /// Drops what it keeps; tells how much that was.
    #[method(5)]
    fn clear(&mut self) -> u32;

    /// Calls the service behind a gate, and tells what it answers; gives up after a while.
    ///
    /// # Errors
    ///
    /// `NoAnswer`.
    #[method(6)]
    fn ask(&mut self, other: Granted<VaultInterface>) -> Result<u32, VaultError>;

    /// Opens a box of the caller's own, after so many milliseconds.
    ///
    /// # Errors
    ///
    /// `TooMany`, `TooManyOfClient`, `NoMemory`.
    #[method(7)]
    fn open(&mut self, caller: Caller, delay: u32) -> Result<Granted<CellInterface>, VaultError>;

    /// Opens a folder, in which boxes can be opened.
    ///
    /// # Errors
    ///
    /// Those of `open`.
    #[method(8)]
    fn open_folder(&mut self, caller: Caller) -> Result<Granted<FolderInterface>, VaultError>;

    /// Tells how many boxes and folders there are, and how many there have been.
    #[method(9)]
    fn count(&mut self) -> (u32, u32);

    /// Takes note of the status of an answer that the caller got elsewhere.
    #[method(10)]
    fn note(&mut self, status: u16);

    /// Tells the statuses that were noted last.
    #[method(11)]
    fn noted(&mut self) -> (u16, u16);

    /// Adds one.
    #[method(12)]
    fn plain(&mut self, number: u64) -> u64;
}

/// A box: remembers a number.
#[interface(version = 1)]
pub trait Cell {
    /// Tells the number.
    #[method(1)]
    fn get(&mut self) -> u64;

    /// Changes it.
    #[method(2, one_way)]
    fn set(&mut self, number: u64);

    /// Tells who calls.
    #[method(3)]
    fn who(&mut self, caller: Caller) -> u8;
}

/// A folder.
#[interface(version = 1)]
pub trait Folder {
    /// Opens a box, which does not end with the folder.
    ///
    /// # Errors
    ///
    /// Those of `Vault::open`.
    #[method(1)]
    fn open(&mut self, caller: Caller) -> Result<Granted<CellInterface>, VaultError>;

    /// Puts memory into the folder, with which it goes.
    #[method(2)]
    fn put(&mut self, memory: Granted<object::Frame>) -> u32;
}

/// Why a method was not done.
#[payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// Nothing is kept.
    Empty,
    /// As many are open as there can be.
    TooMany,
    /// As many are open as one client can have.
    TooManyOfClient,
    /// The kernel refused to make the gate.
    NoMemory,
    /// The service behind the gate did not answer in time.
    NoAnswer,
}

/// How many boxes and folders there can be: `sessions` in `tests/systems/sessions.toml`.
pub const BOXES: u32 = 6;
/// How many of them one client can have.
pub const BOXES_OF_CLIENT: u32 = 4;
