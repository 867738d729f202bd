//! The ways between processes: where each is called, what each hears of without asking, and the rings.
//!
//! All of it is made once and outlives the lives at both ends, so a new life of one end meets the other where the
//! last one did. It ends with a process that is dead for good; the memory of rings does not, because the other
//! end may still look at it.

use alloc::vec::Vec;

use ipc_abi::boot::PAGE_BYTES;
use ipc_abi::manifest::Name;
use ipc_abi::ring::Slots;
use ipc_abi::signal;
use ipc_abi::startup::RingSide;

use crate::kernel::{Handle, Kernel, Object};
use crate::process::{OWN_NUMBER, Process, process_number};
use crate::store::{Holdings, MakeError, Store};

/// The ways between processes.
#[derive(Debug, Default)]
pub struct Links {
    endpoints: Vec<Option<Handle>>,
    notifications: Vec<Option<Handle>>,
    bells: Vec<Option<Handle>>,
    deaths: Vec<Death>,
    rings: Vec<Ring>,
}

/// How a server hears that a client died.
#[derive(Clone, Copy, Debug)]
struct Death {
    client: u8,
    gate: Handle,
}

/// A ring between a client and a server.
#[derive(Clone, Debug)]
pub struct Ring {
    /// The client's number.
    pub client: u8,
    /// The server's number.
    pub server: u8,
    /// Their names, in this order.
    names: [Name; 2],
    /// How many slots its queues have.
    pub slots: Slots,
    /// Its memory.
    pub frames: Vec<Handle>,
    /// The gate by which the server rings the client.
    to_client: Handle,
    /// The gate by which the client rings the server.
    to_server: Handle,
    /// The gate by which the client hears that the server died.
    died: Handle,
}

impl Ring {
    /// Which side of it the process has, if any.
    #[must_use]
    pub fn side(&self, number: u8) -> Option<RingSide> {
        if number == self.client {
            Some(RingSide::Client)
        } else if number == self.server {
            Some(RingSide::Server)
        } else {
            None
        }
    }

    /// Who is at the other side.
    #[must_use]
    pub const fn peer(&self, side: RingSide) -> u8 {
        match side {
            RingSide::Client => self.server,
            RingSide::Server => self.client,
        }
    }

    /// Its name, and the gate that signals it.
    #[must_use]
    pub fn bell(&self, side: RingSide) -> (Name, Handle) {
        let [client, server] = &self.names;
        match side {
            RingSide::Client => (server.clone(), self.to_server),
            RingSide::Server => (client.clone(), self.to_client),
        }
    }
}

impl Links {
    /// Makes all ways. What belongs to a process is in its estate; the memory of rings is in `own`, with the
    /// endpoint of the supervisor itself, which is `endpoint`.
    ///
    /// # Errors
    ///
    /// `NoMemory`, `Refused`.
    pub fn make<K: Kernel>(
        store: &mut Store<K>,
        processes: &mut [Process],
        own: &mut Holdings,
        endpoint: Handle,
    ) -> Result<Links, MakeError> {
        let mut links = Links::default();
        for number in 0..processes.len() {
            links.make_ends(store, processes, number, endpoint)?;
        }
        for client in 0..processes.len() {
            links.make_ways(store, processes, own, client)?;
        }
        Ok(links)
    }

    /// Makes where a process is called and where its signals arrive.
    fn make_ends<K: Kernel>(
        &mut self,
        store: &mut Store<K>,
        processes: &mut [Process],
        number: usize,
        own_endpoint: Handle,
    ) -> Result<(), MakeError> {
        let (hears, rings) = (hears(processes, number), has_client_ring(processes, number));
        let (mut endpoint, mut notification, mut bell) = (Some(own_endpoint), None, None);
        if number != OWN_NUMBER
            && let Some(process) = processes.get_mut(number)
        {
            let estate = &mut process.estate;
            let serves = process.description.serves;
            endpoint = make_if(store, estate, serves, Object::Endpoint)?;
            notification = make_if(store, estate, hears, Object::Notification)?;
            bell = make_if(store, estate, rings, Object::Notification)?;
        }
        self.endpoints.push(endpoint);
        self.notifications.push(notification);
        self.bells.push(bell);
        Ok(())
    }

    /// Makes what goes to those whom `client` may call.
    fn make_ways<K: Kernel>(
        &mut self,
        store: &mut Store<K>,
        processes: &mut [Process],
        own: &mut Holdings,
        client: usize,
    ) -> Result<(), MakeError> {
        let calls = processes
            .get(client)
            .map(|process| process.description.calls.clone());
        for call in calls.into_iter().flatten() {
            let server = usize::from(call.process);
            let Some(target) = self.notification(server) else {
                continue;
            };
            let client = process_number(client);
            let Some(process) = processes.get_mut(server) else {
                continue;
            };
            let badge = signal::client_died(client);
            let gate = store.make(&mut process.estate, Object::Gate { target, badge })?;
            self.deaths.push(Death { client, gate });
            if let Some(slots) = Slots::new(u32::from(call.ring_slots)) {
                let names = [name(processes, client), call.service.clone()];
                let ring = self.make_ring(store, own, ((client, call.process), names), slots)?;
                self.rings.extend(ring);
            }
        }
        Ok(())
    }

