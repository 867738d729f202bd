//! Names of functions, as the symbol tables in a boot package tell them: which belong to a library.
//!
//! The system builder asks when it names an instruction that was inlined, the supervisor when it looks
//! for the function that panicked: both must mean the same.

/// The crates that come with the compiler or lie below every program: what their functions do, the
/// program asked for.
const LIBRARIES: [&str; 5] = ["core", "alloc", "compiler_builtins", "__rustc", "userlib"];

/// Whether a function, by its demangled path, is one of a library. A method of a trait,
/// `<Type as Trait>::method`, is if neither its type nor its trait is a program's: it is written in the
/// crate of one of the two.
///
/// ```
/// use ipc_abi::symbol::is_library;
///
/// assert!(is_library("<u32 as core::ops::arith::Div>::div"));
/// assert!(!is_library("<u32 as tally::Mean>::mean"));
/// ```
#[must_use]
pub fn is_library(function: &str) -> bool {
    match function.strip_prefix('<') {
        Some(inner) => Parts { rest: Some(inner) }.all(is_library_type),
        None => crate_name(function).is_some_and(|name| LIBRARIES.contains(&name)),
    }
}

/// Primitive types, and those that the compiler composes of others, have no crate: a program cannot
/// give them methods but by a trait of its own.
fn is_library_type(path: &str) -> bool {
    let mut path = path;
    while let Some(rest) = strip_reference(path) {
        path = rest;
    }
    if path.starts_with('<') {
        return is_library(path);
    }
    crate_name(path).is_none_or(|name| LIBRARIES.contains(&name))
}

/// A reference counts as what it refers to.
fn strip_reference(path: &str) -> Option<&str> {
    let prefixes = ["&", "mut ", "dyn "];
    let strip = |prefix: &&str| path.strip_prefix(*prefix);
    prefixes.iter().find_map(strip).or_else(|| {
        let (_lifetime, referent) = path.strip_prefix('\'')?.split_once(' ')?;
        Some(referent)
    })
}

/// The first segment of a path that has several.
fn crate_name(path: &str) -> Option<&str> {
    let (first, _) = path.split_once("::")?;
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    first.chars().all(is_word).then_some(first)
}

/// Type and trait of `Type as Trait>::method`; the type alone of `Type>::method`.
struct Parts<'a> {
    rest: Option<&'a str>,
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        const AS: &str = " as ";
        let rest = self.rest.take()?;
        let mut depth = 0_u32;
        let mut previous = ' ';
        for (place, character) in rest.char_indices() {
            let (part, behind) = rest.split_at_checked(place)?;
            match character {
                '<' => depth = depth.saturating_add(1),
                // The arrow of a function's type.
                '>' if previous == '-' => {}
                '>' if depth == 0 => return Some(part),
                '>' => depth = depth.saturating_sub(1),
                ' ' if depth == 0 && behind.starts_with(AS) => {
                    self.rest = behind.strip_prefix(AS);
                    return Some(part);
                }
                _ => {}
            }
            previous = character;
        }
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_programs_are_not_of_a_library() {
        for name in [
            "main",
            "memcpy",
            "corel::x",
            "shell::command::run",
            "shell::core::run",
            "<shell::Line>::push",
            "<shell::Line as core::fmt::Display>::fmt",
            "<&mut shell::Line as core::fmt::Display>::fmt",
            "<&'a dyn shell::Screen as core::fmt::Display>::fmt",
            "<u8 as shell::Sum>::sum",
            "<[u8] as shell::Sum>::sum",
            "<alloc::vec::Vec<u8> as shell::Sum<core::ops::Range<usize>>>::sum",
            "<<u8 as shell::Sum>::Total as core::fmt::Display>::fmt",
            "<shell::run::{closure#0} as core::ops::function::FnOnce<()>>::call_once",
        ] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn functions_of_libraries_are_known() {
        for name in [
            "core::panicking::panic_fmt",
            "core::ptr::drop_in_place::<shell::Line>",
            "__rustc::rust_begin_unwind",
            "userlib::start::run",
            "<core::fmt::Arguments as core::fmt::Display>::fmt",
            "<alloc::vec::Vec<shell::Line>>::push",
            "<&mut alloc::vec::Vec<T>>::push",
            "<[T]>::copy_from_slice::len_mismatch_fail",
            "<str as core::fmt::Debug>::fmt",
            "<str as core::ops::index::Index<core::ops::range::Range<usize>>>::index",
            "<u32 as core::ops::arith::Div>::div",
            "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem::<A>",
            "<[shell::Line] as core::fmt::Debug>::fmt",
            "<(shell::Line, u8) as core::fmt::Debug>::fmt",
            "<*const shell::Line as core::fmt::Pointer>::fmt",
            "<fn(u8) -> shell::Line as core::fmt::Debug>::fmt",
            "<alloc::vec::Vec<shell::Line> as core::iter::Extend<shell::Line>>::extend",
            "<core::iter::Map<I, <shell::Line as shell::Sum>::Total> as core::iter::Iterator>::fold",
            "<<core::ops::Range<u8> as core::iter::Iterator>::Item as core::fmt::Debug>::fmt",
        ] {
            assert!(is_library(name), "{name}");
        }
    }

    #[test]
    fn broken_names_are_some_answer() {
        for name in [
            "",
            "<",
            "<>",
            "<<",
            "< as ",
            "::",
            "<-> as x::y",
            "<&",
            "<&'",
        ] {
            let _answer = is_library(name);
        }
    }
}
