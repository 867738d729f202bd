//! Receiving: `receive`, `try_receive`, and the second half of `reply_receive`.
//!
//! Signals of the bound notification come before messages, and messages by band, in turn. One that
//! cannot be taken is turned away with the error, and the next is looked at.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;

use crate::send::Patience;
use crate::state::{Message, Number, State, Wait};

/// Messages that one call turns away before it asks to be repeated.
const RECEIVE_TRIES: u64 = 8;

impl State {
    /// `receive` and `try_receive`.
    pub(crate) fn receive(&mut self, server: Number, patience: Patience) -> Result<(), Error> {
        let endpoint = self.find(self.handle_of(server), Kind::Endpoint, Rights::RECEIVE)?;
        if self.caller_of(server).is_some() {
            return Err(Error::CallerWaits);
        }
        let is_silent = self.endpoints[&endpoint].senders.is_empty() && !self.has_signals(server);
        if is_silent && patience == Patience::Refuses {
            return Err(Error::WouldBlock);
        }
        self.thread(server).is_caller_gone = false;
        self.declare_window(server);
        self.receive_next(server, endpoint, None, patience)
    }

    /// `reply_receive`: a server that does not own the time that it runs on leaves that to the caller.
    pub(crate) fn reply_receive(&mut self, server: Number) -> Result<(), Error> {
        let endpoint = self.find(self.handle_of(server), Kind::Endpoint, Rights::RECEIVE)?;
        self.check_reply(server)?;
        let caller = self.answer_caller(server);
        self.declare_window(server);
        self.receive_next(server, endpoint, caller, Patience::Waits)
    }

    /// Receives signals, else a message, else waits. `answered` is the caller that was just answered.
    fn receive_next(
        &mut self,
        server: Number,
        endpoint: Number,
        answered: Option<Number>,
        patience: Patience,
    ) -> Result<(), Error> {
        if self.has_signals(server) {
            let bits = self.take_bits(self.threads[&server].bound);
            self.deliver_signal(server, bits);
            self.hand_back(server, answered);
            self.continue_on(server, None);
            return Ok(());
        }
        if self.endpoints[&endpoint].senders.is_empty() {
            self.wait_for_message(server, endpoint);
            self.leave_to(server, answered);
            return Ok(());
        }
        for _ in 0..RECEIVE_TRIES {
            let Some(&sender) = self.endpoints[&endpoint].senders.first() else {
                break;
            };
            self.leave_queue(sender, endpoint);
            match self.take_message(sender, server) {
                Ok(context) => {
                    self.endpoint(endpoint).taken = Some(server);
                    self.hand_back(server, answered);
                    self.continue_on(server, context);
                    return Ok(());
                }
                Err(error) => {
                    let held = self.threads[&sender].context;
                    self.wake_refused(sender, held, error);
                }
            }
        }
        let is_more = !self.endpoints[&endpoint].senders.is_empty();
        let has_own = self.threads[&server].own.is_some();
        if has_own && (is_more || patience == Patience::Refuses) {
            self.hand_back(server, answered);
            self.continue_on(server, None);
            return Err(if is_more {
                Error::Again
            } else {
                Error::WouldBlock
            });
        }
        self.wait_for_message(server, endpoint);
        self.rest_after(server, answered);
        Ok(())
    }

    /// `server` waits at `endpoint`: last come, first served.
    fn wait_for_message(&mut self, server: Number, endpoint: Number) {
        self.thread(server).wait = Wait::Receive(endpoint);
        self.endpoint(endpoint).servers.push(server);
        self.clear_for_message(server);
    }

    /// The running thread `server` waits, and nothing is there: the caller that it answered goes on at
    /// once with the time that it had lent.
    fn leave_to(&mut self, server: Number, answered: Option<Number>) {
        let is_lent = self.running.map(|running| running.context) != self.threads[&server].own;
        match answered.filter(|it| is_lent && self.is_runnable(*it)) {
            Some(caller) => self.hand_over(caller),
            None => self.rest_after(server, answered),
        }
    }

    /// The running thread `server` waits: the caller that it answered has its time back, and whoever is
    /// most important goes on.
    fn rest_after(&mut self, server: Number, answered: Option<Number>) {
        self.hand_back(server, answered);
        self.thread(server).context = None;
        self.dispatch();
    }

    /// If `waiting` waits to send where a server receives, that one takes the first message, or turns it
    /// away: the answer is whether it was so. It is so behind messages that a server without time of its own turned
    /// away, which cannot go on by itself.
    pub(crate) fn take_up(&mut self, waiting: Number) -> bool {
        let Wait::Send { endpoint, .. } = self.threads[&waiting].wait else {
            return false;
        };
        let it = &self.endpoints[&endpoint];
        let (Some(&server), Some(&sender), Some(_)) =
            (it.servers.last(), it.senders.first(), it.id)
        else {
            return false;
        };
        self.leave_queue(sender, endpoint);
        match self.take_message(sender, server) {
            Ok(context) => {
                self.take_server(endpoint, server);
                self.resume_on(server, context);
            }
            Err(error) => {
                let held = self.threads[&sender].context;
                self.wake_refused(sender, held, error);
            }
        }
        true
    }

    /// Takes the message of `sender`, which is in no queue any more: the answer is the context with which
    /// the server goes on, if not its own.
    fn take_message(&mut self, sender: Number, server: Number) -> Result<Option<Number>, Error> {
        let Wait::Send { what, badge, .. } = self.threads[&sender].wait else {
            return Err(Error::BadArgument);
        };
        let held = self.threads[&sender]
            .context
            .or_else(|| self.own_at_rest(sender));
        // A server without time of its own cannot serve a sender whose time was destroyed.
        if held.is_none() && self.threads[&server].own.is_none() {
            return Err(Error::Died);
        }
        if let Message::Fault(..) = what {
            self.deliver_fault(sender, server, badge);
            self.serve(sender, server, what);
            return Ok(held);
        }
        let tag = self.tag_of(sender);
        let rights = self.threads[&sender]
            .sent_through
            .map_or(Rights::NONE, |(_, rights)| rights);
        self.check_outgoing(sender, tag, rights.contains(Rights::GRANT))?;
        self.check_incoming(server, tag)?;
        if what == Message::OneWay {
            let own = self.threads[&server].own.ok_or(Error::NoTime)?;
            self.deliver(sender, server, tag.with_kind(MessageKind::OneWay), badge);
            self.accept(sender);
            self.resume_on(sender, held);
            return Ok(Some(own));
        }
        self.deliver(sender, server, tag, badge);
        self.serve(sender, server, what);
        self.clear_for_message(sender);
        Ok(held)
    }

    /// `sender` waits for the reply of `server` now.
    fn serve(&mut self, sender: Number, server: Number, what: Message) {
        let it = self.thread(sender);
        it.wait = Wait::Reply { server, what };
        it.context = None;
    }
}
