//! The tasks of a thread that serves.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::task::Wake;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::Future;
use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::{Context, Poll, Waker};

use ipc_abi::interface::asynchronous::Reply;
use ipc_abi::interface::{Caller, Promise};

use super::memory::HeapMemory;
use super::waiting::WAITING;
use super::{Limits, clock};
use crate::desk::DESK;
use crate::time::{Deadline, Duration};

/// How often it is looked for callers that gave up, while any wait. The kernel tells nobody that a caller's time was
/// over; it has to be asked, once for each task.
pub(super) const SWEEP_PERIOD: Duration = Duration::from_millis(100);

/// What a task answers.
pub(super) type TaskReply = Reply<HeapMemory>;

/// What a task does.
pub(super) type Run<'a> = Pin<Box<dyn Future<Output = TaskReply> + 'a>>;

/// The tasks.
pub(super) struct Pool<'a> {
    limits: Limits,
    tasks: RefCell<Vec<Task<'a>>>,
    is_any_awake: Arc<AtomicBool>,
    next_sweep: Cell<Deadline>,
}

/// A task. What it holds is dropped before its caller hears that it is not answered.
struct Task<'a> {
    run: Run<'a>,
    /// Who waits for it, if somebody does.
    promise: Option<Promise<TaskReply>>,
    /// Whose it is; `None` for the server's own.
    client: Option<u8>,
    alarm: Arc<Alarm>,
}

/// Says that a task can go on.
struct Alarm {
    is_awake: AtomicBool,
    is_any_awake: Arc<AtomicBool>,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_awake.store(true, Ordering::Release);
        self.is_any_awake.store(true, Ordering::Release);
    }
}

/// What a thread that serves does when it has let its tasks go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Some can go on at once: it only looks whether a message is there.
    Look,
    /// Each waits: it receives until then, or for ever.
    Receive(Option<Deadline>),
}

impl Task<'_> {
    /// Goes on, if it was woken; but not for a caller that has gone, so that it takes nothing which others want.
    fn poll(&mut self) -> Poll<()> {
        if !self.alarm.is_awake.swap(false, Ordering::Acquire) {
            return Poll::Pending;
        }
        if self.is_abandoned() {
            return Poll::Ready(());
        }
        let waker = Waker::from(Arc::clone(&self.alarm));
        let polled = self.run.as_mut().poll(&mut Context::from_waker(&waker));
        polled.map(|reply| {
            if let Some(promise) = self.promise.take() {
                promise.answer(reply);
            }
        })
    }

    fn is_abandoned(&self) -> bool {
        self.promise.as_ref().is_some_and(Promise::is_abandoned)
    }
}

impl<'a> Pool<'a> {
    pub(super) fn new(limits: Limits) -> Pool<'a> {
        Pool {
            limits,
            tasks: RefCell::default(),
            is_any_awake: Arc::default(),
            next_sweep: Cell::new(Deadline::NEVER),
        }
    }

    /// Adds a task of the server's own.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'a) {
        let run = Box::pin(async {
            future.await;
            // For nobody.
            Reply::new(&())
        });
        self.add(run, None, None);
    }

    /// Adds a task of a client, which waits for it if there is a promise; gives them back if there are as many
    /// as there may be.
    ///
    /// # Errors
    ///
    /// What was to be added.
    pub(super) fn admit(
        &self,
        run: Run<'a>,
        caller: Caller,
        promise: Option<Promise<TaskReply>>,
    ) -> Result<(), (Run<'a>, Option<Promise<TaskReply>>)> {
        let client = caller.client();
        if !self.has_room(client) {
            self.sweep();
        }
        if !self.has_room(client) {
            return Err((run, promise));
        }
        self.add(run, Some(client), promise);
        Ok(())
    }

    fn add(&self, run: Run<'a>, client: Option<u8>, promise: Option<Promise<TaskReply>>) {
        let alarm = Alarm {
            is_awake: AtomicBool::new(true),
            is_any_awake: Arc::clone(&self.is_any_awake),
        };
        self.is_any_awake.store(true, Ordering::Release);
        if promise.is_some() && !self.has_callers() {
            self.next_sweep.set(clock::after(SWEEP_PERIOD));
        }
        self.tasks.borrow_mut().push(Task {
            run,
            promise,
            client,
            alarm: Arc::new(alarm),
        });
    }

    fn has_room(&self, client: u8) -> bool {
        let tasks = self.tasks.borrow();
        let of_clients = tasks.iter().filter(|task| task.client.is_some()).count();
        let of_client = tasks.iter().filter(|task| task.client == Some(client));
        of_clients < self.limits.tasks && of_client.count() < self.limits.tasks_per_client
    }

    /// How many tasks there are.
    pub(super) fn count(&self) -> usize {
        self.tasks.borrow().len()
    }

    /// Keeps the tasks that stay and drops the others. They are taken out meanwhile, so that what they do finds
    /// the pool as it always is.
    fn retain(&self, stays: impl FnMut(&mut Task<'a>) -> bool) {
        let mut tasks = self.tasks.take();
        tasks.retain_mut(stays);
        let added = self.tasks.replace(tasks);
        self.tasks.borrow_mut().extend(added);
    }

    /// Lets those that were woken go on.
    fn poll_woken(&self) {
        if self.is_any_awake.swap(false, Ordering::Acquire) {
            self.retain(|task| task.poll().is_pending());
        }
    }

    /// Drops the tasks of a client that died.
    pub(super) fn disconnect(&self, client: u8) {
        self.retain(|task| task.client != Some(client));
    }

    /// Drops the tasks whose callers died or gave up, as far as that can be found out now.
    pub(super) fn sweep(&self) {
        self.retain(|task| !task.is_abandoned());
    }

    /// Whether somebody waits for a task.
    fn has_callers(&self) -> bool {
        self.tasks
            .borrow()
            .iter()
            .any(|task| task.promise.is_some())
    }

    /// When it is time to do something although nothing happens.
    fn next_deadline(&self) -> Option<Deadline> {
        let sweep = self.has_callers().then(|| self.next_sweep.get());
        [WAITING.next_deadline(), sweep].into_iter().flatten().min()
    }

    /// Lets the tasks that can go on do so, each once. Nobody is being served.
    pub(super) fn turn(&self) -> Next {
        DESK.begin_idling();
        WAITING.expire(clock::now());
        if clock::is_over(self.next_sweep.get()) {
            self.sweep();
            self.next_sweep.set(clock::after(SWEEP_PERIOD));
        }
        self.poll_woken();
        DESK.end_idling();
        if self.is_any_awake.load(Ordering::Acquire) {
            Next::Look
        } else {
            Next::Receive(self.next_deadline())
        }
    }

    /// Whether there is nothing for a turn to do, now or at any time before the next message.
    pub(super) fn is_quiet(&self) -> bool {
        !self.is_any_awake.load(Ordering::Acquire) && self.next_deadline().is_none()
    }
}