    fn make_ring<K: Kernel>(
        &self,
        store: &mut Store<K>,
        own: &mut Holdings,
        ((client, server), names): ((u8, u8), [Name; 2]),
        slots: Slots,
    ) -> Result<Option<Ring>, MakeError> {
        let ends = (
            self.bell(usize::from(client)),
            self.notification(usize::from(server)),
        );
        let (Some(to_client), Some(to_server)) = ends else {
            return Ok(None);
        };
        let mut frames = Vec::new();
        for _ in 0..ring_pages(slots) {
            frames.push(store.make(own, Object::Frame)?);
        }
        let mut gate = |target, badge| store.make(own, Object::Gate { target, badge });
        Ok(Some(Ring {
            client,
            server,
            names,
            slots,
            frames,
            to_client: gate(to_client, signal::RING)?,
            to_server: gate(to_server, signal::RING)?,
            died: gate(to_client, signal::RING_DIED)?,
        }))
    }

    /// Where a process is called; `None` if it does not serve, or is dead for good.
    #[must_use]
    pub fn endpoint(&self, number: usize) -> Option<Handle> {
        self.endpoints.get(number).copied().flatten()
    }

    /// Where the signals of a process arrive.
    #[must_use]
    pub fn notification(&self, number: usize) -> Option<Handle> {
        self.notifications.get(number).copied().flatten()
    }

    /// Where a process waits as the client of rings.
    #[must_use]
    pub fn bell(&self, number: usize) -> Option<Handle> {
        self.bells.get(number).copied().flatten()
    }

    /// The rings that a process has a side of, but for those with somebody who is dead for good.
    pub fn rings(&self, number: u8) -> impl Iterator<Item = (&Ring, RingSide)> {
        let sides = move |ring: &Ring| ring.side(number);
        let rings = self.rings.iter();
        let rings = rings.filter_map(move |ring| sides(ring).map(|side| (ring, side)));
        rings.filter(|(ring, side)| {
            let peer = usize::from(ring.peer(*side));
            match side {
                RingSide::Client => self.notification(peer).is_some(),
                RingSide::Server => self.bell(peer).is_some(),
            }
        })
    }

    /// Tells that a process died: those whom it could call, and those who had a ring with it.
    pub fn tell_death<K: Kernel>(&self, kernel: &mut K, number: u8) {
        let clients = self.deaths.iter().filter(|death| death.client == number);
        let rings = self.rings.iter().filter(|ring| ring.server == number);
        let gates = clients
            .map(|death| death.gate)
            .chain(rings.map(|ring| ring.died));
        for gate in gates {
            // Refused if who should hear is dead for good.
            let _ = kernel.signal(gate);
        }
    }

    /// The process is dead for good, and its estate is taken back.
    pub fn forget(&mut self, number: usize) {
        for ends in [
            &mut self.endpoints,
            &mut self.notifications,
            &mut self.bells,
        ] {
            if let Some(end) = ends.get_mut(number) {
                *end = None;
            }
        }
    }
}

/// Whether a process is the client of a ring.
fn has_client_ring(processes: &[Process], number: usize) -> bool {
    let process = processes.get(number);
    process.is_some_and(|process| {
        let mut calls = process.description.calls.iter();
        calls.any(|call| call.ring_slots > 0)
    })
}

/// Whether signals can come to a process: from devices, from those who may call it.
fn hears(processes: &[Process], number: usize) -> bool {
    let own = processes.get(number).map(|process| &process.description);
    let own = own.is_some_and(|own| !own.devices.is_empty());
    let mut calls = processes
        .iter()
        .flat_map(|process| &process.description.calls);
    own || calls.any(|call| usize::from(call.process) == number)
}

fn name(processes: &[Process], number: u8) -> Name {
    let process = processes.get(usize::from(number));
    process
        .map(|process| process.description.name.clone())
        .unwrap_or_default()
}

/// How many pages the memory of a ring has.
const fn ring_pages(slots: Slots) -> u64 {
    (slots.words() as u64 * 8).div_ceil(PAGE_BYTES)
}

fn make_if<K: Kernel>(
    store: &mut Store<K>,
    estate: &mut Holdings,
    is_wanted: bool,
    object: Object,
) -> Result<Option<Handle>, MakeError> {
    is_wanted.then(|| store.make(estate, object)).transpose()
}

#[cfg(test)]
impl Links {
    /// The gates by which servers hear of a client's death.
    pub(crate) fn deaths_of(&self, client: u8) -> Vec<Handle> {
        let deaths = self.deaths.iter().filter(|death| death.client == client);
        deaths.map(|death| death.gate).collect()
    }
}
