//! Speaking with the emulator: stopping it, going on, and looking at the guest's memory from outside.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// What the emulator writes when it takes a command.
const PROMPT: &str = "(qemu) ";
/// How long it may take for one.
const BOUND: Duration = Duration::from_secs(60);
/// The most bytes that are read at once.
const READ_BYTES: usize = 4096;

/// The emulator's monitor.
#[derive(Debug)]
pub struct Monitor {
    stream: UnixStream,
}

impl Monitor {
    /// Connects to the socket of an emulator that runs.
    ///
    /// # Errors
    /// If nobody answers there.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket)
            .with_context(|| format!("no monitor at {}", socket.display()))?;
        stream.set_read_timeout(Some(BOUND))?;
        let mut monitor = Self { stream };
        monitor.hear()?;
        Ok(monitor)
    }

    /// Stops the machine, time included.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub fn stop(&mut self) -> Result<()> {
        self.command("stop").map(drop)
    }

    /// Lets the machine go on.
    ///
    /// # Errors
    /// If the emulator does not answer.
    pub fn go_on(&mut self) -> Result<()> {
        self.command("cont").map(drop)
    }

    /// Reads the guest's physical memory, through a file that is gone afterwards.
    ///
    /// # Errors
    /// If the emulator cannot write the file.
    pub fn read_memory(&mut self, start: u64, bytes: u64, file: &Path) -> Result<Vec<u8>> {
        let name = file.to_str().context("a file with a plain name")?;
        let answer = self.command(&format!("pmemsave {start:#x} {bytes:#x} \"{name}\""))?;
        let memory =
            std::fs::read(file).with_context(|| format!("no memory was saved: {answer}"))?;
        std::fs::remove_file(file)?;
        ensure!(
            u64::try_from(memory.len()) == Ok(bytes),
            "{} bytes of memory were saved: {answer}",
            memory.len()
        );
        Ok(memory)
    }

    fn command(&mut self, line: &str) -> Result<String> {
        self.stream.write_all(format!("{line}\n").as_bytes())?;
        self.hear()
    }

    /// Reads to the next prompt.
    fn hear(&mut self) -> Result<String> {
        let mut heard = Vec::new();
        let mut buffer = [0; READ_BYTES];
        loop {
            let count = self.stream.read(&mut buffer);
            let count = count.context("the emulator's monitor does not answer")?;
            ensure!(count > 0, "the emulator ended");
            heard.extend_from_slice(buffer.get(..count).unwrap_or_default());
            if heard.ends_with(PROMPT.as_bytes()) {
                return Ok(String::from_utf8_lossy(&heard).into_owned());
            }
        }
    }
}
