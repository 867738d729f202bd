use super::*;
use crate::fault::STEP_STATE;
use crate::kernel::Effect;
use crate::object::{Number, Space, Thread, flag, space, thread};
use crate::range::{MAP_RUN_PAGES, PAGES_ONE_BY_ONE, RANGE_PAGES};
use ipc_abi::boot::USER_END;
use ipc_abi::capability::{Access, FrameMode};
use ipc_abi::debug::thread_flag;

const READ: u64 = Access::READ.into_raw();
const READ_WRITE: u64 = Access::READ_WRITE.into_raw();
const READ_EXECUTE: u64 = Access::READ_EXECUTE.into_raw();
const MAP: SystemCall = SystemCall::MapRange;
const UNMAP: SystemCall = SystemCall::UnmapRange;
const PROTECT: SystemCall = SystemCall::ProtectRange;
const BASE: u64 = 0x40_0000_0000;
const PAGE: u64 = 0x1000;

/// A fixture, a space with memory for tables, and frames in handles that follow one another.
struct Bench {
    fixture: Fixture,
    space: u64,
    number: Number<Space>,
    first: u64,
}

impl Bench {
    fn new(frames: u64) -> Bench {
        let fixture = Fixture::new();
        let (space, number) = fixture.create_space();
        fixture.donate(space, 6);
        let handles: std::vec::Vec<u64> = (0..frames).map(|_| fixture.create_frame().0).collect();
        let first = handles.first().copied().unwrap_or(0);
        let number = Number::from_raw(number);
        Bench {
            fixture,
            space,
            number,
            first,
        }
    }

    fn map(&self, address: u64, pages: u64) -> (Option<Error>, u64) {
        let arguments = [self.space, self.first, address, READ_WRITE, pages];
        self.fixture.range_call(MAP, &arguments)
    }

    fn count(&self, address: u64, pages: u64) -> u64 {
        let root = self.fixture.kernel().root_of(self.number);
        (0..pages)
            .filter(|page| {
                self.fixture
                    .host
                    .walk(root, address + page * PAGE)
                    .is_some()
            })
            .map(|_| 1)
            .sum()
    }

    fn pool(&self) -> u64 {
        let kernel = self.fixture.kernel();
        kernel.memory.get(self.number, space::POOL_COUNT)
    }
}

#[test]
fn ranges_refuse_bad_arguments_and_do_nothing() {
    let bench = Bench::new(2);
    let (space, first) = (bench.space, bench.first);
    let weak = bench.fixture.copy(space, Rights::READ);
    let refuse = |call, arguments: &[u64], error| {
        let answer = bench.fixture.range_call(call, arguments);
        assert_eq!(answer, (Some(error), 0), "{arguments:x?}");
    };
    for (space, error) in [
        (EMPTY, Error::BadHandle),
        (0, Error::BadHandle),
        (u64::MAX, Error::BadHandle),
        (CONTEXT, Error::WrongKind),
        (weak, Error::NoRight),
    ] {
        refuse(MAP, &[space, first, BASE, READ, 2], error);
        refuse(UNMAP, &[space, BASE, 2], error);
        refuse(PROTECT, &[space, BASE, READ, 2], error);
    }
    for access in [0, 2, 4, 6, 7, 8, u64::MAX] {
        refuse(MAP, &[space, first, BASE, access, 2], Error::BadArgument);
        refuse(PROTECT, &[space, BASE, access, 2], Error::BadArgument);
    }
    for (address, pages, error) in [
        (BASE + 1, 2, Error::Misaligned),
        (BASE + 0xFFF, 2, Error::Misaligned),
        (USER_END, 1, Error::OutOfRange),
        (USER_END - PAGE, 2, Error::OutOfRange),
        (!0xFFF, 2, Error::OutOfRange),
        (BASE, 0, Error::OutOfRange),
        (BASE, RANGE_PAGES + 1, Error::OutOfRange),
        (BASE, u64::MAX, Error::OutOfRange),
    ] {
        refuse(MAP, &[space, first, address, READ, pages], error);
        refuse(UNMAP, &[space, address, pages], error);
        refuse(PROTECT, &[space, address, READ, pages], error);
    }
    assert_eq!(bench.pool(), 6);
}

