//! Creation: every object is made where its creator says, in a frame that is free or holds objects of
//! the same kind already.
//!
//! All creations check the same things first, in this order: the region, the place, the slot for the
//! capability. Then come the arguments of the kind.

use alloc::collections::BTreeMap;
use alloc::rc::Rc;
use alloc::vec::Vec;

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;

use crate::capability::{Answer, UNITS_PER_FRAME};
use crate::region::FrameUse;
use crate::state::{
    Capability, Context, Endpoint, Frame, Gate, Irq, Life, Notification, Number, PageTable,
    Registers, Reply, Sort, Space, State, Table, Target, Thread, Wait,
};

/// What a capability to a new object allows: most kinds.
pub(crate) const HOLDER: Rights = Rights::READ.union(Rights::WRITE).union(Rights::DESTROY);
/// An endpoint or a notification.
const RECEIVER: Rights = HOLDER.union(Rights::MAKE_GATE);
/// A gate to an endpoint.
const SENDER: Rights = Rights::SEND
    .union(Rights::GRANT)
    .union(Rights::GRANT_REPLY)
    .union(Rights::DESTROY);
/// A gate to a notification.
const SIGNALLER: Rights = Rights::SIGNAL.union(Rights::DESTROY);

/// A place for an object, and a slot for its capability, both empty.
#[derive(Clone, Copy)]
pub(crate) struct Vacancy {
    region: Number,
    /// Where the object will lie.
    pub(crate) number: Number,
    slot: (Number, u64),
    kind: Kind,
}

/// How many object numbers an object of a kind takes.
const fn units_of(kind: Kind) -> u64 {
    match kind {
        Kind::Frame => UNITS_PER_FRAME,
        Kind::Thread => 32,
        Kind::CapTable => 16,
        Kind::SchedulingContext | Kind::Endpoint => 8,
        Kind::Allowance | Kind::AddressSpace | Kind::Notification => 2,
        Kind::Region | Kind::Platform | Kind::Gate | Kind::Reply | Kind::Irq => 1,
    }
}

impl State {
    /// Checks region, place and slot of a new object.
    pub(crate) fn find_vacancy(
        &self,
        kind: Kind,
        region: u64,
        number: Number,
        place: u64,
    ) -> Result<Vacancy, Error> {
        let region = self.find(region, Kind::Region, Rights::WRITE)?;
        if !number.is_multiple_of(units_of(kind)) {
            return Err(Error::Misaligned);
        }
        let frame = number / UNITS_PER_FRAME;
        self.check_own(region, frame)?;
        self.check_is_memory(region)?;
        let is_vacant = match self.use_of(frame) {
            FrameUse::Free => true,
            FrameUse::Objects(found) => found == kind && !self.has_object(kind, number),
            FrameUse::User(_)
            | FrameUse::Unmade(_)
            | FrameUse::Slots(_)
            | FrameUse::Space(_)
            | FrameUse::Reserved => false,
        };
        if !is_vacant {
            return Err(Error::NotFree);
        }
        let slot = self.find_empty_slot(place)?;
        Ok(Vacancy {
            region,
            number,
            slot,
            kind,
        })
    }

    /// Whether an object of `kind`, living or dying, lies at a place.
    pub(crate) fn has_object(&self, kind: Kind, number: Number) -> bool {
        match kind {
            Kind::Region => self.regions.contains_key(&number),
            Kind::Allowance => self.allowances.contains_key(&number),
            Kind::Platform => self.platforms.contains_key(&number),
            Kind::Frame => self.frames.contains_key(&(number / UNITS_PER_FRAME)),
            Kind::AddressSpace => self.spaces.contains_key(&number),
            Kind::CapTable => self.tables.contains_key(&number),
            Kind::Thread => self.threads.contains_key(&number),
            Kind::SchedulingContext => self.contexts.contains_key(&number),
            Kind::Endpoint => self.endpoints.contains_key(&number),
            Kind::Gate => self.gates.contains_key(&number),
            Kind::Notification => self.notifications.contains_key(&number),
            Kind::Reply => self.replies.contains_key(&number),
            Kind::Irq => self.irqs.contains_key(&number),
        }
    }

    /// Takes the place and writes the capability: the answer is the new identity.
    pub(crate) fn occupy(&mut self, vacancy: Vacancy, rights: Rights) -> Option<u64> {
        let Vacancy {
            region,
            number,
            slot,
            kind,
        } = vacancy;
        let frame = number / UNITS_PER_FRAME;
        if self.use_of(frame) == FrameUse::Free {
            self.use_frame(region, frame);
        }
        let id = self.new_id();
        self.fill_slot(
            slot,
            Capability {
                kind,
                rights,
                number,
                id,
            },
        );
        Some(id)
    }

    /// Checks a frame that a new object takes whole, beside its place.
    fn check_beside(&self, vacancy: &Vacancy, frame: Frame) -> Result<(), Error> {
        self.check_whole(vacancy.region, frame)?;
        if frame == vacancy.number / UNITS_PER_FRAME {
            return Err(Error::NotFree);
        }
        Ok(())
    }

