#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enums of the syntax tree grow; what is not named is refused"
)]

mod asynchronous;
mod bound;
mod capability;
mod client;
mod dispatcher;
mod docs;
mod expand;
mod hygiene;
mod method;
mod model;
mod number;
mod payload;
mod ring;
#[cfg(test)]
mod tests;
mod wire;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a client, a dispatcher and a marker type from a trait; see `ipc_abi::interface`.
///
/// `#[interface(version = 1)]` stands before the trait, `#[method(1)]` before each method. What methods
/// that are gone had is reserved: `#[interface(version = 2, reserved(3, "old_name"))]`.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as model::Arguments);
    let item = parse_macro_input!(item as syn::ItemTrait);
    match model::Interface::read(arguments, item) {
        Ok(interface) => expand::expand(&interface).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

/// Makes a struct or an enum one that travels: derives how its values are written (`Serialize`), read
/// (`Deserialize`) and made up (`ipc_abi::interface::Payload`).
#[proc_macro_attribute]
pub fn payload(arguments: TokenStream, item: TokenStream) -> TokenStream {
    parse_macro_input!(arguments as syn::parse::Nothing);
    let item = parse_macro_input!(item as syn::DeriveInput);
    match payload::expand(&item) {
        Ok(expanded) => expanded.into(),
        Err(error) => error.into_compile_error().into(),
    }
}
