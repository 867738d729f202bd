//! What a process was given, by name.

use core::fmt;

use ipc_abi::capability::Kind;
use ipc_abi::interface::client::check_schema;
use ipc_abi::interface::{ConnectError, Interface};
use ipc_abi::manifest::{DEVICES_MAX, Name};
use ipc_abi::startup::{SessionGrant, SlotRange, Startup};

use crate::device::Device;
use crate::gate::{Endpoint, Gate, Notification};
use crate::slots::{Slots, Use};

/// What a process was given. There is one, and `main` gets it.
#[derive(Debug)]
pub struct Environment {
    startup: &'static Startup,
    slots: &'static Slots,
    taken_sessions: bool,
    taken_devices: [bool; DEVICES_MAX],
}

/// Why the process does not have what it asks for. Mend `system.toml`, or the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentError {
    /// It was given nothing of this name.
    Missing(Name),
    /// What has this name is of another kind.
    WrongKind {
        /// The name.
        name: Name,
        /// The kind that was asked for.
        wanted: Kind,
        /// The kind that it is.
        found: Kind,
    },
    /// It was given no device of this name.
    NoDevice(Name),
    /// The device was taken before.
    DeviceTaken(Name),
    /// It has no endpoint: it is no server.
    NoEndpoint,
    /// It has no notification: it has no devices and asked for no signals.
    NoNotification,
    /// All slots that it may fill are taken.
    NoSlots,
    /// `system.toml` gives it no sessions, or they were taken before.
    NoSessions,
}

impl fmt::Display for EnvironmentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvironmentError::Missing(name) => write!(formatter, "nothing is called `{name}`"),
            EnvironmentError::WrongKind {
                name,
                wanted,
                found,
            } => {
                let (wanted, found) = (wanted.name(), found.name());
                write!(formatter, "`{name}` is a {found}, not a {wanted}")
            }
            EnvironmentError::NoDevice(name) => write!(formatter, "no device is called `{name}`"),
            EnvironmentError::DeviceTaken(name) => {
                write!(formatter, "the device `{name}` was taken before")
            }
            EnvironmentError::NoEndpoint => formatter.write_str("it has no endpoint"),
            EnvironmentError::NoNotification => formatter.write_str("it has no notification"),
            EnvironmentError::NoSlots => formatter.write_str("all its slots are taken"),
            EnvironmentError::NoSessions => formatter.write_str("it has no sessions"),
        }
    }
}

/// Why there is no client of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceError {
    /// The process was not given the way to it.
    Environment(EnvironmentError),
    /// The service of this name does not answer, or speaks something else.
    Connect(Name, ConnectError),
}

impl From<EnvironmentError> for ServiceError {
    fn from(error: EnvironmentError) -> ServiceError {
        ServiceError::Environment(error)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceError::Environment(error) => error.fmt(formatter),
            ServiceError::Connect(name, error) => write!(formatter, "`{name}`: {error}"),
        }
    }
}

impl Environment {
    /// What a process was given, whose empty slots are `slots`.
    pub(crate) fn new(startup: &'static Startup, slots: &'static Slots) -> Environment {
        slots.offer(startup.slots);
        Environment {
            startup,
            slots,
            taken_sessions: false,
            taken_devices: [false; DEVICES_MAX],
        }
    }

    /// The process's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.startup.name
    }

    /// How often the process was started before.
    #[must_use]
    pub const fn incarnation(&self) -> u32 {
        self.startup.incarnation
    }

    /// The process's own capability table.
    #[must_use]
    pub const fn table(&self) -> u32 {
        self.startup.table
    }

    /// All that the process was given.
    #[must_use]
    pub const fn startup(&self) -> &'static Startup {
        self.startup
    }

    /// The capability called `name`, which must be of this kind.
    ///
    /// # Errors
    ///
    /// `Missing`, `WrongKind`.
    pub fn handle(&self, name: &str, kind: Kind) -> Result<u32, EnvironmentError> {
        let named = self
            .startup
            .handles
            .iter()
            .find(|handle| handle.name == name);
        let named = named.ok_or_else(|| EnvironmentError::Missing(clip(name)))?;
        if named.kind == kind {
            return Ok(named.handle);
        }
        let name = named.name.clone();
        Err(EnvironmentError::WrongKind {
            name,
            wanted: kind,
            found: named.kind,
        })
    }

    /// The way in to the service called `name`.
    ///
    /// # Errors
    ///
    /// `Missing`, `WrongKind`.
    pub fn gate(&self, name: &str) -> Result<Gate, EnvironmentError> {
        self.handle(name, Kind::Gate).map(Gate::new)
    }

    /// A client of the service called `name`, which must speak the interface `I`: it is asked.
    ///
    /// # Errors
    ///
    /// What the process was not given, or why the service does not fit.
    pub fn connect<I: Interface>(&self, name: &str) -> Result<I::Client<Gate>, ServiceError> {
        let mut gate = self.gate(name)?;
        check_schema::<I, Gate>(&mut gate)
            .map_err(|error| ServiceError::Connect(clip(name), error))?;
        Ok(I::client(gate))
    }

    /// Where the process serves.
    ///
    /// # Errors
    ///
    /// `NoEndpoint`.
    pub fn endpoint(&self) -> Result<Endpoint, EnvironmentError> {
        self.startup
            .endpoint
            .map(Endpoint::new)
            .ok_or(EnvironmentError::NoEndpoint)
    }

    /// Where the process's signals arrive.
    ///
    /// # Errors
    ///
    /// `NoNotification`.
    pub fn notification(&self) -> Result<Notification, EnvironmentError> {
        let handle = self.startup.notification;
        handle
            .map(Notification::new)
            .ok_or(EnvironmentError::NoNotification)
    }

    /// Takes the device called `name`. Each can be taken once: its registers have one user.
    ///
    /// # Errors
    ///
    /// `NoDevice`, `DeviceTaken`.
    pub fn device(&mut self, name: &str) -> Result<Device, EnvironmentError> {
        let mut devices = self.startup.devices.iter().zip(&mut self.taken_devices);
        let found = devices.find(|(device, _)| device.name == name);
        let (grant, is_taken) = found.ok_or_else(|| EnvironmentError::NoDevice(clip(name)))?;
        if *is_taken {
            return Err(EnvironmentError::DeviceTaken(grant.name.clone()));
        }
        *is_taken = true;
        Ok(Device::new(grant))
    }

    /// Takes what sessions are made of: there is one set of sessions.
    ///
    /// # Errors
    ///
    /// `NoSessions`.
    pub(crate) fn take_sessions(&mut self) -> Result<SessionGrant, EnvironmentError> {
        if core::mem::replace(&mut self.taken_sessions, true) {
            return Err(EnvironmentError::NoSessions);
        }
        self.startup.sessions.ok_or(EnvironmentError::NoSessions)
    }

    /// Takes `count` empty slots of the process's table, one after the other.
    ///
    /// # Errors
    ///
    /// `NoSlots`.
    pub fn take_slots(&mut self, count: u32) -> Result<SlotRange, EnvironmentError> {
        let first = self.slots.take(count, Use::Taken);
        let first = first.ok_or(EnvironmentError::NoSlots)?;
        Ok(SlotRange { first, count })
    }
}

