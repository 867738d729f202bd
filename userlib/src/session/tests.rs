//! Sessions through the in-process transport: a service that opens files, and files that are opened in it.

use std::format;

use ipc_abi::interface::client::close_session;
use ipc_abi::interface::{
    CallError, Failure, HostTable, Local, METHOD_CLOSE, METHOD_RING, ProtocolError, Transport,
    object,
};
use ipc_abi::message::Message;
use ipc_abi::tag::Tag;

use super::*;
use service::{
    FileClient, FileInterface, FilesClient, FilesError, FilesInterface, FolderClient, Server,
};

mod service;

type Way = Local<WithSessions<FilesInterface>, Server>;

fn way(count: usize, of_client: usize) -> Way {
    Way::new(Server::new(count, of_client)).with_badge(Badge::new(3, 0))
}

fn open(way: &mut Way) -> Result<Granted<FileInterface>, Failure<FilesError>> {
    FilesClient::new(way).open("/motd")
}

/// The call failed so.
fn refused<T, E>(error: ProtocolError) -> Result<T, Failure<E>> {
    Err(Failure::Call(CallError::Protocol(error)))
}

fn table() -> &'static HostTable {
    HostTable::of_thread()
}

#[test]
fn each_session_has_an_object_of_its_own() {
    let mut way = way(4, 4);
    let (first, second) = (open(&mut way).unwrap(), open(&mut way).unwrap());
    assert_eq!(
        FileClient::new(way.through(&first)).read(2).unwrap(),
        [0, 1]
    );
    assert_eq!(FileClient::new(way.through(&second)).read(1).unwrap(), [0]);
    assert_eq!(FileClient::new(way.through(&first)).read(1).unwrap(), [2]);
    assert_eq!(FileClient::new(way.through(&first)).rewind(), Ok(()));
    assert_eq!(FileClient::new(way.through(&first)).read(1).unwrap(), [0]);
    assert_eq!(FilesClient::new(&mut way).count(), Ok(2));
    let text = "x".repeat(3000);
    assert_eq!(FileClient::new(way.through(&second)).write(&text), Ok(3000));
    assert_eq!(FileClient::new(way.through(&second)).write("y"), Ok(3001));
    assert_eq!(format!("{:?}", way.server().sessions), "Sessions(2 of 4)");
}

#[test]
fn session_tells_its_own_schema() {
    let mut way = way(4, 4);
    let gate = open(&mut way).unwrap();
    assert!(FileClient::connect(way.through(&gate)).is_ok());
    let error = FilesClient::connect(way.through(&gate))
        .map(drop)
        .expect_err("it is a file");
    let text = "the service speaks something else than `Files`";
    assert_eq!(format!("{error}"), text);
}

#[test]
fn caller_in_a_session_is_its_client_and_has_no_permissions() {
    let mut way = way(4, 4).with_badge(Badge::new(9, !0));
    let gate = open(&mut way).unwrap();
    for permission in [0, 1, 14, 30, 31] {
        let mut file = FileClient::new(way.through(&gate));
        assert_eq!(file.who(permission), Ok((9, false)));
    }
}

#[test]
fn closed_session_is_over_once_and_its_object_dropped() {
    let before = table().count();
    let mut way = way(4, 4);
    let gate = open(&mut way).unwrap();
    assert_eq!((way.server().objects(), table().count()), (1, before + 2));
    assert_eq!(close_session(&mut way.through(&gate)), Ok(()));
    assert_eq!(
        (way.server().objects(), way.server().sessions.count()),
        (0, 0)
    );
    let stale = CallError::Refused(Error::Stale);
    assert_eq!(close_session(&mut way.through(&gate)), Err(stale));
    let next = open(&mut way).unwrap();
    let old = FileClient::new(way.through(&gate)).read(1);
    assert_eq!(old, Err(stale), "its successor is another");
    assert_eq!(FileClient::new(way.through(&next)).read(1).unwrap(), [0]);
    drop((gate, next, way));
    // The gate that the server's object would have taken with it.
    assert_eq!(table().count(), before + 1);
}

