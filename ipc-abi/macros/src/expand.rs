//! What is made from an interface: its marker here, the rest in [`crate::dispatcher`], [`crate::client`],
//! [`crate::ring`] and [`crate::asynchronous`].

use crate::asynchronous::expand_asynchronous;
use crate::bound::{expand_bounds, expand_questions};
use crate::client::expand_client;
use crate::dispatcher::expand_dispatcher;
use crate::docs::text_of;
use crate::hygiene::{derived, site};
use crate::method::{Argument, Kind, Method};
use crate::model::Interface;
use crate::ring::expand_ring;
use crate::wire::Wire;
use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

/// Makes everything.
pub(crate) fn expand(interface: &Interface) -> TokenStream {
    let item = &interface.item;
    let questions = expand_questions(interface);
    let marker = expand_marker(interface);
    let dispatcher = expand_dispatcher(interface);
    let client = expand_client(interface);
    let ring = expand_ring(interface);
    let asynchronous = expand_asynchronous(interface);
    quote!(#item #questions #marker #dispatcher #client #ring #asynchronous)
}

fn expand_marker(interface: &Interface) -> TokenStream {
    let (visibility, name) = (&interface.item.vis, &interface.item.ident);
    let marker = format_ident!("{name}Interface");
    let client = format_ident!("{name}Client");
    let text = name.to_string();
    let version = interface.version;
    let (shown, docs) = (
        text_of(&interface.item.attrs),
        format!("The interface [`{name}`]: what it is, and its dispatcher."),
    );
    let methods = interface.methods.iter().map(expand_info);
    let (bounds, derived) = (expand_bounds(interface), derived());
    let takes = interface.methods.iter().any(|method| method.takes() > 0);
    let brings = interface.methods.iter().any(|method| method.brings() > 0);
    let capabilities = [
        takes.then(|| {
            quote!(
                const TAKES_CAPABILITIES: ::core::primitive::bool = true;
            )
        }),
        brings.then(|| {
            quote!(
                const BRINGS_CAPABILITIES: ::core::primitive::bool = true;
            )
        }),
    ];
    let capabilities = capabilities.iter().flatten();
    quote_spanned! {site()=>
        #[doc = #docs]
        #derived
        #visibility struct #marker;

        impl ::ipc_abi::interface::Interface for #marker #bounds {
            const NAME: &'static ::core::primitive::str = #text;
            const DOCS: &'static ::core::primitive::str = #shown;
            const SCHEMA: ::ipc_abi::interface::Schema =
                ::ipc_abi::interface::Schema::of(#text, #version, Self::METHODS);
            const METHODS: &'static [::ipc_abi::interface::MethodInfo] = &[#(#methods),*];
            #(#capabilities)*

            type Client<__Transport> = #client<__Transport>;

            fn client<__Transport: ::ipc_abi::interface::Transport>(
                transport: __Transport,
            ) -> #client<__Transport> {
                #client::new(transport)
            }
        }
    }
}

/// What the schema and the page tell of a method.
fn expand_info(method: &Method) -> TokenStream {
    let (number, name) = (method.number.value, method.name.to_string());
    let docs = text_of(&method.docs);
    let kind = match method.kind {
        Kind::Call => quote!(Call),
        Kind::OneWay => quote!(OneWay),
        Kind::Late => quote!(Late),
        Kind::Stream => quote!(Stream),
    };
    let arguments = method.arguments.iter().filter_map(Argument::expand_info);
    let (result, wire) = &method.returns.value;
    let wire = match method.kind {
        Kind::Stream => &Wire::Serialized,
        Kind::Call | Kind::OneWay | Kind::Late => wire,
    };
    let result = wire.expand_info("", result);
    let error = match &method.returns.error {
        Some((error, wire)) => {
            let info = wire.expand_info("", error);
            quote!(::core::option::Option::Some(#info))
        }
        None => quote!(::core::option::Option::None),
    };
    quote! {
        ::ipc_abi::interface::MethodInfo {
            number: #number,
            name: #name,
            docs: #docs,
            kind: ::ipc_abi::interface::MethodKind::#kind,
            arguments: &[#(#arguments),*],
            result: #result,
            error: #error,
        }
    }
}
