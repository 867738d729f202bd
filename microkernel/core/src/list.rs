//! Doubly linked lists whose head is a field of one object and whose links are fields of others.
//!
//! The head's `PREV` and the last `NEXT` are zero. One list is one [`List`] constant; every paired
//! link of the kernel goes through here.

use crate::kernel::Kernel;
use crate::memory::{Fields, Memory};
use crate::object::{Field, Layout, Number};

/// Which fields make up a list of `E`s headed by an `H`.
pub struct List<H, E> {
    /// In the head: the first element.
    pub head: Field<H>,
    /// In an element: the next one.
    pub next: Field<E>,
    /// In an element: the previous one.
    pub prev: Field<E>,
}

impl<M: Memory + Copy> Kernel<M> {
    /// Puts `element`, which is in no such list, at the front.
    #[inline(always)]
    pub fn push<H: Layout, E: Layout>(
        &self,
        list: &List<H, E>,
        head: Number<H>,
        element: Number<E>,
    ) {
        let first: Number<E> = self.memory.link(head, list.head);
        self.memory.set_link(element, list.next, first);
        self.memory.set_link(element, list.prev, Number::<E>::NONE);
        if !first.is_none() {
            self.memory.set_link(first, list.prev, element);
        }
        self.memory.set_link(head, list.head, element);
    }

    /// Takes `element`, which is in the list, out of it.
    pub fn remove<H: Layout, E: Layout>(
        &self,
        list: &List<H, E>,
        head: Number<H>,
        element: Number<E>,
    ) {
        let next: Number<E> = self.memory.link(element, list.next);
        let prev: Number<E> = self.memory.link(element, list.prev);
        if prev.is_none() {
            self.memory.set_link(head, list.head, next);
        } else {
            self.memory.set_link(prev, list.next, next);
        }
        if !next.is_none() {
            self.memory.set_link(next, list.prev, prev);
        }
        self.memory.set_link(element, list.next, Number::<E>::NONE);
        self.memory.set_link(element, list.prev, Number::<E>::NONE);
    }
}
