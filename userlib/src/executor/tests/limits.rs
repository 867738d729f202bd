//! Limits, and tasks whose clients have gone.

use super::*;

#[test]
fn one_task_too_many_is_refused_where_it_waits_and_nobody_else_notices() {
    let server = Server::default();
    let mut way = way(&server);
    for number in 1..=4 {
        assert_eq!(client(&mut way, number).nap(10, "in time"), DEFERRED);
    }
    assert_eq!(client(&mut way, 5).nap(10, "too many"), NO_PLACE);
    assert_eq!((server.begun.get(), server.ended.get()), (5, 1), "dropped");
    assert_eq!(client(&mut way, 5).add(2, 3), Ok(5), "does not wait");
    assert_eq!(client(&mut way, 5).nap(0, "at once"), Ok(5));
    way.server().advance(milliseconds(11));
    for number in 1..=4 {
        assert_eq!(late(&mut way), Some(Ok(number)));
    }
    assert_eq!(late(&mut way), None);
    assert_eq!(client(&mut way, 5).nap(10, "again"), DEFERRED);
}

#[test]
fn one_task_of_a_client_too_many_is_refused_and_others_have_theirs() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(10, "one"), DEFERRED);
    assert_eq!(client(&mut way, 1).nap(10, "two"), DEFERRED);
    assert_eq!(client(&mut way, 1).nap(10, "three"), NO_PLACE);
    assert_eq!(client(&mut way, 2).nap(10, "other"), DEFERRED);
    way.server().advance(milliseconds(11));
    assert_eq!(*server.said.borrow(), ["one", "two", "other"]);
    assert_eq!(client(&mut way, 1).nap(10, "three"), DEFERRED);
}

#[test]
fn one_way_message_too_many_is_dropped() {
    let server = Server::default();
    let mut way = way(&server);
    for _ in 0..3 {
        assert_eq!(client(&mut way, 1).doze(10), Ok(()));
    }
    assert_eq!((server.begun.get(), server.ended.get()), (3, 1));
    assert_eq!(way.server().count(), 2);
    assert_eq!(client(&mut way, 1).nap(10, "too many"), NO_PLACE);
}

#[test]
fn task_that_finds_no_place_to_keep_its_caller_is_dropped() {
    let server = Server::default();
    let mut way = way(&server).with_places(1);
    assert_eq!(client(&mut way, 1).nap(10, "kept"), DEFERRED);
    assert_eq!(client(&mut way, 2).nap(10, "not kept"), NO_PLACE);
    assert_eq!((server.begun.get(), server.ended.get()), (2, 1));
    assert_eq!(way.server().count(), 1);
}

#[test]
fn tasks_of_a_client_that_died_are_dropped_and_no_others() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(10, "dead"), DEFERRED);
    assert_eq!(client(&mut way, 1).doze(10), Ok(()));
    assert_eq!(client(&mut way, 2).nap(10, "alive"), DEFERRED);
    way.disconnect(1);
    way.server().disconnect(1);
    assert_eq!((way.server().count(), server.ended.get()), (1, 2));
    assert_eq!(client(&mut way, 1).nap(10, "successor"), DEFERRED);
    way.server().advance(milliseconds(11));
    assert_eq!(*server.said.borrow(), ["alive", "successor"]);
    assert_eq!(late(&mut way), Some(Ok(2)));
    assert_eq!(late(&mut way), Some(Ok(1)));
}

#[test]
fn task_whose_caller_gave_up_is_dropped() {
    let server = Server::default();
    let mut way = way(&server);
    assert_eq!(client(&mut way, 1).nap(10, "impatient"), DEFERRED);
    way.disconnect(1);
    way.server().run();
    assert_eq!((way.server().count(), server.ended.get()), (0, 1));
    way.server().advance(milliseconds(11));
    assert_eq!((late(&mut way), server.woken.get()), (None, 0));
}

#[test]
fn room_is_made_of_tasks_whose_callers_gave_up() {
    let server = Server::default();
    let mut way = way(&server);
    for _ in 0..2 {
        assert_eq!(client(&mut way, 1).nap(10, "impatient"), DEFERRED);
    }
    assert_eq!(client(&mut way, 2).nap(10, "patient"), DEFERRED);
    way.disconnect(1);
    // Nothing has let the tasks go on since.
    assert_eq!(way.server().count(), 3);
    assert_eq!(client(&mut way, 1).nap(10, "again"), DEFERRED);
    assert_eq!((way.server().count(), server.ended.get()), (2, 2));
}
