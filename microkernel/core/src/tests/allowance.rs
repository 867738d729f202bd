use super::*;
use crate::allowance::MERGE_NUMBERS;
use crate::host::LINES;
use ipc_abi::time::{SHARE_WHOLE, TimeGrant};

fn split(fixture: &Fixture, allowance: u64, count: u64) -> (u64, u64) {
    fixture.create(|k, o, d| k.allowance_split(MEMORY, o, d, allowance, count))
}

#[test]
fn split_refuses_bad_arguments() {
    let fixture = Fixture::new();
    refuse_bad_places(&fixture, 2, |k, region, object, destination| {
        k.allowance_split(region, object, destination, IRQS, 1)
    });
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    refuse_bad_handles(&fixture, ASIDS, |k, handle| {
        k.allowance_split(MEMORY, object, destination, handle, 1)
    });
    let object = fixture.free_place();
    let split = |allowance, count| {
        move |k: Kernel<&HostMemory>| {
            k.allowance_split(MEMORY, object, destination, allowance, count)
        }
    };
    fixture.refuse(Error::BadArgument, split(IRQS, 0));
    fixture.refuse(Error::Exhausted, split(IRQS, LINES - 32));
    fixture.refuse(Error::Exhausted, split(IRQS, u64::MAX));
    fixture.refuse(Error::OutOfRange, split(TIME, 256));
}

#[test]
fn split_refuses_numbers_in_use() {
    let fixture = Fixture::new();
    let last = LINES - 1;
    fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, last));
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    fixture.refuse(Error::Exhausted, |k| {
        k.allowance_split(MEMORY, object, destination, IRQS, 1)
    });
}

#[test]
fn numbers_go_to_the_child_and_come_back() {
    let fixture = Fixture::new();
    let (child, _) = split(&fixture, IRQS, 10);
    let line = LINES - 5;
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    fixture.refuse(Error::OutOfRange, |k| {
        k.create_irq(MEMORY, object, destination, IRQS, line)
    });
    let (irq, _) = fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, child, line));
    fixture.refuse(Error::InUse, |k| k.allowance_merge(IRQS, 1));
    assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
    fixture.refuse(Error::InUse, |k| k.allowance_merge(IRQS, 10));
    assert_eq!(fixture.call(|k| k.allowance_merge(IRQS, 5)), Ok(0));
    assert_eq!(fixture.call(|k| k.destroy(irq)), Ok(0));
    assert_eq!(fixture.call(|k| k.allowance_merge(IRQS, 5)), Ok(0));
    fixture.create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, line));
}

#[test]
fn merge_refuses_bad_arguments() {
    let fixture = Fixture::new();
    refuse_bad_handles(&fixture, IRQS, |k, handle| k.allowance_merge(handle, 1));
    fixture.refuse(Error::BadArgument, |k| k.allowance_merge(TIME, 1));
    fixture.refuse(Error::OutOfRange, |k| k.allowance_merge(ASIDS, 1));
    let (child, _) = split(&fixture, ASIDS, 100);
    fixture.refuse(Error::OutOfRange, |k| k.allowance_merge(ASIDS, 0));
    fixture.refuse(Error::InUse, |k| k.allowance_merge(ASIDS, 1));
    assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
    fixture.refuse(Error::OutOfRange, |k| {
        k.allowance_merge(ASIDS, MERGE_NUMBERS + 1)
    });
    assert_eq!(
        fixture.call(|k| k.allowance_merge(ASIDS, MERGE_NUMBERS)),
        Ok(0)
    );
    assert_eq!(
        fixture.call(|k| k.allowance_merge(ASIDS, 100 - MERGE_NUMBERS)),
        Ok(0)
    );
    fixture.refuse(Error::OutOfRange, |k| k.allowance_merge(ASIDS, 1));
}