    /// `create_table`.
    pub(crate) fn create_table(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        slots: Frame,
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::CapTable, region, number, place)?;
        self.check_beside(&vacancy, slots)?;
        let id = self.occupy(vacancy, HOLDER);
        self.use_frame(vacancy.region, slots);
        let (chunks, slots) = (Vec::from([slots]), BTreeMap::new());
        self.tables
            .insert(number, Rc::new(Table { id, chunks, slots }));
        Ok(0)
    }

    /// `create_space`: it gets the lowest number that is left.
    pub(crate) fn create_space(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        [allowance, root]: [u64; 2],
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::AddressSpace, region, number, place)?;
        let (_, own) = self.find_numbers(allowance, Sort::Asid)?;
        self.check_beside(&vacancy, root)?;
        let asid = own
            .into_iter()
            .find(|asid| !self.is_number_used(Sort::Asid, *asid))
            .ok_or(Error::Exhausted)?;
        let id = self.occupy(vacancy, HOLDER);
        self.use_frame(vacancy.region, root);
        let table = PageTable {
            frame: root,
            shadow: None,
        };
        let space = Space {
            id,
            asid: Some(asid),
            tables: BTreeMap::from([((1, 0), table)]),
            ..Space::default()
        };
        self.spaces.insert(number, Rc::new(space));
        Ok(0)
    }

    /// `create_thread`.
    pub(crate) fn create_thread(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        [table, space]: [u64; 2],
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::Thread, region, number, place)?;
        let table = self.find(table, Kind::CapTable, Rights::WRITE)?;
        let space = self.find(space, Kind::AddressSpace, Rights::WRITE)?;
        let thread = Thread {
            id: self.occupy(vacancy, HOLDER),
            life: Life::New,
            wait: Wait::Nothing,
            deadline: None,
            table: Some(table),
            space: Some(space),
            own: None,
            context: None,
            is_caller_gone: false,
            handler: None,
            buffer: None,
            bound: None,
            window: 0,
            sent_through: None,
            flags: 0,
            is_stepping: false,
            debug: BTreeMap::new(),
            registers: Registers::default(),
        };
        self.threads.insert(number, Rc::new(thread));
        Ok(0)
    }

    /// `create_context`: without a budget, which `context_configure` may give it.
    pub(crate) fn create_context(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        [allowance, priority]: [u64; 2],
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::SchedulingContext, region, number, place)?;
        let (allowance, core) = self.find_time(allowance)?;
        self.check_time_grant(allowance, priority, 0, 0)?;
        let context = Context {
            id: self.occupy(vacancy, HOLDER),
            core,
            priority,
            budget: 0,
            period: 0,
            refills: Vec::new(),
            is_refilling: false,
            used: 0,
            share: 0,
            allowance: Some(allowance),
            handler: None,
        };
        self.contexts.insert(number, Rc::new(context));
        Ok(0)
    }

    /// `create_endpoint`.
    pub(crate) fn create_endpoint(&mut self, region: u64, number: Number, place: u64) -> Answer {
        let vacancy = self.find_vacancy(Kind::Endpoint, region, number, place)?;
        let id = self.occupy(vacancy, RECEIVER);
        self.endpoints.insert(
            number,
            Rc::new(Endpoint {
                id,
                ..Endpoint::default()
            }),
        );
        Ok(0)
    }

    /// `create_notification`.
    pub(crate) fn create_notification(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::Notification, region, number, place)?;
        let id = self.occupy(vacancy, RECEIVER);
        self.notifications
            .insert(number, Notification { id, bits: 0 });
        Ok(0)
    }

    /// `create_reply`.
    pub(crate) fn create_reply(&mut self, region: u64, number: Number, place: u64) -> Answer {
        let vacancy = self.find_vacancy(Kind::Reply, region, number, place)?;
        let id = self.occupy(vacancy, HOLDER);
        self.replies.insert(
            number,
            Reply {
                id,
                ..Reply::default()
            },
        );
        Ok(0)
    }

    /// `create_gate`: to an endpoint, or to a notification.
    pub(crate) fn create_gate(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        [target, badge]: [u64; 2],
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::Gate, region, number, place)?;
        let (target, rights) = match self.find(target, Kind::Endpoint, Rights::MAKE_GATE) {
            Ok(endpoint) => (Target::Endpoint(endpoint), SENDER),
            Err(Error::WrongKind) => {
                let found = self.find(target, Kind::Notification, Rights::MAKE_GATE)?;
                (Target::Notification(found), SIGNALLER)
            }
            Err(error) => return Err(error),
        };
        let id = self.occupy(vacancy, rights);
        self.gates.insert(number, Gate { id, badge, target });
        Ok(0)
    }

    /// `create_irq`: a line has one object at most.
    pub(crate) fn create_irq(
        &mut self,
        region: u64,
        number: Number,
        place: u64,
        [allowance, line]: [u64; 2],
    ) -> Answer {
        let vacancy = self.find_vacancy(Kind::Irq, region, number, place)?;
        let (_, own) = self.find_numbers(allowance, Sort::Irq)?;
        if !own.contains(&line) {
            return Err(Error::OutOfRange);
        }
        if self.is_number_used(Sort::Irq, line) {
            return Err(Error::Exhausted);
        }
        let id = self.occupy(vacancy, HOLDER);
        let irq = Irq {
            id,
            line,
            target: None,
            is_pending: false,
        };
        self.irqs.insert(number, irq);
        Ok(0)
    }
}
