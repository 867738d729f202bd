//! Making objects for a scenario.

use super::*;

impl Stage {
    /// A place for an object of a kind.
    fn place_for<O: Layout>(&mut self, kind: Kind) -> u64 {
        let units = (O::WORDS / UNIT_WORDS) as u64;
        if self.placement == Placement::Pooled && self.next_frame.is_none() {
            let memory = &self.host.memory;
            let pool = self.pools.iter_mut().find(|(of, frame, next)| {
                let is_pool = memory.kind(Frame(*frame)) == kind as u8;
                *of == kind && is_pool && *next + units <= UNITS_PER_FRAME
            });
            if let Some((_, frame, next)) = pool {
                *next += units;
                return *frame * UNITS_PER_FRAME + *next - units;
            }
        }
        let frame = self.free_frame();
        self.pools.push((kind, frame, units));
        frame * UNITS_PER_FRAME
    }

    /// Makes an object by `create(kernel, number, destination)`; its handle.
    fn make<O: Layout>(
        &mut self,
        kind: Kind,
        create: impl FnOnce(Kernel<&HostMemory>, u64, u64) -> Answer,
    ) -> u64 {
        let (destination, handle) = self.slot();
        let number = self.place_for::<O>(kind);
        self.done(create(self.kernel(), number, destination));
        self.note(kind, handle)
    }

    /// Notes that an object was made. No identity comes twice.
    pub(in super::super) fn note(&mut self, kind: Kind, handle: u64) -> u64 {
        let kernel = self.kernel();
        let capability = kernel.capability_of(kernel.current(), handle);
        let capability = capability.expect("a capability");
        assert!(capability.id > self.last_id, "identities only grow");
        self.last_id = capability.id;
        let number = capability.number();
        self.made.push(Made {
            kind,
            handle,
            number,
        });
        handle
    }

    pub(in super::super) fn endpoint(&mut self) -> u64 {
        self.make::<Endpoint>(Kind::Endpoint, |k, o, d| k.create_endpoint(MEMORY, o, d))
    }

    pub(in super::super) fn gate(&mut self, target: u64) -> u64 {
        self.make::<Gate>(Kind::Gate, |k, o, d| k.create_gate(MEMORY, o, d, target, 1))
    }

    pub(in super::super) fn notification(&mut self) -> u64 {
        self.make::<Notification>(Kind::Notification, |k, o, d| {
            k.create_notification(MEMORY, o, d)
        })
    }

    pub(in super::super) fn reply(&mut self) -> u64 {
        self.make::<Reply>(Kind::Reply, |k, o, d| k.create_reply(MEMORY, o, d))
    }

    pub(in super::super) fn irq(&mut self, line: u64) -> u64 {
        self.irq_of(IRQS, line)
    }

    pub(in super::super) fn irq_of(&mut self, irqs: u64, line: u64) -> u64 {
        self.make::<Irq>(Kind::Irq, |k, o, d| k.create_irq(MEMORY, o, d, irqs, line))
    }

    pub(in super::super) fn allowance(&mut self, parent: u64, count: u64) -> u64 {
        self.split.push((parent, count));
        self.make::<Allowance>(Kind::Allowance, |k, o, d| {
            k.allowance_split(MEMORY, o, d, parent, count)
        })
    }

    pub(in super::super) fn context(&mut self, time: u64, priority: u64) -> u64 {
        self.make::<Context>(Kind::SchedulingContext, |k, o, d| {
            k.create_context(MEMORY, o, d, time, priority)
        })
    }

    pub(in super::super) fn thread(&mut self, table: u64, space: u64) -> u64 {
        self.make::<Thread>(Kind::Thread, |k, o, d| {
            k.create_thread(MEMORY, o, d, table, space)
        })
    }

    pub(in super::super) fn table(&mut self) -> u64 {
        self.table_of(None)
    }

    /// A table whose slots are in a certain frame.
    pub(in super::super) fn table_with_slots(&mut self, slots: u64) -> u64 {
        self.table_of(Some(slots))
    }

    fn table_of(&mut self, slots: Option<u64>) -> u64 {
        let (destination, handle) = self.slot();
        let not = slots.unwrap_or(0);
        let object = self.place_apart::<CapTable>(Kind::CapTable, not);
        let slots = slots.unwrap_or_else(|| self.other_frame(object / UNITS_PER_FRAME));
        let answer = self
            .kernel()
            .create_table(MEMORY, object, destination, slots);
        self.done(answer);
        self.note(Kind::CapTable, handle)
    }

    pub(in super::super) fn space(&mut self, asids: u64) -> u64 {
        self.space_of(asids, None)
    }

    /// A space whose first table is in a certain frame.
    pub(in super::super) fn space_with_root(&mut self, root: u64) -> u64 {
        self.space_of(ASIDS, Some(root))
    }

    fn space_of(&mut self, asids: u64, root: Option<u64>) -> u64 {
        let (destination, handle) = self.slot();
        let not = root.unwrap_or(0);
        let object = self.place_apart::<Space>(Kind::AddressSpace, not);
        let root = root.unwrap_or_else(|| self.other_frame(object / UNITS_PER_FRAME));
        let answer = self
            .kernel()
            .create_space(MEMORY, object, destination, asids, root);
        self.done(answer);
        self.note(Kind::AddressSpace, handle)
    }

    /// A place that is not in the frame `not`.
    fn place_apart<O: Layout>(&mut self, kind: Kind, not: u64) -> u64 {
        loop {
            let object = self.place_for::<O>(kind);
            if object / UNITS_PER_FRAME != not {
                return object;
            }
        }
    }

    /// What a frame is.
    pub(in super::super) fn kind_of(&self, frame: u64) -> u8 {
        (&self.host.memory).kind(Frame(frame))
    }

    fn other_frame(&mut self, than: u64) -> u64 {
        for _ in 0..64 {
            let frame = self.free_frame();
            if frame != than {
                return frame;
            }
        }
        panic!("the dice always fall the same");
    }

    pub(in super::super) fn frame(&mut self) -> u64 {
        let (destination, handle) = self.slot();
        let object = self.free_frame() * UNITS_PER_FRAME;
        self.done(self.kernel().create_frame(MEMORY, object, destination));
        self.note(Kind::Frame, handle)
    }

    /// Splits frames off the memory.
    pub(in super::super) fn region(&mut self, frames: u64) -> u64 {
        let (destination, handle) = self.slot();
        loop {
            match self.kernel().region_split(MEMORY, frames, destination) {
                Err(Error::Again) => self.leave(),
                answer => break self.done(answer),
            }
        }
        self.split.push((MEMORY, frames));
        self.note(Kind::Region, handle)
    }
}
