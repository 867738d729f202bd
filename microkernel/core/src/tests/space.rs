use super::*;
use crate::memory::Fields;
use crate::object::{Number, Thread, machine, state, thread};
use ipc_abi::capability::Access;

const READ: u64 = Access::READ.into_raw();
const BASE: u64 = 0x40_0000_0000;

#[test]
fn donate_refuses_bad_arguments() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    let frame = fixture.free_frame();
    refuse_bad_handles(&fixture, space, |k, space| {
        k.space_donate(space, MEMORY, frame)
    });
    refuse_bad_handles(&fixture, MEMORY, |k, region| {
        k.space_donate(space, region, frame)
    });
    fixture.refuse(Error::OutOfRange, |k| k.space_donate(space, MEMORY, 0));
    fixture.refuse(Error::OutOfRange, |k| {
        k.space_donate(space, MEMORY, u64::MAX)
    });
    fixture.refuse(Error::NotFree, |k| {
        let first = k.region_inspect(MEMORY).expect("inspected") & ((1 << 34) - 1);
        k.space_donate(space, MEMORY, first)
    });
    let (_, child) = fixture.split(2);
    fixture.refuse(Error::NotWhole, |k| {
        k.space_donate(space, MEMORY, child + 1)
    });
}

#[test]
fn withdraw_takes_what_is_not_used_and_no_more() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    refuse_bad_handles(&fixture, space, |k, space| k.space_withdraw(space));
    fixture.refuse(Error::NeedMemory, |k| k.space_withdraw(space));
    fixture.donate(space, 5);
    let (frame, _) = fixture.create_frame();
    for page in 0..2 {
        let address = BASE + page * 0x1000;
        assert_eq!(fixture.call(|k| k.map(space, frame, address, READ)), Ok(0));
    }
    let free = fixture
        .call(|k| k.space_withdraw(space))
        .expect("one of five");
    assert!(fixture.is_free(free));
    fixture.refuse(Error::NeedMemory, |k| k.space_withdraw(space));
    for page in 0..2 {
        let address = BASE + page * 0x1000;
        assert_eq!(fixture.call(|k| k.unmap(space, address)), Ok(0));
    }
    for _ in 0..4 {
        let free = fixture
            .call(|k| k.space_withdraw(space))
            .expect("all come back");
        assert!(fixture.is_free(free));
    }
    fixture.refuse(Error::NeedMemory, |k| k.space_withdraw(space));
}

#[test]
fn frames_of_records_go_back_in_any_order() {
    let fixture = Fixture::new();
    let (space, number) = fixture.create_space();
    fixture.donate(space, 8);
    let (frame, _) = fixture.create_frame();
    let address = |page: u64| BASE + page * 0x1000;
    for page in 0..200 {
        let mapped = fixture.call(|k| k.map(space, frame, address(page), READ));
        assert_eq!(mapped, Ok(0));
    }
    for page in (0..200).map(|page| page * 67 % 200) {
        assert_eq!(fixture.call(|k| k.unmap(space, address(page))), Ok(0));
    }
    let kernel = fixture.kernel();
    let space: Number<crate::object::Space> = Number::from_raw(number);
    let pool = kernel.memory.get(space, crate::object::space::POOL_COUNT);
    assert_eq!(pool, 8);
}

#[test]
fn a_dead_space_gives_everything_back() {
    let fixture = Fixture::new();
    let before = fixture
        .host
        .memory
        .frames()
        .filter(|f| fixture.is_free(f.0))
        .count();
    let (space, _) = fixture.create_space();
    let (frame, number) = fixture.create_frame();
    let (other, _) = fixture.create_frame();
    fixture.donate(space, 12);
    fixture.donate(SPACE, 4);
    let elsewhere = 0x41_0000_0000;
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    assert_eq!(
        fixture.call(|k| k.map(SPACE, frame, elsewhere, READ)),
        Ok(0)
    );
    for page in 1..70 {
        let address = BASE + page * 0x3000;
        assert_eq!(fixture.call(|k| k.map(space, frame, address, READ)), Ok(0));
    }
    assert_eq!(
        fixture.call(|k| k.map(space, other, BASE + 0x1000, READ)),
        Ok(0)
    );
    assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    fixture.refuse(Error::Stale, |k| k.unmap(space, BASE));
    while fixture
        .kernel()
        .memory
        .get(fixture.kernel().core(), crate::object::core_state::DRAIN)
        != 0
    {
        fixture
            .call(|k| k.region_inspect(MEMORY))
            .expect("the memory is inspected");
    }
    assert_eq!(fixture.call(|k| k.unmap(SPACE, elsewhere)), Ok(0));
    assert!(!fixture.kernel().is_mapped(Frame(number)));
    for handle in [frame, other] {
        assert_eq!(fixture.call(|k| k.destroy(handle)), Ok(0));
    }
    let after = fixture
        .host
        .memory
        .frames()
        .filter(|f| fixture.is_free(f.0))
        .count();
    assert_eq!(after + 4, before, "what the first space got stays");
}

