//! Where capabilities can be among the arguments and in the result of a method.

use syn::{Error, Result};

use crate::method::{Argument, Kind, Returns, Source};

/// The most capabilities of a message.
const CAPABILITIES_MAX: usize = 4;
/// What is said of more.
const TOO_MANY: &str = "a message carries at most four capabilities";

/// Checks that capabilities are where they can be.
pub(crate) fn check_capabilities(
    kind: Kind,
    arguments: &[Argument],
    returns: &Returns,
) -> Result<()> {
    let mut left = CAPABILITIES_MAX;
    for argument in arguments {
        let Some(rest) = left.checked_sub(argument.capabilities()) else {
            return Err(Error::new_spanned(&argument.written, TOO_MANY));
        };
        left = rest;
        if let (Kind::Stream, Source::Value(wire)) = (kind, &argument.source) {
            let message = "a method with a batch takes no capabilities: its arguments are sent again and again";
            wire.refuse_capability(&argument.written, message)?;
        }
    }
    let (written, wire) = &returns.value;
    match kind {
        Kind::Call | Kind::OneWay if wire.capabilities() > CAPABILITIES_MAX => {
            return Err(Error::new_spanned(written, TOO_MANY));
        }
        Kind::Call | Kind::OneWay => {}
        Kind::Late => {
            let message = "a late answer brings no capabilities: return them";
            wire.refuse_capability(written, message)?;
        }
        Kind::Stream => {
            let message = "a list brings no capabilities: return them";
            wire.refuse_capability(written, message)?;
        }
    }
    match &returns.error {
        Some((written, wire)) => wire.refuse_capability(written, "an error brings no capabilities"),
        None => Ok(()),
    }
}
