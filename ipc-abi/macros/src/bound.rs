//! What an interface needs of its types: one question for each, and the bounds of all that is made of it.
//!
//! A type that cannot be sent fails the question, at its place. Behind a bound the compiler takes for granted what
//! it says, so there is no other error wherever a value of the type is written or read. The `for<'__a>` is what keeps
//! it from checking such a bound, which has no parameters, in each of its places too.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::hygiene::site;
use crate::method::{Method, Source};
use crate::model::Interface;

/// Asks for each type, where it is first.
pub(crate) fn expand_questions(interface: &Interface) -> TokenStream {
    let questions = list_types(interface).into_iter().map(|written| {
        let place = site().located_at(written.span());
        quote_spanned!(place=> const _: () = <#written as ::ipc_abi::interface::Sendable>::ASKED;)
    });
    questions.collect()
}

/// The bounds of what is made.
pub(crate) fn expand_bounds(interface: &Interface) -> TokenStream {
    let types = list_types(interface);
    if types.is_empty() {
        return TokenStream::new();
    }
    quote_spanned!(site()=> where #(for<'__a> #types: ::ipc_abi::interface::Sendable,)*)
}

/// The types of what travels through serde, each once, but for those that borrow: a bound would have to say for how
/// long.
fn list_types(interface: &Interface) -> Vec<&Type> {
    let mut types = Vec::new();
    for method in &interface.methods {
        list_types_of(method, &mut types);
    }
    let mut first = BTreeMap::new();
    for (place, written) in types.into_iter().enumerate() {
        let tokens = written.to_token_stream();
        if !has_lifetime(tokens.clone()) {
            first.entry(tokens.to_string()).or_insert((place, written));
        }
    }
    let mut first: Vec<(usize, &Type)> = first.into_values().collect();
    first.sort_by_key(|(place, _)| *place);
    first.into_iter().map(|(_, written)| written).collect()
}

fn list_types_of<'a>(method: &'a Method, types: &mut Vec<&'a Type>) {
    for argument in &method.arguments {
        match &argument.source {
            Source::Caller => {}
            Source::Value(wire) => wire.list_serialized(&argument.written, types),
            Source::Reference(referent) => types.push(referent),
        }
    }
    let returned = [Some(&method.returns.value), method.returns.error.as_ref()];
    for (written, wire) in returned.into_iter().flatten() {
        wire.list_serialized(written, types);
    }
}

fn has_lifetime(written: TokenStream) -> bool {
    written.into_iter().any(|token| match token {
        TokenTree::Punct(sign) => matches!(sign.as_char(), '&' | '\''),
        TokenTree::Group(group) => has_lifetime(group.stream()),
        _ => false,
    })
}