#[test]
fn session_is_closed_one_way_too() {
    let mut way = way(4, 4);
    let gate = open(&mut way).unwrap();
    let mut long = Message::empty(METHOD_CLOSE);
    long.tag = Tag::new(METHOD_CLOSE, 1);
    assert_eq!(way.through(&gate).send(long), Ok(()));
    assert_eq!(way.server().objects(), 1, "it is malformed");
    let close = Message::empty(METHOD_CLOSE);
    assert_eq!(way.through(&gate).send(close), Ok(()));
    assert_eq!(way.server().objects(), 0);
}

#[test]
fn no_session_is_closed_by_who_has_none() {
    let mut way = way(4, 4);
    let _gate = open(&mut way).unwrap();
    let unknown = CallError::Protocol(ProtocolError::UnknownMethod);
    assert_eq!(close_session(&mut way), Err(unknown));
    assert_eq!(way.send(Message::empty(METHOD_CLOSE)), Ok(()));
    assert_eq!(way.server().objects(), 1);
}

/// Calls with a badge of one's own making: as a call that was sent before the gate was destroyed.
fn read_as(way: &mut Way, number: u8, generation: u64) -> Result<u8, CallError> {
    way.call_as(Badge::of_session(3, SessionId { number, generation }));
    let read = FileClient::new(&mut *way).read(1);
    way.call_as(Badge::new(3, 0));
    read.map(|bytes| bytes[0])
}

#[test]
fn call_that_comes_late_does_not_reach_the_next_session() {
    let mut way = way(2, 2);
    let first = open(&mut way).unwrap();
    assert_eq!(read_as(&mut way, 0, 0), Ok(0));
    close_session(&mut way.through(&first)).unwrap();
    let _second = open(&mut way).unwrap();
    let over = Err(CallError::Protocol(ProtocolError::NoSession));
    assert_eq!(read_as(&mut way, 0, 0), over);
    assert_eq!(read_as(&mut way, 0, 1), Ok(0), "the second is the second");
    for (number, generation) in [(0, 2), (1, 0), (1, 1), (2, 1), (255, 0), (255, !0)] {
        assert_eq!(read_as(&mut way, number, generation), over);
    }
    way.call_as(Badge::of_session(
        3,
        SessionId {
            number: 0,
            generation: 0,
        },
    ));
    assert_eq!(close_session(&mut way), over.map(drop));
    assert_eq!(way.server().objects(), 1);
}

#[test]
fn limits_are_told_apart_and_hold_for_their_own() {
    let mut way = way(3, 2);
    let mut gates = std::vec::Vec::new();
    gates.extend([open(&mut way).unwrap(), open(&mut way).unwrap()]);
    let error = Err(Failure::Service(FilesError::TooManyOfClient));
    assert_eq!(open(&mut way).map(drop), error);
    way.call_as(Badge::new(4, 0));
    gates.push(open(&mut way).unwrap());
    let error = Err(Failure::Service(FilesError::TooMany));
    assert_eq!(open(&mut way).map(drop), error);
    close_session(&mut way.through(&gates[0])).unwrap();
    gates.push(open(&mut way).unwrap());
    assert_eq!(way.server().sessions.count_of(4), 2);
    assert_eq!(
        open(&mut way).map(drop),
        Err(Failure::Service(FilesError::TooManyOfClient))
    );
    assert_eq!(way.server().objects(), 3);
}

#[test]
fn sessions_of_a_client_end_with_it_and_no_others() {
    let mut way = way(4, 4);
    let mine = [open(&mut way).unwrap(), open(&mut way).unwrap()];
    way.call_as(Badge::new(4, 0));
    let theirs = open(&mut way).unwrap();
    way.disconnect(3);
    assert_eq!(way.server().objects(), 1);
    let stale = Err(CallError::Refused(Error::Stale));
    for gate in &mine {
        assert_eq!(FileClient::new(way.through(gate)).read(1), stale);
    }
    assert_eq!(FileClient::new(way.through(&theirs)).read(1).unwrap(), [0]);
    way.disconnect(3);
    assert_eq!(way.server().objects(), 1);
}

#[test]
fn who_waits_in_a_session_hears_of_its_end() {
    let mut way = way(4, 4);
    let gate = open(&mut way).unwrap();
    let waiting = FileClient::new(way.through(&gate)).wait();
    assert_eq!(waiting, Err(CallError::Deferred));
    close_session(&mut way.through(&gate)).unwrap();
    let answer = way.take_answer().expect("it is answered");
    let unanswered = CallError::Protocol(ProtocolError::Unanswered);
    assert_eq!(FileClient::new(answer).wait(), Err(unanswered));
}

