//! The interfaces of the services, one file each.

pub mod bench;
pub mod bench_partner;
pub mod command;
pub mod console;
pub mod supervisor;

/// The names of the permissions that the service `name` knows beyond "may call", by number;
/// `system.toml` grants them by name.
#[must_use]
pub fn permissions(name: &str) -> &'static [&'static str] {
    match name {
        "supervisor" => supervisor::PERMISSIONS,
        _ => &[],
    }
}