#[test]
fn what_is_done_is_no_more_than_a_range() {
    let bench = Bench::new(1);
    let done = |pages: u64| bench.fixture.range_call(UNMAP, &[bench.space, BASE, pages]);
    assert_eq!(done(1 | 511 << 32), (None, 512));
    assert_eq!(done(1 | 512 << 32), (Some(Error::OutOfRange), 0));
    assert_eq!(done(2 | 511 << 32), (Some(Error::OutOfRange), 511));
}

#[test]
fn frames_are_mapped_in_order_over_two_tables() {
    let bench = Bench::new(40);
    let address = BASE - 5 * PAGE;
    assert_eq!(bench.map(address, 40), (None, 40));
    assert_eq!(bench.count(address, 40), 40);
    let kernel = bench.fixture.kernel();
    let root = kernel.root_of(bench.number);
    for page in 0..40 {
        let (frame, _) = kernel
            .find_frame(bench.first + page, Rights::NONE)
            .expect("a frame");
        let (_, found) = bench
            .fixture
            .host
            .walk(root, address + page * PAGE)
            .expect("mapped");
        assert_eq!(crate::space::frame_of(found), frame);
    }
    assert_eq!(
        bench.pool(),
        6 - 4,
        "two tables below each of two entries of the first"
    );
    let unmapped = bench
        .fixture
        .range_call(UNMAP, &[bench.space, address - PAGE, 42]);
    assert_eq!(unmapped, (None, 42));
    assert_eq!(bench.count(address, 40), 0);
    assert_eq!(bench.pool(), 6);
}

#[test]
fn a_range_goes_on_in_the_next_chunk_of_the_table() {
    let bench = Bench::new(1);
    let chunk = bench.fixture.free_frame();
    let extended = bench.fixture.call(|k| k.table_extend(TABLE, MEMORY, chunk));
    assert_eq!(extended, Ok(0));
    for slot in 250..262 {
        let object = bench.fixture.free_place();
        let made = bench
            .fixture
            .call(|k| k.create_frame(MEMORY, object, place(slot)));
        assert_eq!(made, Ok(0));
    }
    let arguments = [bench.space, 250, BASE, READ, 12];
    assert_eq!(bench.fixture.range_call(MAP, &arguments), (None, 12));
    let arguments = [bench.space, 258, BASE + 12 * PAGE, READ, 5];
    let answer = bench.fixture.range_call(MAP, &arguments);
    assert_eq!(answer, (Some(Error::BadHandle), 4), "they end at 261");
}

#[test]
fn an_error_in_the_middle_tells_how_far_it_came() {
    let bench = Bench::new(20);
    let fixture = &bench.fixture;
    assert_eq!(fixture.call(|k| k.destroy(bench.first + 7)), Ok(0));
    assert_eq!(bench.map(BASE, 20), (Some(Error::Stale), 7));
    assert_eq!(bench.count(BASE, 20), 7);
    assert_eq!(bench.map(BASE + 7 * PAGE - 18 * PAGE, 3), (None, 3));
    assert_eq!(bench.map(BASE - PAGE, 3), (Some(Error::AlreadyMapped), 1));
    let code = bench.first + 3;
    let unmapped = fixture.range_call(UNMAP, &[bench.space, BASE - 20 * PAGE, 40]);
    assert_eq!(unmapped, (None, 40));
    let mode = FrameMode::Code as u64;
    assert_eq!(fixture.call(|k| k.frame_set_mode(code, mode)), Ok(0));
    assert_eq!(bench.map(BASE, 7), (Some(Error::AccessDenied), 3));
    let arguments = [bench.space, code, BASE + 3 * PAGE, READ_EXECUTE, 2];
    assert_eq!(
        fixture.range_call(MAP, &arguments),
        (Some(Error::AccessDenied), 1)
    );
    let arguments = [bench.space, BASE, READ, 7];
    assert_eq!(
        fixture.range_call(PROTECT, &arguments),
        (Some(Error::NotMapped), 4)
    );
    let arguments = [bench.space, BASE, READ_WRITE, 7];
    assert_eq!(
        fixture.range_call(PROTECT, &arguments),
        (Some(Error::AccessDenied), 3)
    );
}

