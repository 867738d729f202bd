//! Changing one object of the state. Whoever asks for one has found it before; that there is none is a
//! mistake in the specification, or in the state that it was given.

use alloc::rc::Rc;

use crate::state::{
    Allowance, Context, Endpoint, Frame, Gate, Identity, Irq, Number, Region, Reply, Space, State,
    Table, Thread, UserFrame,
};

impl State {
    /// The region at a place.
    pub(crate) fn region(&mut self, number: Number) -> &mut Region {
        self.regions.get_mut(&number).expect("a region")
    }

    /// The allowance at a place.
    pub(crate) fn allowance(&mut self, number: Number) -> &mut Allowance {
        self.allowances.get_mut(&number).expect("an allowance")
    }

    /// A user frame.
    pub(crate) fn frame(&mut self, frame: Frame) -> &mut UserFrame {
        Rc::make_mut(self.frames.get_mut(&frame).expect("a user frame"))
    }

    /// The space at a place.
    pub(crate) fn space(&mut self, number: Number) -> &mut Space {
        Rc::make_mut(self.spaces.get_mut(&number).expect("a space"))
    }

    /// The table at a place.
    pub(crate) fn table(&mut self, number: Number) -> &mut Table {
        Rc::make_mut(self.tables.get_mut(&number).expect("a table"))
    }

    /// The thread at a place.
    pub(crate) fn thread(&mut self, number: Number) -> &mut Thread {
        Rc::make_mut(self.threads.get_mut(&number).expect("a thread"))
    }

    /// The context at a place.
    pub(crate) fn context(&mut self, number: Number) -> &mut Context {
        Rc::make_mut(self.contexts.get_mut(&number).expect("a context"))
    }

    /// The endpoint at a place.
    pub(crate) fn endpoint(&mut self, number: Number) -> &mut Endpoint {
        Rc::make_mut(self.endpoints.get_mut(&number).expect("an endpoint"))
    }

    /// The gate at a place.
    pub(crate) fn gate(&mut self, number: Number) -> &mut Gate {
        self.gates.get_mut(&number).expect("a gate")
    }

    /// The reply object at a place.
    pub(crate) fn reply_object(&mut self, number: Number) -> &mut Reply {
        self.replies.get_mut(&number).expect("a reply object")
    }

    /// The interrupt at a place.
    pub(crate) fn irq(&mut self, number: Number) -> &mut Irq {
        self.irqs.get_mut(&number).expect("an interrupt")
    }

    /// An identity that no object has or had.
    pub(crate) fn new_id(&mut self) -> Identity {
        self.next_id += 1;
        self.next_id - 1
    }
}
