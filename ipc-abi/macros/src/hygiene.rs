//! Where what is made stands, so that no name of it meets one that an author wrote.
//!
//! - A local name is of [`site`]: an argument of the same name is another.
//! - A generic parameter or a module by another name starts with `__`: types have no such places, and one called `T`
//!   beside the trait would be taken for a parameter called `T`.
//! - All else is a whole path, from `::core` or `::ipc_abi`, the primitive types too: beside the trait `None`,
//!   `Result` and `u64` may be somebody's own.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

/// The place of what is made: local names there are its own, others mean what they mean beside the trait.
pub(crate) fn site() -> Span {
    Span::mixed_site()
}

/// A local name in which `name` is, and at whose place errors are told.
pub(crate) fn local(prefix: &str, name: &Ident) -> Ident {
    format_ident!("{prefix}_{name}", span = site().located_at(name.span()))
}

/// What each type that is made derives.
pub(crate) fn derived() -> TokenStream {
    quote! {
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
        )]
    }
}