/// As much of a name as names can have.
pub(crate) fn clip(text: &str) -> Name {
    let mut name = Name::new();
    for character in text.chars() {
        if name.push(character).is_err() {
            break;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_abi::startup::{DeviceGrant, NamedHandle};

    fn environment() -> Environment {
        let gate = NamedHandle {
            name: clip("console"),
            kind: Kind::Gate,
            handle: 7,
        };
        let device = DeviceGrant {
            name: clip("uart0"),
            address: 4096,
            bytes: 4096,
            irqs: heapless::Vec::new(),
        };
        let startup = Startup {
            name: clip("shell"),
            slots: SlotRange {
                first: 32,
                count: 4,
            },
            handles: core::iter::once(gate).collect(),
            devices: core::iter::once(device).collect(),
            ..Startup::default()
        };
        let slots = std::boxed::Box::leak(Slots::new().into());
        Environment::new(std::boxed::Box::leak(startup.into()), slots)
    }

    #[test]
    fn handle_is_found_by_name_and_kind() {
        let environment = environment();
        assert_eq!(environment.gate("console"), Ok(Gate::new(7)));
        let missing = EnvironmentError::Missing(clip("konsole"));
        assert_eq!(environment.gate("konsole"), Err(missing));
        let wrong = environment.handle("console", Kind::Region);
        let error = wrong.expect_err("it is a gate");
        assert_eq!(std::format!("{error}"), "`console` is a Gate, not a Region");
        assert_eq!(environment.endpoint(), Err(EnvironmentError::NoEndpoint));
        assert_eq!(
            environment.notification(),
            Err(EnvironmentError::NoNotification)
        );
    }

    #[test]
    fn service_that_does_not_fit_is_told_by_its_name() {
        use ipc_abi::interface::CallError;
        let error = ConnectError::Call(CallError::Refused(ipc_abi::error::Error::Died));
        let error = ServiceError::Connect(clip("files"), error);
        let text = "`files`: the service does not tell its schema: Died";
        assert_eq!(std::format!("{error}"), text);
        let missing = environment().gate("files").expect_err("it is not there");
        let text = "nothing is called `files`";
        assert_eq!(std::format!("{}", ServiceError::from(missing)), text);
    }

    #[test]
    fn long_name_is_clipped_in_the_error() {
        let error = environment()
            .gate("a-name-that-is-longer-than-names-are")
            .map(drop);
        assert_eq!(
            error,
            Err(EnvironmentError::Missing(clip(
                "a-name-that-is-longer-than"
            )))
        );
    }

    #[test]
    fn device_is_taken_once() {
        let mut environment = environment();
        assert!(environment.device("uart0").is_ok());
        let taken = EnvironmentError::DeviceTaken(clip("uart0"));
        assert_eq!(environment.device("uart0").map(drop), Err(taken));
        let missing = EnvironmentError::NoDevice(clip("uart1"));
        assert_eq!(environment.device("uart1").map(drop), Err(missing));
    }

    #[test]
    fn slots_are_taken_up_to_the_last() {
        let mut environment = environment();
        assert_eq!(
            environment.take_slots(3),
            Ok(SlotRange {
                first: 32,
                count: 3
            })
        );
        assert_eq!(environment.take_slots(2), Err(EnvironmentError::NoSlots));
        assert_eq!(
            environment.take_slots(1),
            Ok(SlotRange {
                first: 35,
                count: 1
            })
        );
        assert_eq!(environment.take_slots(1), Err(EnvironmentError::NoSlots));
    }
}