#[test]
fn merge_refuses_numbers_of_a_surviving_grandchild() {
    let fixture = Fixture::new();
    let (child, _) = split(&fixture, ASIDS, 20);
    let (grandchild, _) = split(&fixture, child, 5);
    assert_eq!(fixture.call(|k| k.destroy(child)), Ok(0));
    assert_eq!(fixture.call(|k| k.allowance_merge(ASIDS, 15)), Ok(0));
    fixture.refuse(Error::InUse, |k| k.allowance_merge(ASIDS, 1));
    assert_eq!(fixture.call(|k| k.destroy(grandchild)), Ok(0));
    assert_eq!(fixture.call(|k| k.allowance_merge(ASIDS, 5)), Ok(0));
}

#[test]
fn time_of_a_child_is_bounded_by_its_priority() {
    let fixture = Fixture::new();
    let grant = TimeGrant {
        priority: 9,
        unlimited: 7,
        share: 0,
    };
    let (child, _) = split(&fixture, TIME, grant.into_raw());
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    let context = |allowance, priority| {
        move |k: Kernel<&HostMemory>| {
            k.create_context(MEMORY, object, destination, allowance, priority)
        }
    };
    fixture.refuse(Error::OutOfRange, context(child, 8));
    fixture.refuse(Error::OutOfRange, context(TIME, 256));
    fixture.refuse(Error::BadArgument, context(IRQS, 1));
    assert_eq!(fixture.call(context(child, 7)), Ok(0));
}

#[test]
fn child_of_a_child_has_no_higher_priorities_either() {
    let fixture = Fixture::new();
    let grant = |priority, unlimited| {
        let share = 0;
        let grant = TimeGrant {
            priority,
            unlimited,
            share,
        };
        grant.into_raw()
    };
    let (child, _) = split(&fixture, TIME, grant(9, 7));
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    for (priority, unlimited) in [(10, 7), (9, 8), (10, 8), (5, 6)] {
        fixture.refuse(Error::OutOfRange, |k| {
            let count = grant(priority, unlimited);
            k.allowance_split(MEMORY, object, destination, child, count)
        });
    }
    split(&fixture, child, grant(9, 7));
}

#[test]
fn asids_run_out_and_come_back() {
    let fixture = Fixture::new();
    let (child, _) = split(&fixture, ASIDS, 1);
    let make = |root: u64| {
        move |k: Kernel<&HostMemory>, o: u64, d: u64| k.create_space(MEMORY, o, d, child, root)
    };
    let root = fixture.free_frame() + 1;
    let (space, _) = fixture.create(make(root));
    let (destination, _) = fixture.slot();
    let (object, root) = (fixture.free_place(), fixture.free_frame() + 1);
    fixture.refuse(Error::Exhausted, |k| {
        k.create_space(MEMORY, object, destination, child, root)
    });
    assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    fixture.host.drain_all();
    let root = fixture.free_frame() + 1;
    fixture.create(make(root));
}

#[test]
fn time_that_was_given_away_is_not_given_again() {
    let fixture = Fixture::new();
    let grant = |share| TimeGrant {
        priority: 9,
        unlimited: 7,
        share,
    };
    let (child, _) = split(&fixture, TIME, grant(SHARE_WHOLE / 4).into_raw());
    let (destination, _) = fixture.slot();
    let object = fixture.free_place();
    let left = SHARE_WHOLE - SHARE_WHOLE / 4;
    let again = |share| {
        move |k: Kernel<&HostMemory>| {
            k.allowance_split(MEMORY, object, destination, TIME, grant(share).into_raw())
        }
    };
    fixture.refuse(Error::Exhausted, again(left + 1));
    assert_eq!(fixture.call(again(left)), Ok(0));
    fixture.refuse(Error::BadArgument, |k| k.allowance_merge(child, 1));
}

#[test]
fn time_itself_can_end() {
    let fixture = Fixture::new();
    let (_, child) = split(&fixture, TIME, 0);
    assert_eq!(fixture.call(|k| k.destroy(TIME)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    assert!(fixture.is_free(child / UNITS_PER_FRAME));
    assert!(fixture.kernel().current().is_none());
}
