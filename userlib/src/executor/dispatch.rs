//! From requests to tasks.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::fmt;
use core::marker::PhantomData;
use core::task::{Context, Poll, Waker};

use ipc_abi::interface::asynchronous::{Reply, Request};
use ipc_abi::interface::server::{self, Own};
use ipc_abi::interface::{
    AsyncDispatch, Caller, Dispatch, Interface, MethodInfo, MethodKind, ProtocolError, Replier,
    Schema, Transport,
};
use ipc_abi::message::{Incoming, LongBuffer, LongWriter, MESSAGE_WORDS};

use super::Limits;
use super::pool::{Pool, Run, TaskReply};
use crate::desk::DESK;

#[cfg(not(target_os = "none"))]
use super::{clock, waiting::WAITING};
#[cfg(not(target_os = "none"))]
use crate::time::Duration;

/// A server whose methods may wait, and the tasks that do.
pub struct Tasks<'a, S> {
    server: &'a S,
    pool: Rc<Pool<'a>>,
}

impl<'a, S> Tasks<'a, S> {
    /// No tasks yet.
    #[must_use]
    pub fn new(server: &'a S, limits: Limits) -> Tasks<'a, S> {
        let pool = Rc::new(Pool::new(limits));
        Tasks { server, pool }
    }

    pub(super) const fn pool(&self) -> &Rc<Pool<'a>> {
        &self.pool
    }

    /// How many tasks there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pool.count()
    }

    /// Begins what `request` asks for and lets it go on until it waits.
    fn begin<I: AsyncDispatch<S> + 'a, B: LongBuffer>(
        &self,
        request: &Incoming,
        buffer: &mut B,
    ) -> Result<Begun<'a>, ProtocolError> {
        let mut run: Run<'a> = Box::pin(I::answer(self.server, Request::copy(request, buffer)?));
        // If it waits it is polled again, with a waker, before anything else is received.
        let mut context = Context::from_waker(Waker::noop());
        Ok(match run.as_mut().poll(&mut context) {
            Poll::Ready(reply) => Begun::Answered(reply),
            Poll::Pending => Begun::Waits(run),
        })
    }

    /// Lets the caller wait for a task. It is saved before it is counted: only then it is known who has gone.
    fn keep<R: Replier>(&self, run: Run<'a>, request: &Incoming, replier: R) -> R::Next {
        let encode = |reply: &TaskReply, buffer: &mut dyn LongWriter| reply.write_to(buffer);
        let promise = match server::promise(request, &replier, encode) {
            Ok(promise) => promise,
            Err(error) => {
                drop(run);
                return server::answer_protocol_error(error, replier);
            }
        };
        let admitted = self.pool.admit(run, Caller::of(request), Some(promise));
        if let Err((run, promise)) = admitted {
            drop(run);
            if let Some(promise) = promise {
                promise.answer(Reply::protocol_error(ProtocolError::NoPlace));
            }
        }
        replier.later()
    }
}

/// What became of a request.
enum Begun<'a> {
    Answered(TaskReply),
    Waits(Run<'a>),
}

#[cfg(not(target_os = "none"))]
impl<S> Tasks<'_, S> {
    /// Lets the tasks go on until each waits for time, for a signal, or for a message; drops those whose
    /// callers have gone. For tests: `serve_async` does so by itself.
    pub fn run(&self) {
        self.pool.sweep();
        while self.pool.turn() == super::pool::Next::Look {}
    }

    /// Lets this thread's time go on, and the tasks with it, until what sleeps for `duration` is awake. For tests.
    pub fn advance(&self, duration: Duration) {
        let end = clock::after(duration);
        self.run();
        while let Some(next) = WAITING.next_deadline().filter(|next| *next <= end) {
            clock::set_now(next.ticks());
            self.run();
        }
        clock::set_now(end.ticks());
    }

    /// Lets signals come. For tests.
    pub fn signal(&self, bits: u64) {
        WAITING.raise(bits);
        self.run();
    }

    /// Lets the client with this number be dead. For tests.
    pub fn disconnect(&self, client: u8) {
        self.pool.disconnect(client);
        self.run();
    }
}

impl<S> fmt::Debug for Tasks<'_, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tasks")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

/// The interface `I`, served by tasks.
pub struct InTasks<I>(PhantomData<fn() -> I>);

impl<I> InTasks<I> {
    pub(super) const fn new() -> InTasks<I> {
        InTasks(PhantomData)
    }
}

impl<I> fmt::Debug for InTasks<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("InTasks")
    }
}

impl<I: Interface> Interface for InTasks<I> {
    const NAME: &'static str = I::NAME;
    const DOCS: &'static str = I::DOCS;
    const SCHEMA: Schema = I::SCHEMA;
    const METHODS: &'static [MethodInfo] = I::METHODS;

    type Client<T> = I::Client<T>;

    fn client<T: Transport>(transport: T) -> I::Client<T> {
        I::client(transport)
    }
}

fn find_method<I: Interface>(request: &Incoming) -> Option<&'static MethodInfo> {
    let number = request.tag.method();
    I::METHODS.iter().find(|method| method.number == number)
}

impl<'a, I: AsyncDispatch<S> + 'a, S> Dispatch<Tasks<'a, S>> for InTasks<I> {
    fn dispatch<B: LongBuffer, R: Replier>(
        tasks: &mut Tasks<'a, S>,
        request: Incoming,
        buffer: &mut B,
        replier: R,
    ) -> R::Next {
        if find_method::<I>(&request).is_none() {
            return match server::read_own_request(&request, buffer, &replier) {
                Ok(Own::Schema) => server::answer_schema::<I, B, R>(buffer, replier),
                Ok(Own::Ring) => server::answer(&(), buffer, replier),
                Ok(Own::RingTurn) => match replier.serve_ring::<Self, _>(tasks, &request) {
                    Ok(()) => server::answer(&(), buffer, replier),
                    Err(error) => server::answer_protocol_error(error, replier),
                },
                Err(error) => server::answer_protocol_error(error, replier),
            };
        }
        match tasks.begin::<I, B>(&request, buffer) {
            Ok(Begun::Answered(reply)) => {
                let message = reply.write_to(buffer);
                drop(reply);
                replier.reply(message, MESSAGE_WORDS)
            }
            Ok(Begun::Waits(run)) => tasks.keep(run, &request, replier),
            Err(error) => server::answer_protocol_error(error, replier),
        }
    }

    fn tell<B: LongBuffer>(tasks: &mut Tasks<'a, S>, request: Incoming, buffer: &mut B) {
        let is_one_way = |method: &&MethodInfo| matches!(method.kind, MethodKind::OneWay);
        if find_method::<I>(&request).filter(is_one_way).is_none() {
            return;
        }
        if let Ok(Begun::Waits(run)) = tasks.begin::<I, B>(&request, buffer) {
            // Nobody is being served, and nobody hears that it was one too many.
            DESK.begin_idling();
            let _ = tasks.pool.admit(run, Caller::of(&request), None);
            DESK.end_idling();
        }
    }
}
