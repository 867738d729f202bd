//! A service that opens files and folders, and what is opened in it.

use std::rc::Rc;
use std::string::String;

use ipc_abi::interface;
use ipc_abi::interface::{Caller, Granted, Promise, object};

use crate::session::{HasSessions, InRoot, SessionError, Sessions};

#[ipc_abi::payload]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilesError {
    Missing,
    TooMany,
    TooManyOfClient,
    Refused,
}

impl From<SessionError> for FilesError {
    fn from(error: SessionError) -> FilesError {
        match error {
            SessionError::TooMany => FilesError::TooMany,
            SessionError::TooManyOfClient => FilesError::TooManyOfClient,
            SessionError::Refused(_) => FilesError::Refused,
        }
    }
}

/// Opens files.
#[interface(version = 1)]
pub(super) trait Files {
    /// Opens a file.
    #[method(1)]
    fn open(&mut self, caller: Caller, path: &str) -> Result<Granted<FileInterface>, FilesError>;
    /// Tells how many are open.
    #[method(2)]
    fn count(&mut self) -> u64;
    /// Opens a folder.
    #[method(3)]
    fn folder(&mut self, caller: Caller) -> Result<Granted<FolderInterface>, FilesError>;
    /// Opens a file and keeps it to itself.
    #[method(4)]
    fn forget(&mut self, caller: Caller) -> Result<(), FilesError>;
    /// Opens a file and returns more than a message can carry.
    #[method(5)]
    fn flood(
        &mut self,
        caller: Caller,
    ) -> Result<(Granted<FileInterface>, heapless::Vec<u8, 5000>), FilesError>;
}

/// A file.
#[interface(version = 1)]
pub(super) trait File {
    /// Reads the next bytes.
    #[method(1)]
    fn read(&mut self, count: u16) -> heapless::Vec<u8, 256>;
    /// Starts anew.
    #[method(2, one_way)]
    fn rewind(&mut self);
    /// Tells who calls, and whether with this permission.
    #[method(3)]
    fn who(&mut self, caller: Caller, permission: u32) -> (u64, bool);
    /// Answers later.
    #[method(4)]
    fn wait(&mut self, promise: Promise<u64>);
    /// Takes a text of any length.
    #[method(5)]
    fn write(&mut self, text: &str) -> u32;
}

/// A folder: its methods need the server.
#[interface(version = 1)]
pub(super) trait Folder {
    /// Opens a file in it.
    #[method(1)]
    fn open(&mut self, caller: Caller, name: &str) -> Result<Granted<FileInterface>, FilesError>;
    /// Takes memory.
    #[method(2)]
    fn keep(&mut self, memory: Granted<object::Frame>) -> u64;
    /// Ends itself.
    #[method(3)]
    fn remove(&mut self, caller: Caller) -> bool;
}

pub(super) struct OpenFile {
    position: u8,
    waiting: Option<Promise<u64>>,
    text: String,
    /// Counted down by its destructor.
    _life: Rc<()>,
}

pub(super) struct OpenFolder {
    kept: std::vec::Vec<Granted<object::Frame>>,
    _life: Rc<()>,
}

pub(super) struct Server {
    pub(super) sessions: Sessions<Server>,
    life: Rc<()>,
}

impl HasSessions for Server {
    fn sessions(&mut self) -> &mut Sessions<Server> {
        &mut self.sessions
    }
}

impl Server {
    pub(super) fn new(count: usize, of_client: usize) -> Server {
        Server {
            sessions: Sessions::for_test(count, of_client),
            life: Rc::new(()),
        }
    }

    fn file(&self) -> OpenFile {
        OpenFile {
            position: 0,
            waiting: None,
            text: String::new(),
            _life: Rc::clone(&self.life),
        }
    }

    /// How many objects of sessions there are.
    pub(super) fn objects(&self) -> usize {
        Rc::strong_count(&self.life) - 1
    }
}

impl Files for Server {
    fn open(&mut self, caller: Caller, path: &str) -> Result<Granted<FileInterface>, FilesError> {
        if path == "missing" {
            return Err(FilesError::Missing);
        }
        let file = self.file();
        Ok(self.sessions.open(caller, file)?)
    }

    fn count(&mut self) -> u64 {
        self.sessions.count() as u64
    }

    fn folder(&mut self, caller: Caller) -> Result<Granted<FolderInterface>, FilesError> {
        let folder = OpenFolder {
            kept: std::vec::Vec::new(),
            _life: Rc::clone(&self.life),
        };
        Ok(self.sessions.open_with_root(caller, folder)?)
    }

    fn forget(&mut self, caller: Caller) -> Result<(), FilesError> {
        let file = self.file();
        drop(self.sessions.open::<FileInterface, _>(caller, file)?);
        Ok(())
    }

    fn flood(
        &mut self,
        caller: Caller,
    ) -> Result<(Granted<FileInterface>, heapless::Vec<u8, 5000>), FilesError> {
        let file = self.file();
        let bytes = core::iter::repeat_n(7, 5000).collect();
        Ok((self.sessions.open(caller, file)?, bytes))
    }
}

impl File for OpenFile {
    fn read(&mut self, count: u16) -> heapless::Vec<u8, 256> {
        let bytes = (self.position..).take(count.into()).collect();
        self.position += u8::try_from(count).expect("it is small");
        bytes
    }

    fn rewind(&mut self) {
        self.position = 0;
    }

    fn who(&mut self, caller: Caller, permission: u32) -> (u64, bool) {
        (caller.client().into(), caller.has_permission(permission))
    }

    fn wait(&mut self, promise: Promise<u64>) {
        self.waiting = Some(promise);
    }

    fn write(&mut self, text: &str) -> u32 {
        self.text.push_str(text);
        u32::try_from(self.text.len()).expect("it is small")
    }
}

/// A folder and the server.
pub(super) struct FolderInServer<'a> {
    root: &'a mut Server,
    folder: &'a mut OpenFolder,
}

impl InRoot<Server> for OpenFolder {
    type View<'a> = FolderInServer<'a>;

    fn view<'a>(&'a mut self, root: &'a mut Server) -> FolderInServer<'a> {
        let folder = self;
        FolderInServer { root, folder }
    }
}

impl Folder for FolderInServer<'_> {
    fn open(&mut self, caller: Caller, name: &str) -> Result<Granted<FileInterface>, FilesError> {
        Files::open(self.root, caller, name)
    }

    fn keep(&mut self, memory: Granted<object::Frame>) -> u64 {
        self.folder.kept.push(memory);
        self.folder.kept.len() as u64
    }

    fn remove(&mut self, caller: Caller) -> bool {
        let id = caller.session().expect("it is called in a session");
        let was_open = self.root.sessions.close(id);
        was_open && !self.root.sessions.close(id)
    }
}
