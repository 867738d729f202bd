//! How each call is made.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each function makes some of the calls"
)]

use super::*;

impl Chooser<'_> {
    pub(super) fn create(&self, call: SystemCall) -> Option<Answer> {
        let k = self.fixture.kernel();
        let region = self.handle(0, Kind::Region);
        let to = self.destination(2);
        let place = |kind, units| self.object(1, kind, units);
        Some(match call {
            SystemCall::AllowanceSplit => {
                let from = self.handle(3, Kind::Allowance);
                k.allowance_split(
                    region,
                    place(Kind::Allowance, 2),
                    to,
                    from,
                    if self.seed(4).is_multiple_of(2) {
                        self.small(4, 40)
                    } else {
                        self.small(4, 256) << 24 | 0xFFFF
                    },
                )
            }
            SystemCall::CreateFrame => {
                let object = self.frame(1) * 64 + u64::from(self.seed(1) == 77);
                k.create_frame(region, object, to)
            }
            SystemCall::CreateLargeFrame => {
                let object =
                    self.frame(1) / 512 * 512 * 64 + u64::from(self.seed(1) % 64 == 7) * 64;
                k.create_large_frame(region, object, to)
            }
            SystemCall::CreateSpace => {
                let asids = self.handle(3, Kind::Allowance);
                let root = self.frame(4);
                k.create_space(region, place(Kind::AddressSpace, 2), to, asids, root)
            }
            SystemCall::CreateTable => {
                k.create_table(region, place(Kind::CapTable, 16), to, self.frame(3))
            }
            SystemCall::CreateThread => {
                let (table, space) = (
                    self.handle(3, Kind::CapTable),
                    self.handle(4, Kind::AddressSpace),
                );
                k.create_thread(region, place(Kind::Thread, 32), to, table, space)
            }
            SystemCall::CreateContext => {
                let time = self.handle(3, Kind::Allowance);
                let object = place(Kind::SchedulingContext, 8);
                k.create_context(region, object, to, time, 250 + self.small(4, 7))
            }
            SystemCall::CreateEndpoint => k.create_endpoint(region, place(Kind::Endpoint, 8), to),
            SystemCall::CreateGate => {
                let kind = if self.seed(3).is_multiple_of(3) {
                    Kind::Notification
                } else {
                    Kind::Endpoint
                };
                let target = self.handle(3, kind);
                k.create_gate(region, place(Kind::Gate, 1), to, target, self.seed(4))
            }
            SystemCall::CreateNotification => {
                k.create_notification(region, place(Kind::Notification, 2), to)
            }
            SystemCall::CreateReply => k.create_reply(region, place(Kind::Reply, 1), to),
            SystemCall::CreateIrq => {
                let lines = self.handle(3, Kind::Allowance);
                k.create_irq(region, place(Kind::Irq, 1), to, lines, self.small(4, 100))
            }
            _ => return None,
        })
    }

    pub(super) fn memory(&self, call: SystemCall) -> Option<Answer> {
        let k = self.fixture.kernel();
        let region = self.handle(0, Kind::Region);
        let space = self.handle(0, Kind::AddressSpace);
        let frame = self.handle(1, Kind::Frame);
        Some(match call {
            SystemCall::RegionSplit => {
                k.region_split(region, self.small(1, 90), self.destination(2))
            }
            SystemCall::RegionMerge => k.region_merge(region, self.small(1, 70)),
            SystemCall::RegionInspect => k.region_inspect(region),
            SystemCall::Reclaim => k.reclaim(region, self.used_frame(1)),
            SystemCall::AllowanceMerge => {
                k.allowance_merge(self.handle(0, Kind::Allowance), self.small(1, 70))
            }
            SystemCall::SpaceDonate => {
                k.space_donate(space, self.handle(1, Kind::Region), self.frame(2))
            }
            SystemCall::Map => k.map(
                space,
                frame,
                self.page(2),
                [1, 3, 5, 3, 1, 3, 4][usize::try_from(self.small(3, 7)).expect("small")],
            ),
            SystemCall::Unmap => k.unmap(space, self.page(1)),
            SystemCall::Protect => k.protect(space, self.page(1), self.small(2, 6)),
            SystemCall::FrameSetMode => {
                k.frame_set_mode(self.handle(0, Kind::Frame), self.small(1, 3))
            }
            SystemCall::SpaceWithdraw => k.space_withdraw(space),
            SystemCall::FrameMaintain => k.frame_maintain(
                self.handle(0, Kind::Frame),
                self.small(1, 3),
                self.small(2, 5000),
                self.small(3, 5000),
            ),
            SystemCall::FrameGive => k.frame_give(self.handle(0, Kind::Frame), frame),
            SystemCall::DeviceConfirmReset => k.device_confirm_reset(self.handle(0, Kind::Frame)),
            SystemCall::FrameInspect => k.frame_inspect(self.handle(0, Kind::Frame)),
            _ => return None,
        })
    }

    pub(super) fn capability(&self, call: SystemCall) -> Option<Answer> {
        let k = self.fixture.kernel();
        let any = self.small(0, 70);
        let place = self.handle(0, Kind::CapTable) << 32 | self.small(1, 70);
        Some(match call {
            SystemCall::CapabilityCopy => {
                let rights = if self.seed(2).is_multiple_of(2) {
                    255
                } else {
                    self.small(2, 256)
                };
                k.capability_copy(any, self.destination(1), rights)
            }
            // The first process's own capabilities stay, or the run is soon over.
            SystemCall::CapabilityDelete => k.capability_delete(place.max(place & !0xF | 16)),
            SystemCall::CapabilityInspect => k.capability_inspect(place),
            SystemCall::Destroy => k.destroy(if any < 16 { any + 16 } else { any }),
            SystemCall::TableExtend => k.table_extend(
                self.handle(0, Kind::CapTable),
                self.handle(1, Kind::Region),
                self.frame(2),
            ),
            _ => return None,
        })
    }

    pub(super) fn thread(&self, call: SystemCall) -> Option<Answer> {
        let k = self.fixture.kernel();
        let thread = self.handle(0, Kind::Thread);
        Some(match call {
            SystemCall::ThreadStart => k.thread_start(thread, 0x1000, 0x2000, 3),
            SystemCall::ThreadStop => k.thread_stop(thread),
            SystemCall::ThreadResume => k.thread_resume(thread),
            SystemCall::ThreadSetBuffer => k.thread_set_buffer(thread, self.handle(1, Kind::Frame)),
            SystemCall::ThreadSetHandler => {
                k.thread_set_handler(thread, self.handle(1, Kind::Gate))
            }
            SystemCall::ThreadSetContext => {
                k.thread_set_context(thread, self.handle(1, Kind::SchedulingContext))
            }
            SystemCall::ContextConfigure => {
                let context = self.handle(0, Kind::SchedulingContext);
                let time = self.handle(1, Kind::Allowance);
                let period = 0x2000 * self.small(4, 8);
                k.context_configure(context, time, 250 + self.small(2, 7), self.seed(3), period)
            }
            SystemCall::Sleep => k.sleep(k.memory.now() + self.seed(0) * 16),
            SystemCall::ContextSetHandler => {
                let gate = self.handle_with(1, Kind::Gate, Rights::SIGNAL);
                k.context_set_handler(self.handle(0, Kind::SchedulingContext), gate)
            }
            SystemCall::ContextInspect => {
                k.context_inspect(self.handle(0, Kind::SchedulingContext))
            }
            SystemCall::PlatformInspect => {
                k.platform_inspect(self.handle(0, Kind::Platform), self.small(1, 2))
            }
            SystemCall::ThreadBind => k.thread_bind(thread, self.handle(1, Kind::Notification)),
            SystemCall::ThreadInspect => k.thread_inspect(thread),
            SystemCall::ThreadConfigure => k.thread_configure(thread, self.small(1, 5)),
            SystemCall::ThreadRead => k.thread_read(thread, self.small(1, 160)),
            SystemCall::ThreadWrite => {
                let good = [0, 0x1E5, 0x1FFD, 0x1000][usize::from(self.seeds[2] % 4)];
                k.thread_write(thread, self.small(1, 160), good)
            }
            SystemCall::ThreadPeek => k.thread_peek(thread, self.page(1)),
            SystemCall::ThreadPoke => k.thread_poke(thread, self.page(1) + 8, self.seed(2)),
            SystemCall::IrqBind => {
                let (irq, target) = (
                    self.handle(0, Kind::Irq),
                    self.handle(1, Kind::Notification),
                );
                k.irq_bind(irq, target, self.small(2, 4))
            }
            SystemCall::IrqAcknowledge => k.irq_acknowledge(self.handle(0, Kind::Irq)),
            SystemCall::Signal => k.signal(self.handle_with(0, Kind::Gate, Rights::SIGNAL)),
            SystemCall::Yield => k.r#yield(),
            SystemCall::SaveCaller => k.save_caller(self.handle(0, Kind::Reply)),
            _ => return None,
        })
    }

    /// A call on a range: its answer is in the registers. Interrupts come at random.
    pub(super) fn range(&self, call: SystemCall) {
        let kernel = self.fixture.kernel();
        let current = kernel.current();
        let register = |index, value| kernel.set_register(current, index, value);
        let access = [1, 3, 5, 3, 1, 3, 4][usize::try_from(self.small(3, 7)).expect("small")];
        let pages = match self.seed(4) % 8 {
            0 => self.small(5, 520),
            1 => self.small(5, 520) | self.small(3, 3) << 32,
            _ => 1 + self.small(5, 40),
        };
        let address = self.page(1) & !0xFFF;
        let address = address.wrapping_sub(self.small(2, 4) << 12);
        let arguments = match call {
            SystemCall::MapRange => {
                let first = self.handle(2, Kind::Frame);
                [first, address, access, pages]
            }
            SystemCall::UnmapRange => [address, pages, 0, 0],
            _ => [address, access, pages, 0],
        };
        register(0, self.handle(0, Kind::AddressSpace));
        for (index, argument) in (1..).zip(arguments) {
            register(index, argument);
        }
        self.fixture.make_range_call(call, self.small(2, 5));
    }

    /// A message call: its answer is in the registers.
    pub(super) fn message(&self, call: SystemCall) {
        let kernel = self.fixture.kernel();
        let current = kernel.current();
        let (kind, rights) = match call {
            SystemCall::Call
            | SystemCall::CallUntil
            | SystemCall::Send
            | SystemCall::TryCall
            | SystemCall::TrySend => (Kind::Gate, Rights::SEND),
            SystemCall::ReplyTo => (Kind::Reply, Rights::WRITE),
            SystemCall::Wait | SystemCall::TryWait | SystemCall::WaitUntil => {
                (Kind::Notification, Rights::RECEIVE)
            }
            _ => (Kind::Endpoint, Rights::RECEIVE),
        };
        let register = |index, value| kernel.set_register(current, index, value);
        register(17, self.handle_with(0, kind, rights));
        let capabilities = [0, 0, 0, 1, 4, 5][usize::try_from(self.small(1, 6)).expect("small")];
        let long = u64::from(self.seed(2).is_multiple_of(4));
        let method = self.small(4, 4);
        register(16, method | 64 << 16 | capabilities << 32 | long << 35);
        for word in 12..16 {
            register(word, self.small(3, 40) + word);
        }
        register(18, self.small(5, 60) | self.small(5, 5) << 32);
        register(20, kernel.memory.now() + self.seed(1) * 4);
        kernel.message_call(call as u64);
    }
}