#[test]
fn an_interrupt_stops_a_range_between_two_runs() {
    for runs in 0..4 {
        let bench = Bench::new(60);
        let (space, first) = (bench.space, bench.first);
        let arguments = [space, first, BASE - 30 * PAGE, READ_WRITE, 60];
        let answer = bench.fixture.interrupted_range_call(MAP, &arguments, runs);
        assert_eq!(answer, (None, 60));
        let arguments = [space, BASE - 30 * PAGE, READ, 60];
        let answer = bench
            .fixture
            .interrupted_range_call(PROTECT, &arguments, runs);
        assert_eq!(answer, (None, 60));
        let arguments = [space, BASE - 30 * PAGE, 60];
        let answer = bench
            .fixture
            .interrupted_range_call(UNMAP, &arguments, runs);
        assert_eq!(answer, (None, 60));
        assert_eq!(bench.pool(), 6);
    }
}

#[test]
fn what_changed_before_an_interrupt_is_told_after_an_error() {
    let bench = Bench::new(60);
    let fixture = &bench.fixture;
    assert_eq!(fixture.call(|k| k.destroy(bench.first + 53)), Ok(0));
    let arguments = [bench.space, bench.first, BASE, READ, 60];
    let answer = fixture.interrupted_range_call(MAP, &arguments, 0);
    assert_eq!(answer, (Some(Error::Stale), 53));
    const { assert!(MAP_RUN_PAGES < 53) };
}

/// A call for 60 pages that an interrupt stops after its first run, of the page that needs tables.
fn suspended(bench: &Bench) -> Number<Thread> {
    let (kernel, memory) = (bench.fixture.kernel(), &bench.fixture.host.memory);
    let thread = kernel.current();
    let arguments = [bench.space, bench.first, BASE, READ, 60];
    for (index, value) in (0..).zip(arguments) {
        kernel.set_register(thread, index, value);
    }
    memory.quiet_runs.set(0);
    kernel.message_call(MAP as u64);
    memory.quiet_runs.set(u64::MAX);
    bench.fixture.host.leave_kernel();
    bench.fixture.check();
    assert_eq!(kernel.register(thread, 4), 59 | 1 << 32);
    thread
}

#[test]
fn a_range_whose_space_goes_during_an_interrupt_says_how_far_it_came() {
    let bench = Bench::new(60);
    let thread = suspended(&bench);
    assert_eq!(bench.fixture.call(|k| k.destroy(bench.space)), Ok(0));
    let kernel = bench.fixture.kernel();
    kernel.message_call(MAP as u64);
    assert_eq!(kernel.register(thread, 0), Error::Stale.into_raw());
    assert_eq!(kernel.register(thread, 1), 1);
}

#[test]
fn a_step_does_not_end_where_an_interrupt_stops_a_range() {
    let bench = Bench::new(60);
    let kernel = bench.fixture.kernel();
    let state_after = |flags: u64| {
        kernel.change_flags(kernel.current(), 0, flags);
        let thread = suspended(&bench);
        let state = kernel.memory.get(thread, thread::PSTATE);
        kernel.message_call(MAP as u64);
        assert_eq!(kernel.register(thread, 1), 60);
        assert_eq!(kernel.memory.get(thread, thread::PSTATE), 0);
        bench.fixture.range_call(UNMAP, &[bench.space, BASE, 60]);
        state
    };
    assert_eq!(state_after(0) & STEP_STATE, 0);
    assert_eq!(state_after(flag::STEPPING) & STEP_STATE, STEP_STATE);
}

