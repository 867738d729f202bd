use ipc_abi::boot::FirstHandle;
use ipc_abi::call::PlatformOperation;

use super::*;
use crate::kernel::Effect;

const PLATFORM: u64 = FirstHandle::Platform as u64;
const LINE: u64 = 40;

fn create_irq(fixture: &Fixture) -> u64 {
    fixture
        .create(|k, o, d| k.create_irq(MEMORY, o, d, IRQS, LINE))
        .0
}

/// What was performed since this was last asked, but for the timer.
fn performed(fixture: &Fixture) -> std::vec::Vec<Effect> {
    let all = fixture.host.performed.take();
    let is_other = |effect: &Effect| !matches!(effect, Effect::SetTimer { .. });
    all.into_iter().filter(is_other).collect()
}

#[test]
fn a_line_is_bound_once_and_to_some_bits() {
    let fixture = Fixture::new();
    let (target, _) = fixture.create_notification();
    let irq = create_irq(&fixture);
    fixture.refuse(Error::BadArgument, |k| k.irq_bind(irq, target, 0));
    performed(&fixture);
    assert_eq!(fixture.call(|k| k.irq_bind(irq, target, 1)), Ok(0));
    assert_eq!(performed(&fixture), [Effect::UnmaskLine { line: LINE }]);
    fixture.refuse(Error::InUse, |k| k.irq_bind(irq, target, 2));
}

#[test]
fn a_line_that_nobody_wants_is_masked() {
    let fixture = Fixture::new();
    create_irq(&fixture);
    for line in [LINE, LINE + 1] {
        performed(&fixture);
        fixture.kernel().interrupt(line);
        fixture.host.leave_kernel();
        let effects = [Effect::MaskLine { line }, Effect::EndLine { line }];
        assert_eq!(performed(&fixture), effects);
        fixture.check();
    }
}

#[test]
fn a_line_ends_once_for_each_time_it_came() {
    let fixture = Fixture::new();
    let (target, _) = fixture.create_notification();
    let irq = create_irq(&fixture);
    assert_eq!(fixture.call(|k| k.irq_bind(irq, target, 1)), Ok(0));
    fixture.kernel().interrupt(LINE);
    fixture.host.leave_kernel();
    performed(&fixture);
    let ends: [&[Effect]; 2] = [&[Effect::EndLine { line: LINE }], &[]];
    for effects in ends {
        assert_eq!(fixture.call(|k| k.irq_acknowledge(irq)), Ok(0));
        assert_eq!(performed(&fixture), effects);
    }
}

#[test]
fn the_platform_goes_off_or_starts_again() {
    let fixture = Fixture::new();
    let operations = [
        (PlatformOperation::PowerOff, Effect::PowerOff),
        (PlatformOperation::Reset, Effect::Reset),
    ];
    for (operation, effect) in operations {
        performed(&fixture);
        let answer = fixture.call(|k| k.platform_control(PLATFORM, operation as u64));
        assert_eq!(answer, Ok(0));
        assert_eq!(performed(&fixture), [effect]);
    }
    let reader = fixture.copy(PLATFORM, Rights::READ);
    fixture.refuse(Error::NoRight, |k| k.platform_control(reader, 0));
    fixture.refuse(Error::BadArgument, |k| k.platform_inspect(reader, u64::MAX));
}

#[test]
fn every_effect_is_read_as_it_was_written() {
    let (asid, address, bytes, line, when) = (1, 2, 3, 4, 5);
    let frame = Frame(6);
    let effects = [
        Effect::InvalidatePage { asid, address },
        Effect::InvalidateSpace { asid },
        Effect::ZeroFrame { frame },
        Effect::SynchronizeCode { frame },
        Effect::MaskLine { line },
        Effect::UnmaskLine { line },
        Effect::SetTimer { when },
        Effect::PowerOff,
        Effect::Reset,
        Effect::EndLine { line },
        Effect::Clean { address, bytes },
        Effect::CleanInvalidate { address, bytes },
    ];
    for effect in effects {
        assert_eq!(Effect::from_words(effect.into_words()), Some(effect));
    }
    for code in [0, 11, 14, 17, u64::MAX] {
        assert_eq!(Effect::from_words([code, 1, 1, 0]), None);
    }
}
