//! Methods with capabilities where none can travel.

use super::*;
use crate::interface::promise::{self, Desk, Gone};
use crate::interface::ring::NoBuffer;

/// Answers where no capabilities can travel, as into a ring; tells the status.
struct IntoRing;

impl Replier for IntoRing {
    type Next = u16;

    fn reply(self, reply: Message, _used_words: usize) -> u16 {
        reply.tag.method()
    }

    fn keep(&self) -> Result<(&'static dyn Desk, promise::Ticket), ProtocolError> {
        Err(ProtocolError::NotInRing)
    }

    fn later(self) -> u16 {
        panic!("nobody was kept")
    }

    fn can_deliver(&self) -> Result<(), ProtocolError> {
        Err(ProtocolError::NotInRing)
    }

    fn deliver(&self, _reply: Message) -> Result<(), Gone> {
        panic!("it cannot")
    }
}

#[test]
fn no_capability_travels_where_none_can() {
    let before = table().count();
    let mut server = Keeping::default();
    let mut status = |message: Message| {
        let Message { tag, words } = message;
        let badge = 0;
        let request = Incoming { tag, badge, words };
        StoreInterface::dispatch(&mut server, request, &mut NoBuffer, IntoRing)
    };
    let good = frame().0.into_handle();
    let not_in_ring = ProtocolError::NotInRing.into_raw();
    assert_eq!(status(raw_with(3, 1, &[])), not_in_ring);
    assert_eq!(status(raw_with(4, 0, &[])), not_in_ring);
    let wrong = ProtocolError::WrongCapabilities.into_raw();
    assert_eq!(status(raw_with(1, 0, &[good])), wrong);
    assert_eq!(status(raw_with(7, 8, &[])), 0);
    assert_eq!(server.calls, 0);
    assert_eq!(table().count(), before + 1, "nothing was touched");
}
