//! Requests of rubbish.

use super::*;
use crate::interface::send_rubbish;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Takes several things.
#[interface(version = 1)]
trait Taker {
    /// Takes a text and a number.
    #[method(1)]
    fn name(&mut self, text: &str, number: u32) -> Result<u32, SampleError>;
    /// Takes bytes, if there are any.
    #[method(2)]
    fn bytes(&mut self, bytes: &[u8], is_last: bool);
}

#[derive(Default)]
struct Server {
    names: u32,
    bytes: u32,
}

impl Taker for Server {
    fn name(&mut self, text: &str, number: u32) -> Result<u32, SampleError> {
        self.names += 1;
        match text {
            "" => Err(SampleError::Empty),
            _ => Ok(number),
        }
    }

    fn bytes(&mut self, _bytes: &[u8], _is_last: bool) {
        self.bytes += 1;
    }
}

#[test]
fn rubbish_is_the_same_each_time_and_some_of_it_is_understood() {
    let mut way = Local::<TakerInterface, _>::new(Server::default());
    let understood = send_rubbish(&mut way, 5_000);
    let Server { names, bytes } = *way.server();
    assert!(names > 0 && bytes > 0 && names + bytes < 5_000);
    // The schema is understood too.
    assert!(names + bytes <= understood && understood < 5_000);
    let mut again = Local::<TakerInterface, _>::new(Server::default());
    assert_eq!(send_rubbish(&mut again, 5_000), understood);
}

/// Divides.
#[interface(version = 1)]
trait Divider {
    /// Divides a hundred.
    #[method(1)]
    fn divide(&mut self, by: u8) -> u8;
}

struct Careless;

impl Divider for Careless {
    fn divide(&mut self, by: u8) -> u8 {
        assert!(by != 0, "division by zero");
        100 / by
    }
}

#[test]
fn server_that_is_careless_is_found_out() {
    let mut way = Local::<DividerInterface, _>::new(Careless);
    let sent = catch_unwind(AssertUnwindSafe(|| send_rubbish(&mut way, 2_000)));
    let why = sent.expect_err("a divisor of 0 came");
    assert_eq!(why.downcast_ref::<&str>(), Some(&"division by zero"));
}
