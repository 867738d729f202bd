//! What comes through the gate of a session goes to its object, all else to the server.

use ipc_abi::interface::server::{answer, answer_protocol_error, with_request};
use ipc_abi::interface::{
    Dispatch, Interface, METHOD_CLOSE, MethodInfo, ProtocolError, Replier, Schema, Transport,
};
use ipc_abi::manifest::Badge;
use ipc_abi::message::{Incoming, LongBuffer, MESSAGE_WORDS};
use ipc_abi::tag::Tag;

use super::Sessions;
use super::object::{Call, Said};

/// A server that has sessions.
pub trait HasSessions: Sized {
    /// Its sessions.
    fn sessions(&mut self) -> &mut Sessions<Self>;
}

/// The interface `I` of a server that also serves its sessions. Its clients see `I`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithSessions<I>(pub I);

impl<I: Interface> Interface for WithSessions<I> {
    const NAME: &'static str = I::NAME;
    const DOCS: &'static str = I::DOCS;
    const SCHEMA: Schema = I::SCHEMA;
    const METHODS: &'static [MethodInfo] = I::METHODS;
    /// The interfaces of sessions may.
    const TAKES_CAPABILITIES: bool = true;
    const BRINGS_CAPABILITIES: bool = true;

    type Client<T> = I::Client<T>;

    fn client<T: Transport>(transport: T) -> I::Client<T> {
        I::client(transport)
    }
}

impl<I: Dispatch<S>, S: HasSessions> Dispatch<S> for WithSessions<I> {
    #[inline(always)]
    fn dispatch<B: LongBuffer, R: Replier>(
        server: &mut S,
        request: Incoming,
        buffer: &mut B,
        replier: R,
    ) -> R::Next {
        sweep(server, request.tag, buffer);
        if Badge::from_raw(request.badge).session().is_none() {
            return I::dispatch(server, request, buffer, replier);
        }
        match serve(server, request, buffer, &replier) {
            Ok(Said::Reply(reply)) => replier.reply(reply, MESSAGE_WORDS),
            Ok(Said::Later) => replier.later(),
            Err(Refusal::Closed) => answer(&(), buffer, replier),
            Err(Refusal::Error(error)) => answer_protocol_error(error, replier),
        }
    }

    fn tell<B: LongBuffer>(server: &mut S, request: Incoming, buffer: &mut B) {
        sweep(server, request.tag, buffer);
        let badge = Badge::from_raw(request.badge);
        if badge.session().is_none() {
            return I::tell(server, request, buffer);
        }
        if request.tag.method() == METHOD_CLOSE {
            // Nobody hears what is wrong with it.
            let _ = close(server, &request, buffer);
            return;
        }
        if let Some((holder, mut object)) = server.sessions().begin(badge) {
            object.tell(server, request, buffer);
            drop(server.sessions().end(holder, object));
        }
    }

    fn disconnect(server: &mut S, client: u8) {
        server.sessions().close_all_of(client);
        I::disconnect(server, client);
    }
}

/// What a session's object does not answer.
enum Refusal {
    /// The session was ended as its client wished.
    Closed,
    Error(ProtocolError),
}

impl From<ProtocolError> for Refusal {
    fn from(error: ProtocolError) -> Refusal {
        Refusal::Error(error)
    }
}

/// Lets a session answer.
fn serve<S: HasSessions, B: LongBuffer>(
    server: &mut S,
    request: Incoming,
    buffer: &mut B,
    replier: &impl Replier,
) -> Result<Said, Refusal> {
    if request.tag.method() == METHOD_CLOSE {
        close(server, &request, buffer)?;
        return Err(Refusal::Closed);
    }
    let badge = Badge::from_raw(request.badge);
    let begun = server.sessions().begin(badge);
    let (holder, mut object) = begun.ok_or(ProtocolError::NoSession)?;
    let mut call = Call { buffer, replier };
    let said = object.dispatch(server, request, &mut call);
    let over = server.sessions().end(holder, object);
    if over.is_some() {
        let tag = match &said {
            Said::Reply(reply) => reply.tag,
            Said::Later => Tag::default(),
        };
        beside_message(tag, buffer, || drop(over));
    }
    Ok(said)
}

/// Ends the sessions whose gates did not reach their clients, while a message with this tag waits to be read.
fn sweep<S: HasSessions, B: LongBuffer>(server: &mut S, tag: Tag, buffer: &mut B) {
    let lost = server.sessions().sweep();
    if !lost.is_empty() {
        beside_message(tag, buffer, || drop(lost));
    }
}

/// Lets destructors run, which may send and receive long messages, while a message with this tag is in the buffer.
fn beside_message<B: LongBuffer>(tag: Tag, buffer: &mut B, act: impl FnOnce()) {
    if !tag.is_long() {
        return act();
    }
    let kept = buffer.read(tag.length(), <[u8]>::to_vec);
    act();
    if let Ok(bytes) = kept {
        // It fits where it was.
        let _ = buffer.write(0, &bytes);
    }
}

fn close<S: HasSessions, B: LongBuffer>(
    server: &mut S,
    request: &Incoming,
    buffer: &mut B,
) -> Result<(), ProtocolError> {
    with_request(request, buffer, Some(0), |reader| reader.all::<()>())?;
    let session = Badge::from_raw(request.badge).session();
    if session.is_some_and(|id| server.sessions().close(id)) {
        Ok(())
    } else {
        Err(ProtocolError::NoSession)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::rc::Rc;
    use alloc::vec::Vec;
    use core::cell::RefCell;
    use ipc_abi::message::{LongBufferError, LongWriter};

    /// A buffer that a destructor reaches too, as in a process.
    #[derive(Clone, Default)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl LongWriter for Shared {
        fn write(&mut self, _offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
            *self.0.borrow_mut() = bytes.to_vec();
            Ok(())
        }
    }

    impl LongBuffer for Shared {
        fn read<T>(
            &mut self,
            length: usize,
            reader: impl FnOnce(&[u8]) -> T,
        ) -> Result<T, LongBufferError> {
            let bytes = self.0.borrow().get(..length).map(<[u8]>::to_vec);
            bytes.map(|it| reader(&it)).ok_or(LongBufferError::NoBuffer)
        }
    }

    #[test]
    fn destructors_do_not_touch_the_message_that_is_there() {
        let mut buffer = Shared::default();
        let theirs = buffer.clone();
        let message = [7; 200];
        buffer.write(0, &message).expect("it fits");
        let tag = Tag::new(1, 200).with_long();
        beside_message(tag, &mut buffer, || {
            *theirs.0.borrow_mut() = Vec::from([9; 300])
        });
        assert_eq!(*theirs.0.borrow(), message);
        let short = Tag::new(1, 8);
        beside_message(short, &mut buffer, || {
            *theirs.0.borrow_mut() = Vec::from([9; 300])
        });
        assert_eq!(*theirs.0.borrow(), [9; 300], "nothing is there to be kept");
    }
}
