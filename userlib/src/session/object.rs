//! What answers in a session: an object and its dispatcher, whose types only who opened the session knows.

use core::marker::PhantomData;

use ipc_abi::interface::Dispatch;
use ipc_abi::interface::granted::Keeper;
use ipc_abi::interface::promise::{Desk, Gone, Ticket};
use ipc_abi::interface::{ProtocolError, Replier};
use ipc_abi::message::{Incoming, LongBuffer, LongBufferError, LongWriter, Message};

/// The object of a session of the server `R`.
pub(super) trait Object<R> {
    /// Lets it answer a call.
    fn dispatch(&mut self, root: &mut R, request: Incoming, call: &mut Call<'_>) -> Said;

    /// Tells it what came one way.
    fn tell(&mut self, root: &mut R, request: Incoming, buffer: &mut dyn AnyBuffer);
}

/// What a method left to be done.
pub(super) enum Said {
    /// To send this.
    Reply(Message),
    /// Nothing: the caller was kept, or has its answer.
    Later,
}

/// What a call comes with.
pub(super) struct Call<'a> {
    pub(super) buffer: &'a mut dyn AnyBuffer,
    pub(super) replier: &'a dyn AnyReplier,
}

/// A message buffer of any type.
pub(super) trait AnyBuffer: LongWriter {
    fn lend(&mut self, length: usize, reader: &mut dyn FnMut(&[u8]))
    -> Result<(), LongBufferError>;
    fn any_keeper(&self) -> Option<&'static dyn Keeper>;
}

impl<B: LongBuffer> AnyBuffer for B {
    fn lend(
        &mut self,
        length: usize,
        reader: &mut dyn FnMut(&[u8]),
    ) -> Result<(), LongBufferError> {
        self.read(length, reader)
    }

    fn any_keeper(&self) -> Option<&'static dyn Keeper> {
        self.keeper()
    }
}

/// That as a message buffer.
struct Lent<'a>(&'a mut dyn AnyBuffer);

impl LongWriter for Lent<'_> {
    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<(), LongBufferError> {
        self.0.write(offset, bytes)
    }
}

impl LongBuffer for Lent<'_> {
    fn read<T>(
        &mut self,
        length: usize,
        reader: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, LongBufferError> {
        let (mut reader, mut read) = (Some(reader), None);
        self.0.lend(length, &mut |bytes| {
            read = reader.take().map(|reader| reader(bytes));
        })?;
        // A buffer that is there is lent once.
        read.ok_or(LongBufferError::NoBuffer)
    }

    fn keeper(&self) -> Option<&'static dyn Keeper> {
        self.0.any_keeper()
    }
}

/// A replier of any type, as far as it does not consume itself.
pub(super) trait AnyReplier {
    fn keep_caller(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError>;
    fn check_delivery(&self) -> Result<(), ProtocolError>;
    fn deliver_reply(&self, reply: Message) -> Result<(), Gone>;
}

impl<T: Replier> AnyReplier for T {
    fn keep_caller(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
        self.keep()
    }

    fn check_delivery(&self) -> Result<(), ProtocolError> {
        self.can_deliver()
    }

    fn deliver_reply(&self, reply: Message) -> Result<(), Gone> {
        self.deliver(reply)
    }
}

/// That as a replier, which says what is left to be done.
struct Saying<'a>(&'a dyn AnyReplier);

impl Replier for Saying<'_> {
    type Next = Said;

    fn reply(self, reply: Message, _used_words: usize) -> Said {
        Said::Reply(reply)
    }

    fn keep(&self) -> Result<(&'static dyn Desk, Ticket), ProtocolError> {
        self.0.keep_caller()
    }

    fn later(self) -> Said {
        Said::Later
    }

    fn can_deliver(&self) -> Result<(), ProtocolError> {
        self.0.check_delivery()
    }

    fn deliver(&self, reply: Message) -> Result<(), Gone> {
        self.0.deliver_reply(reply)
    }
}

/// An object that answers `I` by itself.
pub(super) struct Plain<I, S> {
    object: S,
    interface: PhantomData<fn() -> I>,
}

impl<I, S> Plain<I, S> {
    pub(super) const fn new(object: S) -> Plain<I, S> {
        Plain {
            object,
            interface: PhantomData,
        }
    }
}

impl<R, I: Dispatch<S>, S> Object<R> for Plain<I, S> {
    fn dispatch(&mut self, _root: &mut R, request: Incoming, call: &mut Call<'_>) -> Said {
        let (buffer, replier) = (&mut Lent(call.buffer), Saying(call.replier));
        I::dispatch(&mut self.object, request, buffer, replier)
    }

    fn tell(&mut self, _root: &mut R, request: Incoming, buffer: &mut dyn AnyBuffer) {
        I::tell(&mut self.object, request, &mut Lent(buffer));
    }
}

/// The object of a session whose methods need the server `R` too: what implements the interface's trait is a view of
/// both, a struct of two references.
pub trait InRoot<R> {
    /// Both.
    type View<'a>
    where
        Self: 'a,
        R: 'a;

    /// Makes a view of both, for one call.
    fn view<'a>(&'a mut self, root: &'a mut R) -> Self::View<'a>;
}

/// An object that answers `I` together with the server.
pub(super) struct Rooted<I, S> {
    object: S,
    interface: PhantomData<fn() -> I>,
}

impl<I, S> Rooted<I, S> {
    pub(super) const fn new(object: S) -> Rooted<I, S> {
        Rooted {
            object,
            interface: PhantomData,
        }
    }
}

impl<R: 'static, I, S> Object<R> for Rooted<I, S>
where
    S: InRoot<R> + 'static,
    I: for<'a> Dispatch<S::View<'a>>,
{
    fn dispatch(&mut self, root: &mut R, request: Incoming, call: &mut Call<'_>) -> Said {
        let (buffer, replier) = (&mut Lent(call.buffer), Saying(call.replier));
        I::dispatch(&mut self.object.view(root), request, buffer, replier)
    }

    fn tell(&mut self, root: &mut R, request: Incoming, buffer: &mut dyn AnyBuffer) {
        I::tell(&mut self.object.view(root), request, &mut Lent(buffer));
    }
}
