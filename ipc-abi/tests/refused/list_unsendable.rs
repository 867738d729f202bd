//! A list, and an error, are of a type that is no payload.

use ipc_abi::interface;
use ipc_abi::interface::Batch;

struct Point(u8);

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn list(&mut self, items: &mut Batch<'_, Point>) -> Result<(), Point>;
}

fn main() {}