#[test]
fn a_frame_is_mapped_twice_by_ranges() {
    let bench = Bench::new(20);
    assert_eq!(bench.map(BASE, 20), (None, 20));
    assert_eq!(bench.map(BASE + 20 * PAGE, 20), (None, 20));
    let unmapped = bench.fixture.range_call(UNMAP, &[bench.space, BASE, 30]);
    assert_eq!(unmapped, (None, 30));
    assert_eq!(bench.count(BASE, 40), 10);
    let unmapped = bench.fixture.range_call(UNMAP, &[bench.space, BASE, 40]);
    assert_eq!(unmapped, (None, 40));
}

#[test]
fn a_range_that_needs_memory_says_so_where_it_does() {
    let bench = Bench::new(20);
    let (space, _) = bench.fixture.create_space();
    bench.fixture.donate(space, 2);
    let arguments = [space, bench.first, BASE - 5 * PAGE, READ, 20];
    let answer = bench.fixture.range_call(MAP, &arguments);
    assert_eq!(answer, (Some(Error::NeedMemory), 5));
    bench.fixture.donate(space, 2);
    let arguments = [space, bench.first + 5, BASE, READ, 15];
    assert_eq!(bench.fixture.range_call(MAP, &arguments), (None, 15));
}

#[test]
fn a_handle_beyond_the_table_is_refused_where_a_table_of_pages_is() {
    let bench = Bench::new(1);
    assert_eq!(bench.map(BASE, 1), (None, 1));
    for handle in [256, u64::MAX] {
        let arguments = [bench.space, handle, BASE + PAGE, READ, 1];
        let answer = bench.fixture.range_call(MAP, &arguments);
        assert_eq!(answer, (Some(Error::BadHandle), 0));
    }
}

#[test]
fn few_pages_are_forgotten_one_by_one_and_many_with_their_space() {
    let bench = Bench::new(20);
    assert_eq!(bench.map(BASE, 20), (None, 20));
    let asid = bench.fixture.kernel().memory.get(bench.number, space::ASID);
    let performed = |pages: u64| {
        bench.fixture.host.performed.borrow_mut().clear();
        let arguments = [bench.space, BASE, READ, pages];
        let answer = bench.fixture.range_call(PROTECT, &arguments);
        assert_eq!(answer, (None, pages));
        bench.fixture.host.performed.take()
    };
    for pages in 1..=PAGES_ONE_BY_ONE {
        let page = |page| Effect::InvalidatePage {
            asid,
            address: BASE + page * PAGE,
        };
        let expected: std::vec::Vec<_> = (0..pages).map(page).collect();
        assert_eq!(performed(pages), expected);
    }
    let expected = [Effect::InvalidateSpace { asid }];
    assert_eq!(performed(PAGES_ONE_BY_ONE + 1), expected);
}

#[test]
fn the_last_page_of_user_addresses_is_mapped() {
    let bench = Bench::new(2);
    assert_eq!(bench.map(USER_END - 2 * PAGE, 2), (None, 2));
    assert_eq!(bench.count(USER_END - 2 * PAGE, 2), 2);
}

#[test]
fn a_frame_in_the_place_of_one_that_is_gone_is_not_mapped() {
    let bench = Bench::new(2);
    let fixture = &bench.fixture;
    assert_eq!(bench.map(BASE, 1), (None, 1));
    let stale = bench.first + 1;
    let kernel = fixture.kernel();
    let place = kernel.capability_of(kernel.current(), stale);
    let place = place.expect("a frame").number();
    assert_eq!(fixture.call(|k| k.destroy(stale)), Ok(0));
    let (destination, _) = fixture.slot();
    let created = fixture.call(|k| k.create_frame(MEMORY, place, destination));
    assert_eq!(created, Ok(0));
    let arguments = [bench.space, stale, BASE + PAGE, READ_WRITE, 1];
    assert_eq!(fixture.range_call(MAP, &arguments), (Some(Error::Stale), 0));
    assert_eq!(bench.count(BASE, 2), 1);
}