#[test]
fn session_whose_gate_does_not_reach_its_client_is_over() {
    let before = table().count();
    let mut way = way(2, 2);
    assert_eq!(FilesClient::new(&mut way).forget(), Ok(()));
    assert_eq!(FilesClient::new(&mut way).count(), Ok(0));
    let too_long = FilesClient::new(&mut way).flood().map(drop);
    assert_eq!(too_long, refused(ProtocolError::ReplyTooLong));
    assert_eq!(FilesClient::new(&mut way).count(), Ok(0));
    assert_eq!((way.server().objects(), table().count()), (0, before));
    let mut way = way.with_rights(Rights::SEND);
    for _ in 0..5 {
        let error = refused(ProtocolError::MayNotTakeCapabilities);
        assert_eq!(open(&mut way).map(drop), error);
    }
    assert_eq!(FilesClient::new(&mut way).count(), Ok(0));
    assert_eq!((way.server().objects(), table().count()), (0, before));
}

#[test]
fn open_that_fails_opens_nothing() {
    let mut way = way(1, 1);
    let error = FilesClient::new(&mut way).open("missing").map(drop);
    assert_eq!(error, Err(Failure::Service(FilesError::Missing)));
    assert_eq!(way.server().objects(), 0);
    let mut none = self::way(0, 4);
    assert_eq!(
        open(&mut none).map(drop),
        Err(Failure::Service(FilesError::TooMany))
    );
    assert_eq!(none.server().objects(), 0);
}

#[test]
fn session_may_open_others_take_capabilities_and_end_itself() {
    let before = table().count();
    let mut way = way(3, 3);
    let folder = FilesClient::new(&mut way).folder().unwrap();
    let file = FolderClient::new(way.through(&folder)).open("a").unwrap();
    assert_eq!(FileClient::new(way.through(&file)).read(1).unwrap(), [0]);
    let memory = || table().make::<object::Frame>();
    assert_eq!(
        FolderClient::new(way.through(&folder)).keep(memory()),
        Ok(1)
    );
    assert_eq!(
        FolderClient::new(way.through(&folder)).keep(memory()),
        Ok(2)
    );
    // The server's and the client's of each gate, and what is kept.
    assert_eq!(table().count(), before + 6);
    assert_eq!(FolderClient::new(way.through(&folder)).remove(), Ok(true));
    assert_eq!((way.server().objects(), table().count()), (1, before + 3));
    assert_eq!(FileClient::new(way.through(&file)).read(1).unwrap(), [1]);
}

#[test]
fn gate_of_a_session_allows_what_its_interface_needs() {
    let mut way = way(3, 3);
    let rights = |handle| table().find(handle).expect("it is there").rights;
    let file = open(&mut way).unwrap();
    assert_eq!(rights(file.handle()), Rights::SEND);
    let folder = FilesClient::new(&mut way).folder().unwrap();
    let passing = Rights::GRANT.union(Rights::GRANT_REPLY);
    assert_eq!(rights(folder.handle()), Rights::SEND.union(passing));
}

#[test]
fn malformed_calls_in_a_session_are_refused_and_it_goes_on() {
    let mut way = way(3, 3);
    let gate = open(&mut way).unwrap();
    let status = |way: &mut Way, tag| {
        let reply = way.through(&gate).call(Message {
            tag,
            words: [0; 16],
        });
        ProtocolError::from_raw(reply.expect("it answers").tag.method())
    };
    assert_eq!(
        status(&mut way, Tag::new(1, 1)),
        Some(ProtocolError::Truncated)
    );
    assert_eq!(
        status(&mut way, Tag::new(77, 0)),
        Some(ProtocolError::UnknownMethod)
    );
    let close = Tag::new(METHOD_CLOSE, 1);
    assert_eq!(status(&mut way, close), Some(ProtocolError::TrailingBytes));
    let ring = Tag::new(METHOD_RING, 0);
    assert_eq!(status(&mut way, ring), Some(ProtocolError::NoRing));
    assert_eq!(FileClient::new(way.through(&gate)).read(1).unwrap(), [0]);
}
