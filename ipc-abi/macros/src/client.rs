//! The client that is made from an interface.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::Attribute;

use crate::bound::expand_bounds;
use crate::hygiene::{derived, site};
use crate::method::{Argument, Kind, Method};
use crate::model::Interface;
use crate::wire::Wire;

/// Makes the client.
pub(crate) fn expand_client(interface: &Interface) -> TokenStream {
    let (visibility, name) = (&interface.item.vis, &interface.item.ident);
    let (client, marker) = (
        format_ident!("{name}Client"),
        format_ident!("{name}Interface"),
    );
    let docs = format!("A client of [`{name}`] over a transport.");
    let methods = interface.methods.iter().map(expand_client_method);
    let (bounds, derived) = (expand_bounds(interface), derived());
    quote_spanned! {site()=>
        #[doc = #docs]
        #derived
        #visibility struct #client<T> {
            transport: T,
        }

        impl<__Transport: ::ipc_abi::interface::Transport> #client<__Transport> #bounds {
            /// Makes a client without asking whether the service has the same schema.
            #[must_use]
            pub const fn new(transport: __Transport) -> Self {
                Self { transport }
            }

            /// Makes a client of a service that has the same schema.
            ///
            /// # Errors
            ///
            /// `SchemaMismatch`, or why the service could not be asked.
            pub fn connect(
                mut transport: __Transport,
            ) -> ::core::result::Result<Self, ::ipc_abi::interface::ConnectError> {
                ::ipc_abi::interface::client::check_schema::<#marker, __Transport>(&mut transport)?;
                ::core::result::Result::Ok(Self { transport })
            }

            /// The transport.
            #[must_use]
            pub const fn transport(&mut self) -> &mut __Transport {
                &mut self.transport
            }

            #(#methods)*
        }
    }
}

fn expand_client_method(method: &Method) -> TokenStream {
    let (name, docs) = (&method.name, &method.docs);
    let shown = method.arguments.iter().filter(|a| a.is_sent());
    let parameters = shown.map(|argument| {
        let (name, written) = (&argument.name, &argument.written);
        quote!(#name: #written)
    });
    let (returned, body) = match method.kind {
        Kind::OneWay => expand_tell(method),
        Kind::Call | Kind::Late => expand_call(method),
        Kind::Stream => expand_list(method),
    };
    let errors = document_errors(docs);
    quote_spanned! {site()=>
        #(#docs)*
        #errors
        #[inline]
        pub fn #name(&mut self, #(#parameters),*) -> #returned {
            #body
        }
    }
}

/// The arguments as they are written into the message.
pub(crate) fn expand_arguments(method: &Method) -> TokenStream {
    let values = method.arguments.iter().filter_map(Argument::encoded_value);
    quote!(&(#(#values,)*))
}

/// A method that nobody waits for: its type and what it does.
fn expand_tell(method: &Method) -> (TokenStream, TokenStream) {
    let (number, arguments) = (method.number.value, expand_arguments(method));
    let client = quote!(::ipc_abi::interface::client);
    (
        quote!(::core::result::Result<(), ::ipc_abi::interface::CallError>),
        quote_spanned!(site()=> #client::tell(&mut self.transport, #number, #arguments)),
    )
}

/// A method that brings one answer.
fn expand_call(method: &Method) -> (TokenStream, TokenStream) {
    let (number, arguments) = (method.number.value, expand_arguments(method));
    let call = |function| {
        quote_spanned! {site()=>
            ::ipc_abi::interface::client::#function(&mut self.transport, #number, #arguments)
        }
    };
    expand_answer(method, &call(quote!(call)), &call(quote!(call_fallible)))
}

/// What one answer is to who called: its type, and how it is made of what `plain` brings, or `fallible` if the
/// method can fail.
pub(crate) fn expand_answer(
    method: &Method,
    plain: &TokenStream,
    fallible: &TokenStream,
) -> (TokenStream, TokenStream) {
    let (written, wire) = &method.returns.value;
    let (encoded, value) = (
        wire.encoded_type(written),
        wire.unwrap(&quote_spanned!(site()=> value)),
    );
    let Some((error_type, error_wire)) = &method.returns.error else {
        let body = match wire {
            Wire::Native => plain.clone(),
            Wire::Tuple(elements) if elements.is_empty() => plain.clone(),
            Wire::Serialized | Wire::Granted | Wire::Tuple(_) => quote_spanned! {site()=>
                let value: #encoded = #plain?;
                ::core::result::Result::Ok(#value)
            },
        };
        return (
            quote!(::core::result::Result<#written, ::ipc_abi::interface::CallError>),
            body,
        );
    };
    let error_encoded = error_wire.encoded_type(error_type);
    let error = error_wire.unwrap(&quote_spanned!(site()=> error));
    (
        quote!(::core::result::Result<#written, ::ipc_abi::interface::Failure<#error_type>>),
        quote_spanned! {site()=>
            let answer: ::core::result::Result<#encoded, #error_encoded> = #fallible?;
            match answer {
                ::core::result::Result::Ok(value) => ::core::result::Result::Ok(#value),
                ::core::result::Result::Err(error) => ::core::result::Result::Err(
                    ::ipc_abi::interface::Failure::Service(#error),
                ),
            }
        },
    )
}

/// A method that brings a list.
fn expand_list(method: &Method) -> (TokenStream, TokenStream) {
    let number = method.number.value;
    let client = quote!(::ipc_abi::interface::client);
    let values = method.arguments.iter().filter_map(Argument::encoded_again);
    let arguments = quote_spanned!(site()=> &(position, (#(#values,)*)));
    let (item, _) = &method.returns.value;
    let (failure, fetched) = match &method.returns.error {
        None => (
            quote!(::ipc_abi::interface::CallError),
            quote_spanned!(site()=> #client::call(transport, #number, #arguments)),
        ),
        Some((error_type, error_wire)) => {
            let encoded = error_wire.encoded_type(error_type);
            let error = error_wire.unwrap(&quote_spanned!(site()=> error));
            (
                quote!(::ipc_abi::interface::Failure<#error_type>),
                quote_spanned! {site()=> {
                    let answer: ::core::result::Result<_, #encoded> =
                        #client::call_fallible(transport, #number, #arguments)?;
                    answer.map_err(|error| ::ipc_abi::interface::Failure::Service(#error))
                }},
            )
        }
    };
    let result = quote!(::core::result::Result<#item, #failure>);
    (
        quote!(impl ::core::iter::Iterator<Item = #result>),
        quote_spanned! {site()=>
            ::ipc_abi::interface::batch::Items::new(
                &mut self.transport,
                move |transport: &mut __Transport, position: ::core::primitive::u64| #fetched,
            )
        },
    )
}

/// Documents how a client's method fails beyond what its author wrote.
fn document_errors(docs: &[Attribute]) -> TokenStream {
    let has_heading = docs
        .iter()
        .any(|line| quote!(#line).to_string().contains("# Errors"));
    let heading = if has_heading {
        None
    } else {
        Some(quote!(#[doc = "\n# Errors\n"]))
    };
    quote!(#heading #[doc = "\nThe [`CallError`](::ipc_abi::interface::CallError) if there is no answer."])
}
