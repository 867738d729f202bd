//! Pages that one process or tool writes and another reads: start-up blocks, manifests, and the
//! headers of boot packages.

use super::input::Input;
use super::{Bug, plant};
use ipc_abi::boot::PACKAGE_HEADER_WORDS;
use ipc_abi::manifest::Processes;
use ipc_abi::startup::{STARTUP_BYTES, Startup};
use pecan_core::package::{check_header, read_header};

/// The first byte says which page it is.
pub(super) fn run(bytes: &[u8], bug: Bug) {
    let mut input = Input::new(bytes);
    match input.byte() % 3 {
        0 => read_startup(input.rest(), bug),
        1 => read_manifest(input.rest()),
        _ => read_package(input),
    }
}

/// What can be read can be written, and reads the same.
fn read_startup(bytes: &[u8], bug: Bug) {
    let page = bytes.get(..STARTUP_BYTES).unwrap_or(bytes);
    let Ok(startup) = Startup::read(page) else {
        return;
    };
    plant(bug, startup.incarnation > 1_000);
    let mut written = [0; STARTUP_BYTES];
    startup.write(&mut written).expect("it came from a page");
    let again = Startup::read(&written).expect("it was just written");
    assert_eq!(again, startup);
}

/// A manifest stands behind a page; no more processes come than it says.
fn read_manifest(bytes: &[u8]) {
    let mut package = vec![0; 4096];
    package.extend(bytes);
    if let Ok(processes) = Processes::read(&package) {
        let count = Processes::count(&processes) as usize;
        let read = processes.filter(Result::is_ok).count();
        assert!(read <= count, "{read} processes of {count}");
    }
}

/// A header that is accepted has its segments in the package.
fn read_package(mut input: Input<'_>) {
    let frames = u64::from(input.byte());
    let mut words = [0; PACKAGE_HEADER_WORDS];
    for word in &mut words {
        *word = input.word();
    }
    let header = read_header(&words);
    if check_header(&header, frames).is_ok() {
        let length = u128::from(frames) << 12;
        let count = usize::try_from(header.segment_count).expect("a small number");
        for segment in header.segments.iter().take(count) {
            let end = u128::from(segment.offset) + u128::from(segment.file_bytes);
            assert!(end <= length, "a segment ends in the package");
        }
    }
}
