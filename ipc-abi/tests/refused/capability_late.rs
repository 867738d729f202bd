//! A capability is promised.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn take(&mut self, promise: Promise<Granted<object::Frame>>);
}

fn main() {}
