//! The supervisor's service.

/// The permissions that a caller of the supervisor can have, by number.
pub const PERMISSIONS: &[&str] = &["halt", "log"];
/// May switch the machine off.
pub const PERMISSION_HALT: u32 = 0;
/// May take the lines that the supervisor has to say.
pub const PERMISSION_LOG: u32 = 1;
