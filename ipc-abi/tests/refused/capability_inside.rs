//! A capability stands inside of another type.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn put(&mut self, memory: Option<Granted<object::Frame>>);
}

fn main() {}
