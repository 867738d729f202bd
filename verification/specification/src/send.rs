//! Sending: `call`, `send`, and their variants that do not wait or not for long.
//!
//! ```text
//!              call, nobody receives            receive
//!  caller: ─────────────────────────▶ Send ─────────────────▶ Reply ──▶ runs
//!            call, somebody receives                 ▲           │ reply, reply_receive
//!          ──────────────────────────────────────────┘           ▼
//!  server: Receive ◀──────── receive, reply_receive ──────── serves it
//! ```
//!
//! Who is checked: the handle, the endpoint, what is sent; and, if somebody receives, what that one can
//! take. A message that waits is checked once more when it is taken.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use ipc_abi::tag::MessageKind;

use crate::state::{Message, Number, State, Target, Wait};

/// Whether a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// It may.
    Waits,
    /// It is refused with `WouldBlock`.
    Refuses,
}

/// A gate through which something can be sent.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    /// The gate.
    pub(crate) gate: Number,
    /// What the capability to it allows.
    pub(crate) rights: Rights,
    /// Its endpoint.
    pub(crate) endpoint: Number,
    /// Its badge.
    pub(crate) badge: u64,
}

impl State {
    /// The gate that `handle` of a thread names, with the right to send.
    fn find_route(&self, thread: Number, handle: u64) -> Result<Route, Error> {
        let capability = self.capability(thread, handle)?;
        self.check(&capability, Kind::Gate, Rights::SEND)?;
        let gate = self.gates[&capability.number];
        match gate.target {
            Target::Endpoint(endpoint) if self.endpoints[&endpoint].id.is_some() => Ok(Route {
                gate: capability.number,
                rights: capability.rights,
                endpoint,
                badge: gate.badge,
            }),
            Target::Endpoint(_) | Target::Notification(_) | Target::Nowhere => Err(Error::Died),
        }
    }

    /// `call`, `send`, `try_call`, `try_send`.
    pub(crate) fn send(
        &mut self,
        sender: Number,
        what: Message,
        patience: Patience,
    ) -> Result<(), Error> {
        let route = self.find_route(sender, self.handle_of(sender))?;
        let tag = self.tag_of(sender);
        self.check_outgoing(sender, tag, route.rights.contains(Rights::GRANT))?;
        let Some(&server) = self.endpoints[&route.endpoint].servers.last() else {
            if patience == Patience::Refuses {
                return Err(Error::WouldBlock);
            }
            self.note_sending(sender, route);
            self.wait_to_send(sender, what, route);
            return Ok(());
        };
        self.check_incoming(server, tag)?;
        if what == Message::OneWay {
            return self.send_one_way(sender, server, route);
        }
        self.note_sending(sender, route);
        self.take_server(route.endpoint, server);
        self.deliver(sender, server, tag, route.badge);
        self.thread(sender).wait = Wait::Reply { server, what };
        self.clear_for_message(sender);
        self.hand_over(server);
        Ok(())
    }

    /// Writes down through what a thread sends, and where it wants the capabilities of the reply.
    fn note_sending(&mut self, sender: Number, route: Route) {
        self.thread(sender).sent_through = Some((route.gate, route.rights));
        self.declare_window(sender);
    }

    /// The running thread waits behind the other senders of its band.
    pub(crate) fn wait_to_send(&mut self, sender: Number, what: Message, route: Route) {
        let Route {
            gate,
            endpoint,
            badge,
            ..
        } = route;
        let band = self.current_band();
        let before = |it: &Number| matches!(self.threads[it].wait, Wait::Send { band: other, .. } if other >= band);
        let place = self.endpoints[&endpoint].senders.partition_point(before);
        self.endpoint(endpoint).senders.insert(place, sender);
        self.thread(sender).wait = Wait::Send {
            endpoint,
            gate,
            what,
            badge,
            band,
        };
        self.block_and_help(endpoint);
    }

    /// `server` waits at `endpoint` no more: it takes a call or a fault.
    pub(crate) fn take_server(&mut self, endpoint: Number, server: Number) {
        let it = self.endpoint(endpoint);
        it.servers.retain(|other| *other != server);
        it.taken = Some(server);
    }

    /// A one-way message for a server that waits: that needs time of its own.
    fn send_one_way(&mut self, sender: Number, server: Number, route: Route) -> Result<(), Error> {
        let own = self.own_at_rest(server).ok_or(Error::NoTime)?;
        self.endpoint(route.endpoint)
            .servers
            .retain(|other| *other != server);
        let tag = self.tag_of(sender).with_kind(MessageKind::OneWay);
        self.deliver(sender, server, tag, route.badge);
        self.accept(sender);
        self.resume_on(server, Some(own));
        self.preempt();
        Ok(())
    }

    /// `sender` waits to send no more: who comes after it may have rested, and helps again.
    pub(crate) fn leave_queue(&mut self, sender: Number, endpoint: Number) {
        self.endpoint(endpoint)
            .senders
            .retain(|other| *other != sender);
        if let Some(context) = self.threads[&sender].context {
            self.end_help(context);
        }
        self.wake_helper(endpoint);
    }
}
