//! The host side of Pecan: what `./x` does, as a library that the emulator tests share.

pub mod system;
pub mod workspace;
