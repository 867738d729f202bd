//! The server.

use core::cell::{Cell, RefCell};

use ipc_abi::interface::Caller;
use userlib::executor::{Change, Limits, signal, sleep_for};
use userlib::time::Duration;
use userlib::{AsyncEvents, Environment, serve_async_events};

use crate::pin::Pin;
use crate::service::{AsyncPatience, Look, PatienceInterface};

/// One less in all than there are places for callers.
const LIMITS: Limits = Limits {
    tasks: 3,
    tasks_per_client: 2,
};

struct Server {
    look: Cell<Look>,
    /// How often the door was opened.
    openings: Cell<u64>,
    door: Change,
    pin: RefCell<Option<Pin>>,
}

/// A visit: begun when it is made, cut off if it is dropped before its end.
struct Visit<'a> {
    look: &'a Cell<Look>,
    has_ended: bool,
}

impl<'a> Visit<'a> {
    fn begin(look: &'a Cell<Look>) -> Visit<'a> {
        look.update(|look| Look {
            begun: look.begun + 1,
            inside: look.inside + 1,
            ..look
        });
        Visit {
            look,
            has_ended: false,
        }
    }

    fn end(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let dropped = u32::from(!self.has_ended);
        self.look.update(|look| Look {
            inside: look.inside - 1,
            dropped: look.dropped + dropped,
            ..look
        });
    }
}

impl AsyncPatience for Server {
    async fn nap(&self, caller: Caller, milliseconds: u64, word: &[u8]) -> u64 {
        let visit = Visit::begin(&self.look);
        sleep_for(Duration::from_millis(milliseconds)).await;
        visit.end();
        self.look.update(|look| Look {
            last_awake: caller.client(),
            ..look
        });
        word.iter().map(|byte| u64::from(*byte)).sum()
    }

    async fn pass(&self, caller: Caller) -> u64 {
        let visit = Visit::begin(&self.look);
        let before = self.openings.get();
        let is_open = || (self.openings.get() != before).then_some(());
        self.door.until(is_open).await;
        visit.end();
        caller.client().into()
    }

    async fn open(&self) {
        self.openings.update(|count| count + 1);
        self.door.announce();
    }

    async fn look(&self) -> Look {
        self.look.get()
    }

    async fn doze(&self, milliseconds: u64) {
        let visit = Visit::begin(&self.look);
        sleep_for(Duration::from_millis(milliseconds)).await;
        visit.end();
    }

    async fn interrupt(&self) -> bool {
        let Some(bits) = self.pin.borrow().as_ref().map(Pin::bits) else {
            return false;
        };
        self.pin.borrow_mut().iter_mut().for_each(Pin::raise);
        let came = signal(bits).await;
        let is_over = self.pin.borrow_mut().as_mut().is_some_and(Pin::lower);
        came == bits && is_over
    }
}

impl AsyncEvents for Server {
    fn on_disconnect(&self, _client: u8) {
        self.look.update(|look| Look {
            deaths: look.deaths + 1,
            ..look
        });
    }
}

/// Serves.
pub(crate) fn run(mut environment: Environment) {
    let endpoint = match environment.endpoint() {
        Ok(endpoint) => endpoint,
        Err(error) => panic!("patience cannot serve: {error}"),
    };
    let server = Server {
        look: Cell::default(),
        openings: Cell::new(0),
        door: Change::new(),
        pin: RefCell::new(Pin::take(&mut environment)),
    };
    let error = serve_async_events(PatienceInterface, endpoint, &server, LIMITS);
    panic!("patience cannot serve any more: {}", error.name());
}