#[test]
fn a_frame_of_a_dying_space_can_be_reclaimed_meanwhile() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    fixture.donate(space, 8);
    let frames: std::vec::Vec<_> = (0..20).map(|_| fixture.create_frame()).collect();
    for (page, &(frame, _)) in (0..).zip(&frames) {
        for row in 0..2 {
            let address = BASE + page * 0x1000 + row * 0x10_0000;
            assert_eq!(fixture.call(|k| k.map(space, frame, address, READ)), Ok(0));
        }
    }
    assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    for &(_, number) in &frames {
        fixture.reclaim(number);
    }
}

#[test]
fn threads_of_a_dead_space_stop_with_nothing_mapped() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    let (thread, number) = fixture.create_thread(TABLE, space);
    assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    let kernel = fixture.kernel();
    let target: Number<Thread> = Number::from_raw(number);
    assert_eq!(kernel.memory.get(target, thread::STATE), state::STOPPED);
    let null = kernel.memory.get(kernel.machine(), machine::NULL_ROOT);
    assert_eq!(kernel.memory.get(target, thread::ROOT), null);
    fixture.refuse(Error::NotMapped, |k| k.thread_peek(thread, 0x20_0000));
    assert_eq!(fixture.call(|k| k.destroy(thread)), Ok(0));
}

#[test]
fn a_frame_given_to_a_space_reclaims_the_space() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    let frame = fixture.free_frame();
    fixture.donate(space, 3);
    fixture.reclaim(frame);
    fixture.refuse(Error::Stale, |k| k.unmap(space, BASE));
    let own = fixture.free_frame();
    fixture.donate(SPACE, 1);
    fixture.refuse(Error::Itself, |k| k.reclaim(MEMORY, own));
}

#[test]
fn a_space_that_goes_leaves_the_first_mapping_of_a_frame_elsewhere() {
    let fixture = Fixture::new();
    let spaces = [(); 2].map(|()| fixture.create_space().0);
    let (frame, _) = fixture.create_frame();
    for space in spaces {
        fixture.donate(space, 5);
        assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    }
    let [first, second] = spaces;
    assert_eq!(fixture.call(|k| k.destroy(second)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
    fixture.refuse(Error::InUse, |k| k.frame_set_mode(frame, 1));
    assert_eq!(fixture.call(|k| k.unmap(first, BASE)), Ok(0));
    assert_eq!(fixture.call(|k| k.frame_set_mode(frame, 1)), Ok(0));
}

#[test]
fn a_frame_that_goes_leaves_a_space_that_is_going() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    fixture.donate(space, 5);
    let (frame, number) = fixture.create_frame();
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    fixture.host.memory.quiet_runs.set(0);
    assert_eq!(fixture.kernel().destroy(space), Ok(0));
    assert_eq!(fixture.kernel().destroy(frame), Ok(0));
    fixture.host.memory.quiet_runs.set(u64::MAX);
    fixture.host.drain_all();
    fixture.check();
    assert!(fixture.is_free(number));
}

#[test]
fn a_frame_that_is_mapped_twice_goes_with_its_second_mapping() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    let (frame, number) = fixture.create_frame();
    fixture.donate(space, 4);
    for address in [BASE, BASE + 0x1000] {
        assert_eq!(fixture.call(|k| k.map(space, frame, address, READ)), Ok(0));
    }
    assert_eq!(fixture.call(|k| k.reclaim(MEMORY, number)), Ok(0));
}

#[test]
fn a_frame_of_a_space_that_lost_its_root_can_be_reclaimed_meanwhile() {
    let fixture = Fixture::new();
    let (space, _) = fixture.create_space();
    let (frame, number) = fixture.create_frame();
    fixture.donate(space, 2);
    assert_eq!(fixture.call(|k| k.map(space, frame, BASE, READ)), Ok(0));
    // The steps of these two calls do not come as far as the entry that leads to the frame.
    assert_eq!(fixture.call(|k| k.destroy(space)), Ok(0));
    assert_eq!(fixture.call(|k| k.reclaim(MEMORY, number)), Ok(0));
    fixture.host.drain_all();
    fixture.check();
}

#[test]
fn address_in_a_descriptor_is_that_of_any_object() {
    let last = Number::<Thread>::from_raw(u64::MAX).into_raw() << 6 & !0xFFF;
    assert_eq!(last & crate::space::DESCRIPTOR_ADDRESS, last);
}
