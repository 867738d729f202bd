//! What comes through the gate of a session goes to its object, all else to the server.

use ipc_abi::interface::server::{answer, answer_protocol_error, with_request};
use ipc_abi::interface::{
    Dispatch, Interface, METHOD_CLOSE, MethodInfo, ProtocolError, Replier, Schema, Transport,
};
use ipc_abi::manifest::Badge;
use ipc_abi::message::{Incoming, LongBuffer, MESSAGE_WORDS};

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
        server.sessions().sweep();
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
        server.sessions().sweep();
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
            server.sessions().end(holder, object);
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
    server.sessions().end(holder, object);
    Ok(said)
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
