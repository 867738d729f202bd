//! Where callers wait for late answers: the process's reply objects.
//!
//! A caller is saved before the method is called that promises it an answer. So an answer reaches it
//! whenever it is given, and a place is taken exactly as long as somebody waits there: the kernel lets
//! go of callers that died or gave up, which is found out when a place is needed.

use core::sync::atomic::{AtomicU64, Ordering};

use heapless::Vec;
use ipc_abi::error::Error;
use ipc_abi::interface::ProtocolError;
use ipc_abi::interface::promise::{Desk, Gone, Ticket};
use ipc_abi::interface::server::reply_protocol_error;
use ipc_abi::manifest::REPLIES_MAX;
use ipc_abi::message::{LongWriter, Message};

use crate::buffer::MessageBuffer;
use crate::control::current_thread;
use crate::sync::Mutex;
use crate::syscall;

/// The desk of this process.
pub(crate) static DESK: ReplyDesk<Native> = ReplyDesk::new(Native);

/// Gives this process further reply objects, by handle: places for callers that wait for late answers.
/// Those that `system.toml` gives it are there from the start. More than [`REPLIES_MAX`] in all are
/// left alone.
pub fn offer_replies(handles: impl IntoIterator<Item = u32>) {
    DESK.offer(handles);
}

/// What the desk needs of the kernel.
pub(crate) trait Replies {
    fn save_caller(&self, reply: u32) -> Result<(), Error>;
    fn reply_to(&self, reply: u32, message: Message) -> Result<(), Error>;
}

/// The kernel.
pub(crate) struct Native;

impl Replies for Native {
    fn save_caller(&self, reply: u32) -> Result<(), Error> {
        syscall::save_caller(reply)
    }

    fn reply_to(&self, reply: u32, message: Message) -> Result<(), Error> {
        syscall::reply_to(reply, message)
    }
}

/// The reply objects of a process.
pub(crate) struct ReplyDesk<K> {
    kernel: K,
    places: Mutex<Vec<Place, REPLIES_MAX>>,
    /// The thread that serves nobody at the moment, so that asking the kernel about a place cannot put
    /// a caller into it; 0 for none.
    idle_thread: AtomicU64,
}

/// A reply object.
struct Place {
    handle: u32,
    generation: u64,
    is_taken: bool,
}

impl Place {
    fn free(&mut self) {
        self.is_taken = false;
        self.generation = self.generation.wrapping_add(1);
    }
}

impl<K: Replies> ReplyDesk<K> {
    pub(crate) const fn new(kernel: K) -> ReplyDesk<K> {
        ReplyDesk {
            kernel,
            places: Mutex::new(Vec::new()),
            idle_thread: AtomicU64::new(0),
        }
    }

    /// Adds places.
    pub(crate) fn offer(&self, handles: impl IntoIterator<Item = u32>) {
        let mut places = self.places.lock();
        for handle in handles {
            let place = Place {
                handle,
                generation: 0,
                is_taken: false,
            };
            // One too many is left alone.
            let _ = places.push(place);
        }
    }

    /// Saves the current caller in a place that is free, or whose caller is gone.
    ///
    /// # Errors
    ///
    /// `NoPlace`.
    pub(crate) fn keep(&self) -> Result<Ticket, ProtocolError> {
        let mut places = self.places.lock();
        for must_be_taken in [false, true] {
            for (place, number) in places.iter_mut().zip(0..) {
                if place.is_taken != must_be_taken {
                    continue;
                }
                match self.kernel.save_caller(place.handle) {
                    Ok(()) => {}
                    // Whoever was kept there still waits.
                    Err(Error::InUse) => continue,
                    // The current caller is gone, or cannot be saved.
                    Err(_) => return Err(ProtocolError::NoPlace),
                }
                place.free();
                place.is_taken = true;
                self.begin_idling();
                return Ok(Ticket {
                    place: number,
                    generation: place.generation,
                });
            }
        }
        Err(ProtocolError::NoPlace)
    }

    /// From here on, until [`ReplyDesk::end_idling`], this thread serves nobody.
    pub(crate) fn begin_idling(&self) {
        self.idle_thread.store(current_thread(), Ordering::Relaxed);
    }

    /// This thread is about to serve somebody.
    pub(crate) fn end_idling(&self) {
        self.idle_thread.store(0, Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.idle_thread.load(Ordering::Relaxed) == current_thread()
    }

    fn send(&self, place: &mut Place, message: Message) -> Result<(), Gone> {
        let mut sent = self.kernel.reply_to(place.handle, message);
        if let Err(error) = sent
            && let Some(refusal) = instead_of(error)
        {
            sent = self
                .kernel
                .reply_to(place.handle, reply_protocol_error(refusal));
        }
        place.free();
        sent.map_err(|_| Gone)
    }
}

/// What the caller gets instead of an answer that the kernel refuses to send; nothing if it is gone.
fn instead_of(error: Error) -> Option<ProtocolError> {
    if matches!(error, Error::NoCaller | Error::Died) {
        return None;
    }
    Some(if error == Error::NoBuffer {
        ProtocolError::NoBuffer
    } else if error == Error::TooLong {
        ProtocolError::ReplyTooLong
    } else {
        ProtocolError::Unanswered
    })
}

/// Finds who waits at `ticket`, if somebody does.
fn find(places: &mut [Place], ticket: Ticket) -> Option<&mut Place> {
    let place = places.get_mut(ticket.place as usize)?;
    (place.is_taken && place.generation == ticket.generation).then_some(place)
}

impl<K: Replies> Desk for ReplyDesk<K> {
    fn answer(
        &self,
        ticket: Ticket,
        encode: &mut dyn FnMut(&mut dyn LongWriter) -> Message,
    ) -> Result<(), Gone> {
        // Not under the lock: it may run code of the answer's type.
        let message = encode(&mut MessageBuffer);
        let mut places = self.places.lock();
        let place = find(&mut places, ticket).ok_or(Gone)?;
        self.send(place, message)
    }

    fn is_abandoned(&self, ticket: Ticket) -> bool {
        let mut places = self.places.lock();
        let Some(place) = find(&mut places, ticket) else {
            return true;
        };
        if !self.is_idle() {
            return false;
        }
        // There is no current caller to be saved, so this only asks.
        match self.kernel.save_caller(place.handle) {
            Err(Error::NoCaller | Error::Died) => {
                place.free();
                true
            }
            Ok(()) | Err(_) => false,
        }
    }
}

#[cfg(test)]
#[path = "desk_test.rs"]
mod tests;
