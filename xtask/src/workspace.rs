//! Where things are in the tree.

use std::path::{Path, PathBuf};

/// The target of everything that runs in the emulator.
pub const TARGET: &str = "aarch64-unknown-none-softfloat";

/// The root of the tree.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
