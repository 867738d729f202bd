//! The threads of a life: its first, and those that wait until the program has something for them.

use alloc::vec::Vec;

use ipc_abi::boot::FirstHandle;
use ipc_abi::capability::{Access, Rights};
use ipc_abi::manifest::Badge;
use ipc_abi::startup::ThreadsGrant;

use super::Builder;
use crate::kernel::{Handle, Kernel, Object, ThreadParts, ThreadStart};
use crate::layout::{self, ThreadPlace};
use crate::store::MakeError;

/// The bit that wakes a thread.
const WAKE: u64 = 1;

/// A thread that is ready to be started.
pub(super) struct NewThread {
    number: u8,
    stack_top: u64,
    /// The thread.
    pub(super) handle: Handle,
    /// What it gets.
    pub(super) parts: ThreadParts,
}

impl<K: Kernel> Builder<'_, K> {
    /// Makes the first thread, which receives the signals of `notification`.
    pub(super) fn make_first_thread(
        &mut self,
        buffer: Handle,
        notification: Option<Handle>,
    ) -> Result<NewThread, MakeError> {
        let thread = self.make_thread(0, layout::STACK_TOP, buffer)?;
        Ok(NewThread {
            parts: ThreadParts {
                notification,
                ..thread.parts
            },
            ..thread
        })
    }

    /// Makes the other threads: the stack of each, its message buffer, and where it waits. The process gets no
    /// capability to a thread: it can only wake them.
    pub(super) fn make_threads(&mut self) -> Result<Vec<NewThread>, MakeError> {
        let (count, pages) = (self.order.process.threads, self.order.process.stack_pages);
        let mut threads = Vec::new();
        if count == 0 {
            return Ok(threads);
        }
        self.startup.threads = ThreadsGrant {
            count,
            first_slot: self.next_slot,
            first_buffer: ThreadPlace::new(1, pages).buffer,
            stride: layout::thread_stride(pages),
        };
        for _ in 0..=count {
            self.give_place()?;
        }
        for number in 1..=count {
            let place = ThreadPlace::new(number, pages);
            self.map_stack(place.stack_top, pages)?;
            let buffer = self.make_page(place.buffer, &[], Access::READ_WRITE)?;
            self.readable.push((place.buffer, buffer));
            threads.push(self.make_thread(number, place.stack_top, buffer)?);
        }
        Ok(threads)
    }

    /// Gives the notification where the next thread waits, and the gate that wakes it.
    fn give_place(&mut self) -> Result<(), MakeError> {
        let notification = self.store.make(self.holdings, Object::Notification)?;
        let gate = Object::Gate {
            target: notification,
            badge: WAKE,
        };
        let gate = self.store.make(self.holdings, gate)?;
        for (from, rights) in [(notification, Rights::RECEIVE), (gate, Rights::SIGNAL)] {
            self.grant(from, rights)?;
            self.store.drop_slot(self.holdings, from)?;
        }
        Ok(())
    }

    fn make_thread(
        &mut self,
        number: u8,
        stack_top: u64,
        buffer: Handle,
    ) -> Result<NewThread, MakeError> {
        let object = Object::Thread {
            table: self.table,
            space: self.space,
        };
        let handle = self.store.make(self.holdings, object)?;
        let object = Object::Context {
            time: FirstHandle::Time as Handle,
            priority: self.order.process.priority,
        };
        let context = self.store.make(self.holdings, object)?;
        let object = Object::Gate {
            target: self.order.faults,
            badge: Badge::of_thread(self.order.number, number).into_raw(),
        };
        let handler = self.store.make(self.holdings, object)?;
        Ok(NewThread {
            number,
            stack_top,
            handle,
            parts: ThreadParts {
                context,
                buffer,
                handler,
                notification: None,
            },
        })
    }

    /// Starts a thread.
    pub(super) fn start_thread(&mut self, thread: &NewThread) -> Result<(), MakeError> {
        let start = ThreadStart {
            entry: self.order.process.program.entry,
            stack: thread.stack_top,
            argument: layout::STARTUP + u64::from(thread.number),
            incarnation: self.order.incarnation,
        };
        let parts = thread.parts;
        self.store.kernel.equip_thread(thread.handle, parts)?;
        self.store.kernel.start_thread(thread.handle, start)?;
        self.store.drop_slot(self.holdings, parts.context)?;
        self.store.drop_slot(self.holdings, parts.handler)
    }
}
