//! What a death does to the ways between processes.

use std::vec::Vec;

use ipc_abi::service::supervisor::Supervisor as Service;
use ipc_abi::startup::RingSide;
use userlib::Events;

use super::tests::{fault, start};
use super::*;
use crate::host::{Deed, HostKernel, boot};
use crate::sample::{LIMIT, default_package};

#[test]
fn servers_hear_of_a_death_before_the_next_life() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    assert_eq!(supervisor.links.deaths_of(2), [], "it calls nobody");
    let [gate] = supervisor.links.deaths_of(1)[..] else {
        panic!("one server hears of the worker");
    };
    for _ in 0..LIMIT {
        supervisor.store.kernel.deeds.clear();
        supervisor.on_fault(fault(1));
        let next = supervisor.processes[1].instance.as_ref().expect("it lives");
        let mut deeds = std::vec![Deed::Signalled(gate), Deed::Started(next.thread)];
        deeds.extend(next.others.iter().map(|thread| Deed::Started(*thread)));
        assert_eq!(supervisor.store.kernel.deeds, deeds);
        supervisor.store.kernel.check();
    }
    supervisor.on_fault(fault(2));
    supervisor.store.kernel.deeds.clear();
    supervisor.on_fault(fault(1));
    assert_eq!(supervisor.store.kernel.deeds, [], "both are dead for good");
}

#[test]
fn both_sides_of_a_ring_hear_of_the_other_and_keep_its_memory() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    let [(ring, RingSide::Client)] = supervisor.links.rings(1).collect::<Vec<_>>()[..] else {
        panic!("the worker has one side of one ring");
    };
    assert_eq!((ring.side(2), ring.side(0)), (Some(RingSide::Server), None));
    let (frames, before) = (ring.frames.clone(), supervisor.memory());
    let address = |supervisor: &mut Supervisor<'_, HostKernel<'_>>| {
        frames
            .iter()
            .map(|frame| supervisor.store.kernel.frame_address(*frame))
            .collect::<Vec<_>>()
    };
    let places = address(&mut supervisor);
    assert_eq!(places.len(), 4, "a ring of 32 has four pages");
    supervisor.on_fault(fault(1));
    assert_eq!(
        (supervisor.memory(), address(&mut supervisor)),
        (before, places.clone())
    );
    supervisor.store.kernel.deeds.clear();
    supervisor.on_fault(fault(2));
    assert!(
        matches!(supervisor.store.kernel.deeds[..], [Deed::Signalled(_)]),
        "the client hears"
    );
    assert_eq!(
        address(&mut supervisor),
        places,
        "the client may still look"
    );
    supervisor.store.kernel.check();
}

#[test]
fn last_death_is_told_as_well() {
    let (machine, package) = (boot(), default_package());
    let mut supervisor = start(&machine, &package);
    for _ in 0..=LIMIT {
        supervisor.store.kernel.deeds.clear();
        supervisor.on_fault(fault(1));
    }
    let deeds = &supervisor.store.kernel.deeds;
    assert!(matches!(deeds[..], [Deed::Signalled(_)]), "{deeds:?}");
}
