//! What is made from an interface: its marker here, the rest in [`crate::dispatcher`] and
//! [`crate::client`].

use crate::client::expand_client;
use crate::dispatcher::expand_dispatcher;
use crate::method::Kind;
use crate::model::Interface;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};

/// Makes everything.
pub(crate) fn expand(interface: &Interface) -> TokenStream {
    let item = &interface.item;
    let marker = expand_marker(interface);
    let dispatcher = expand_dispatcher(interface);
    let client = expand_client(interface);
    quote!(#item #marker #dispatcher #client)
}

fn expand_marker(interface: &Interface) -> TokenStream {
    let (visibility, name) = (&interface.item.vis, &interface.item.ident);
    let marker = format_ident!("{name}Interface");
    let client = format_ident!("{name}Client");
    let text = name.to_string();
    let (version, schema) = (interface.version, interface.schema());
    let docs = format!("The interface [`{name}`]: what it is, and its dispatcher.");
    let methods = interface.methods.iter().map(|method| {
        let (name, signature) = (method.name.to_string(), method.signature());
        let number = method.number.value;
        let kind = match method.kind {
            Kind::Call => quote!(Call),
            Kind::OneWay => quote!(OneWay),
            Kind::Late => quote!(Late),
            Kind::Stream => quote!(Stream),
        };
        quote!(::ipc_abi::interface::MethodInfo {
            number: #number, name: #name, signature: #signature,
            kind: ::ipc_abi::interface::MethodKind::#kind,
        })
    });
    quote! {
        #[doc = #docs]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #visibility struct #marker;

        impl ::ipc_abi::interface::Interface for #marker {
            const NAME: &'static str = #text;
            const SCHEMA: ::ipc_abi::interface::Schema =
                ::ipc_abi::interface::Schema::of(#text, #version, #schema);
            const METHODS: &'static [::ipc_abi::interface::MethodInfo] = &[#(#methods),*];

            type Client<T> = #client<T>;

            fn client<T: ::ipc_abi::interface::Transport>(transport: T) -> #client<T> {
                #client::new(transport)
            }
        }
    }
}
