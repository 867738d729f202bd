//! The system calls, one function each, under the names of [`SystemCall`].
//!
//! All are safe to call: what a capability allows, its holder may do. A process that holds a
//! capability to its own address space, thread or memory can pull the ground from under itself;
//! such a process is one that the system's manifest trusts with that.

mod function;
mod message;
#[cfg_attr(not(target_os = "none"), path = "host.rs")]
mod raw;

pub use function::*;
pub use message::*;

use ipc_abi::error::Error;

/// Reads what a function call answers.
#[inline(always)]
fn answer((status, value): (u64, u64)) -> Result<u64, Error> {
    if status == 0 {
        Ok(value)
    } else {
        Err(read_error(status))
    }
}

/// Reads an error number of the kernel.
#[cold]
#[inline(never)]
fn read_error(status: u64) -> Error {
    match Error::from_raw(status) {
        Some(error) => error,
        None => panic!("the kernel answered with the unknown error {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_abi::call::SystemCall;

    #[test]
    fn every_system_call_has_a_function_of_its_name() {
        let source = concat!(include_str!("function.rs"), include_str!("message.rs"));
        for call in SystemCall::ALL {
            let name = call.name();
            let named = |end| source.contains(&std::format!("fn {name}{end}"));
            assert!(
                named("(") || named(" =") || source.contains(&std::format!("fn r#{name} =")),
                "{name} has no function"
            );
        }
    }

    #[test]
    fn status_zero_is_success_and_any_other_an_error() {
        assert_eq!(answer((0, 7)), Ok(7));
        for error in Error::ALL {
            assert_eq!(answer((error.into_raw(), 7)), Err(*error));
        }
    }

    #[test]
    fn unknown_error_is_a_bug_of_the_kernel() {
        let panic = std::panic::catch_unwind(|| answer((12345, 0))).expect_err("it panics");
        let text = panic
            .downcast_ref::<std::string::String>()
            .expect("with a text");
        assert!(text.contains("unknown error 12345"), "{text}");
    }
}