#[test]
fn a_handle_beyond_the_table_is_none_of_its_first_chunk() {
    let bench = Bench::new(2);
    assert_eq!(bench.map(BASE, 1), (None, 1));
    let arguments = [bench.space, 256 + bench.first + 1, BASE + PAGE, READ, 1];
    let answer = bench.fixture.range_call(MAP, &arguments);
    assert_eq!(answer, (Some(Error::BadHandle), 0));
}

/// Its mask lets no handle take the short way.
#[test]
fn the_last_handle_of_all_is_none_of_a_foreign_threads_first_chunk() {
    let bench = Bench::new(2);
    let fixture = &bench.fixture;
    assert_eq!(bench.map(BASE, 1), (None, 1));
    let to = place(u32::try_from(EMPTY).expect("a slot"));
    let copied = fixture.call(|k| k.capability_copy(bench.first + 1, to, 255));
    assert_eq!(copied, Ok(0));
    let kernel = fixture.kernel();
    kernel.set_flags(kernel.current(), thread_flag::FOREIGN);
    let map = |handle| {
        let arguments = [bench.space, handle, BASE + PAGE, READ, 1];
        fixture.range_call(MAP, &arguments)
    };
    assert_eq!(map(u64::MAX), (Some(Error::BadHandle), 0));
    assert_eq!(map(EMPTY), (None, 1));
}

#[test]
fn pages_of_frames_alike_are_mapped_as_many_at_a_time_as_a_run_has() {
    let bench = Bench::new(MAP_RUN_PAGES + 3);
    assert_eq!(bench.map(BASE, 1), (None, 1));
    let fixture = &bench.fixture;
    let kernel = fixture.kernel();
    let thread = kernel.current();
    let arguments = [
        bench.space,
        bench.first + 1,
        BASE + PAGE,
        READ,
        MAP_RUN_PAGES + 2,
    ];
    for (index, value) in (0..).zip(arguments) {
        kernel.set_register(thread, index, value);
    }
    fixture.host.memory.quiet_runs.set(0);
    kernel.message_call(MAP as u64);
    fixture.host.memory.quiet_runs.set(u64::MAX);
    fixture.host.leave_kernel();
    fixture.check();
    assert_eq!(kernel.register(thread, 4), 2 | MAP_RUN_PAGES << 32);
    assert_eq!(bench.count(BASE, MAP_RUN_PAGES + 3), 1 + MAP_RUN_PAGES);
}

#[test]
fn effect_is_left_once_if_it_was_the_last() {
    let all = |asid| Effect::InvalidateSpace { asid };
    let page = |asid| Effect::InvalidatePage { asid, address: 0 };
    let fixture = Fixture::new();
    fixture.host.performed.borrow_mut().clear();
    for effect in [
        all(7),
        all(7),
        all(8),
        all(8),
        page(8),
        all(7),
        all(8),
        all(8),
        all(7),
    ] {
        fixture.kernel().leave_once(effect);
    }
    fixture.host.leave_kernel();
    let expected = [all(7), all(8), page(8), all(7), all(8), all(7)];
    assert_eq!(*fixture.host.performed.borrow(), expected);
}

#[test]
fn a_range_that_ends_a_chunk_does_not_begin_it_again() {
    let bench = Bench::new(1);
    let chunk = bench.fixture.free_frame();
    let extended = bench.fixture.call(|k| k.table_extend(TABLE, MEMORY, chunk));
    assert_eq!(extended, Ok(0));
    for slot in [256, 510, 511] {
        let object = bench.fixture.free_place();
        let made = bench
            .fixture
            .call(|k| k.create_frame(MEMORY, object, place(slot)));
        assert_eq!(made, Ok(0));
    }
    let arguments = [bench.space, 510, BASE, READ, 3];
    let answer = bench.fixture.range_call(MAP, &arguments);
    assert_eq!(answer, (Some(Error::BadHandle), 2));
}
