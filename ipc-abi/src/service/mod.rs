//! The interfaces of the services, one file each.

pub mod bench;
pub mod bench_partner;
pub mod command;
pub mod console;
pub mod stream;
pub mod supervisor;

use crate::interface::{Interface, MethodInfo, Schema};
use crate::manifest::PERMISSIONS_MAX;

/// A service and its interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name of its module here, and of its page in the book.
    pub name: &'static str,
    /// The name of its interface.
    pub interface: &'static str,
    /// What it is.
    pub docs: &'static str,
    /// What tells it from others.
    pub schema: Schema,
    /// Its methods.
    pub methods: &'static [MethodInfo],
}

impl Service {
    const fn of<I: Interface>(name: &'static str) -> Service {
        Service {
            name,
            interface: I::NAME,
            docs: I::DOCS,
            schema: I::SCHEMA,
            methods: I::METHODS,
        }
    }
}

/// Every service: each has a page in the book.
pub const SERVICES: &[Service] = &[
    Service::of::<bench::BenchInterface>("bench"),
    Service::of::<bench_partner::PartnerInterface>("bench_partner"),
    Service::of::<command::CommandInterface>("command"),
    Service::of::<console::ConsoleInterface>("console"),
    Service::of::<stream::StreamInterface>("stream"),
    Service::of::<supervisor::SupervisorInterface>("supervisor"),
    // `./x new-server` adds a line above this one.
];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_listed() {
        let source = include_str!("mod.rs");
        let modules = source
            .lines()
            .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
        for module in modules.clone() {
            assert!(SERVICES.iter().any(|it| it.name == module), "{module}");
        }
        assert_eq!(modules.count(), SERVICES.len());
    }
}
