//! What is in the vault.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell as Count;

use ipc_abi::interface::{Caller, Granted, object};
use test_kit::vault::{
    Cell, CellInterface, Folder, FolderInterface, Vault, VaultClient, VaultError, VaultInterface,
};
use userlib::time::{Duration, sleep};
use userlib::{HasSessions, InRoot, OwnedGate, SessionError, Sessions};

/// How long the vault waits for what another service answers.
const PATIENCE: Duration = Duration::from_millis(50);

/// What is in the vault.
pub(crate) struct Keeping {
    kept: Vec<Granted<object::Frame>>,
    sessions: Sessions<Keeping>,
    /// How many boxes and folders there are.
    living: Rc<Count<u32>>,
    /// How many there have been.
    opened: u32,
    noted: (u16, u16),
}

/// Counts those that live, by their destructors.
struct Life(Rc<Count<u32>>);

impl Life {
    fn new(living: &Rc<Count<u32>>) -> Life {
        living.set(living.get() + 1);
        Life(Rc::clone(living))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A box.
pub(crate) struct OneCell {
    number: u64,
    _life: Life,
}

/// A folder.
pub(crate) struct OneFolder {
    kept: Vec<Granted<object::Frame>>,
    _life: Life,
}

impl Keeping {
    pub(crate) fn new(sessions: Sessions<Keeping>) -> Keeping {
        Keeping {
            kept: Vec::new(),
            sessions,
            living: Rc::default(),
            opened: 0,
            noted: (0, 0),
        }
    }

    fn open_cell(&mut self, caller: Caller) -> Result<Granted<CellInterface>, VaultError> {
        let cell = OneCell {
            number: 0,
            _life: Life::new(&self.living),
        };
        let opened = self.sessions.open(caller, cell);
        self.opened += u32::from(opened.is_ok());
        opened.map_err(refusal)
    }
}

impl HasSessions for Keeping {
    fn sessions(&mut self) -> &mut Sessions<Keeping> {
        &mut self.sessions
    }
}

fn count(kept: &[Granted<object::Frame>]) -> u32 {
    u32::try_from(kept.len()).unwrap_or(u32::MAX)
}

impl Vault for Keeping {
    fn keep(&mut self, memory: Granted<object::Frame>) -> u32 {
        self.kept.push(memory);
        count(&self.kept)
    }

    fn give_back(&mut self) -> Result<Granted<object::Frame>, VaultError> {
        self.kept.pop().ok_or(VaultError::Empty)
    }

    fn keep_four(
        &mut self,
        (a, b): (Granted<object::Frame>, Granted<object::Frame>),
        text: &str,
        (c, d): (Granted<object::Frame>, Granted<object::Frame>),
    ) -> u32 {
        self.kept.extend([a, b, c, d]);
        count(&self.kept) + u32::try_from(text.len()).unwrap_or(0)
    }

    fn slip(&mut self, memory: Granted<object::Frame>) {
        self.kept.push(memory);
    }

    fn clear(&mut self) -> u32 {
        let dropped = count(&self.kept);
        self.kept.clear();
        dropped
    }

    fn ask(&mut self, other: Granted<VaultInterface>) -> Result<u32, VaultError> {
        let mut other = VaultClient::new(OwnedGate::new(other, PATIENCE));
        let answer = other.plain(41).map_err(|_| VaultError::NoAnswer)?;
        u32::try_from(answer).map_err(|_| VaultError::NoAnswer)
    }

    fn open(&mut self, caller: Caller, delay: u32) -> Result<Granted<CellInterface>, VaultError> {
        if delay > 0 {
            sleep(Duration::from_millis(delay.into()));
        }
        self.open_cell(caller)
    }

    fn open_folder(&mut self, caller: Caller) -> Result<Granted<FolderInterface>, VaultError> {
        let folder = OneFolder {
            kept: Vec::new(),
            _life: Life::new(&self.living),
        };
        let opened = self.sessions.open_with_root(caller, folder);
        self.opened += u32::from(opened.is_ok());
        opened.map_err(refusal)
    }

    fn count(&mut self) -> (u32, u32) {
        (self.living.get(), self.opened)
    }

    fn note(&mut self, status: u16) {
        self.noted = (self.noted.1, status);
    }

    fn noted(&mut self) -> (u16, u16) {
        self.noted
    }

    fn plain(&mut self, number: u64) -> u64 {
        number.wrapping_add(1)
    }
}

fn refusal(error: SessionError) -> VaultError {
    match error {
        SessionError::TooMany => VaultError::TooMany,
        SessionError::TooManyOfClient => VaultError::TooManyOfClient,
        SessionError::Refused(_) => VaultError::NoMemory,
    }
}

impl Cell for OneCell {
    fn get(&mut self) -> u64 {
        self.number
    }

    fn set(&mut self, number: u64) {
        self.number = number;
    }

    fn who(&mut self, caller: Caller) -> u8 {
        caller.client()
    }
}

/// A folder and the vault.
pub(crate) struct FolderInVault<'a> {
    vault: &'a mut Keeping,
    folder: &'a mut OneFolder,
}

impl InRoot<Keeping> for OneFolder {
    type View<'a> = FolderInVault<'a>;

    fn view<'a>(&'a mut self, vault: &'a mut Keeping) -> FolderInVault<'a> {
        let folder = self;
        FolderInVault { vault, folder }
    }
}

impl Folder for FolderInVault<'_> {
    fn open(&mut self, caller: Caller) -> Result<Granted<CellInterface>, VaultError> {
        self.vault.open_cell(caller)
    }

    fn put(&mut self, memory: Granted<object::Frame>) -> u32 {
        self.folder.kept.push(memory);
        count(&self.folder.kept)
    }
}
