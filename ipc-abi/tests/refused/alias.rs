//! A capability has another name.

use ipc_abi::interface;
use ipc_abi::interface::{Granted, object};

type Memory = Granted<object::Frame>;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn put(&mut self, memory: Memory);
}

fn main() {}
