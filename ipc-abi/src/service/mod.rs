//! The interfaces of the services, one file each.

pub mod bench;
pub mod bench_partner;
pub mod console;
pub mod supervisor;

use crate::manifest::PERMISSIONS_MAX;

/// The names of the permissions that the service `name` knows beyond "may call", by number;
/// `system.toml` grants them by name.
#[must_use]
pub fn permissions(name: &str) -> &'static [&'static str] {
    match name {
        "supervisor" => supervisor::PERMISSIONS,
        _ => &[],
    }
}

const _: () = assert!(
    supervisor::PERMISSIONS.len() <= PERMISSIONS_MAX as usize,
    "each permission is a bit of a badge"
);
