//! Two arguments are who calls.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn ask(&mut self, first: Caller, second: Caller);
}

fn main() {}
