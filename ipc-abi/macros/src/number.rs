//! The numbers of methods: written out, each given once, none left out.
//!
//! What a number meant once must not come to mean something else, because an old client may still send
//! it. So a number that nobody has is either reserved or a mistake.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::{Error, LitInt, Result};

use crate::method::Method;
use crate::model::Mistakes;

/// The greatest number of a method; those above are the interfaces' own.
pub(crate) const NUMBER_MAX: u16 = 65_000;

/// A number where it is written.
#[derive(Clone, Copy)]
pub(crate) struct Number {
    /// The number.
    pub(crate) value: u16,
    /// Where it is written.
    pub(crate) span: Span,
}

impl Number {
    /// Reads a number.
    pub(crate) fn read(literal: &LitInt) -> Result<Number> {
        let span = literal.span();
        let value: u16 = match literal.base10_parse() {
            Ok(value) if value <= NUMBER_MAX => value,
            Ok(_) | Err(_) => {
                let message = format!("a method number is from 1 to {NUMBER_MAX}");
                return Err(Error::new(span, message));
            }
        };
        if value == 0 {
            let message = "method 0 is every interface's own: it returns the schema";
            return Err(Error::new(span, message));
        }
        Ok(Number { value, span })
    }
}

/// Who has a number.
enum Owner<'a> {
    Method(&'a Method),
    Gone,
}

/// Checks that every number from 1 to the greatest has one owner.
pub(crate) fn check(methods: &[Method], reserved: &[Number], mistakes: &mut Mistakes) {
    let mut owners: BTreeMap<u16, (Span, Owner<'_>)> = BTreeMap::new();
    for number in reserved {
        let entry = (number.span, Owner::Gone);
        if owners.insert(number.value, entry).is_some() {
            let message = format!("number {} is reserved twice", number.value);
            mistakes.add(Err(Error::new(number.span, message)));
        }
    }
    for method in methods {
        let number = method.number;
        let message = match owners.get(&number.value) {
            Some((_, Owner::Method(other))) => {
                format!("number {} is taken by `{}`", number.value, other.name)
            }
            Some((_, Owner::Gone)) => {
                format!(
                    "number {} is reserved: a method that is gone had it",
                    number.value
                )
            }
            None => {
                owners.insert(number.value, (number.span, Owner::Method(method)));
                continue;
            }
        };
        mistakes.add(Err(Error::new(number.span, message)));
    }
    check_gaps(&owners, mistakes);
}

/// A gap is told at the number behind it.
fn check_gaps(owners: &BTreeMap<u16, (Span, Owner<'_>)>, mistakes: &mut Mistakes) {
    let mut expected: u16 = 1;
    for (number, (span, _)) in owners {
        let message = match number - expected {
            0 => None,
            1 => Some(format!(
                "number {expected} is missing: give it to a method, or write \
                 `reserved({expected})` if one had it once"
            )),
            _ => Some(format!(
                "numbers {expected} to {} are missing: give them to methods, or reserve those that \
                 some had once, as in `reserved({expected})`",
                number - 1
            )),
        };
        if let Some(message) = message {
            mistakes.add(Err(Error::new(*span, message)));
        }
        expected = number + 1;
    }
}
