//! What is made from an interface.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Attribute;

use crate::method::{Kind, Method, Returns, Source};
use crate::model::Interface;

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

/// Makes the function that writes the answer to a promise.
fn expand_encoder(returns: &Returns) -> TokenStream {
    let server = quote!(::ipc_abi::interface::server);
    let written = &returns.written;
    let (_, wire) = &returns.value;
    let message = match &returns.error {
        None => {
            let value = wire.wrap_referent(&quote!(value));
            quote!(#server::reply(&#value, buffer))
        }
        Some((_, error_wire)) => {
            let result = wire.wrap_referent(&quote!(result));
            let error = error_wire.wrap_referent(&quote!(error));
            quote! {
                match value {
                    Ok(result) => #server::reply(&#result, buffer),
                    Err(error) => #server::reply_service_error(&#error, buffer),
                }
            }
        }
    };
    quote! {
        |value: &#written, buffer: &mut dyn ::ipc_abi::message::LongWriter| #message
    }
}

/// Answers with `value`, which is what a method returned.
fn expand_answer(returns: &Returns) -> TokenStream {
    let server = quote!(::ipc_abi::interface::server);
    let (_, wire) = &returns.value;
    match &returns.error {
        None => {
            let value = wire.wrap(&quote!(value));
            quote!(#server::answer(&#value, buffer, replier))
        }
        Some((_, error_wire)) => {
            let result = wire.wrap(&quote!(result));
            let error = error_wire.wrap(&quote!(error));
            quote! {
                match value {
                    Ok(result) => #server::answer(&#result, buffer, replier),
                    Err(error) => #server::answer_service_error(&#error, buffer, replier),
                }
            }
        }
    }
}

fn expand_dispatcher(interface: &Interface) -> TokenStream {
    let name = &interface.item.ident;
    let marker = format_ident!("{name}Interface");
    let arms = interface
        .methods
        .iter()
        .map(|method| expand_arm(interface, method));
    quote! {
        impl<S: #name> ::ipc_abi::interface::Dispatch<S> for #marker {
            #[inline(always)]
            fn dispatch<B: ::ipc_abi::message::LongBuffer, R: ::ipc_abi::interface::Replier>(
                server: &mut S,
                request: ::ipc_abi::message::Incoming,
                buffer: &mut B,
                replier: R,
            ) -> R::Next {
                use ::ipc_abi::interface::server as support;
                let error = match request.tag.method() {
                    #(#arms)*
                    _ => return support::answer_for_all::<Self, B, R>(&request, buffer, replier),
                };
                support::answer_protocol_error(error, replier)
            }
        }
    }
}

fn expand_arm(interface: &Interface, method: &Method) -> TokenStream {
    let (name, number, function) = (&interface.item.ident, method.number.value, &method.name);
    let from_message = method
        .arguments
        .iter()
        .filter(|a| !matches!(a.source, Source::Caller));
    let names = from_message.map(crate::method::Argument::decoded_name);
    let types: Vec<_> = method
        .arguments
        .iter()
        .filter_map(|a| a.decoded_type())
        .collect();
    let types = quote!((#(#types,)*));
    let handed = method
        .arguments
        .iter()
        .map(crate::method::Argument::handed_value);
    let mut handed: Vec<_> = handed.collect();
    let mut promise = None;
    let mut answer = expand_answer(&method.returns);
    if method.kind == Kind::Late {
        let encode = expand_encoder(&method.returns);
        promise = Some(quote!(let promise = support::promise(&request, &replier, #encode)?;));
        handed.push(quote!(promise));
        answer = quote!({
            let () = value;
            replier.later()
        });
    }
    quote! {
        #number => {
            let size = support::size_of_arguments::<#types>();
            let result = support::with_request(&request, buffer, size, |reader| {
                let (#(#names,)*) = reader.all::<#types>()?;
                #promise
                Ok(<S as #name>::#function(server, #(#handed),*))
            });
            match result {
                Ok(value) => return #answer,
                Err(error) => error,
            }
        }
    }
}

fn expand_client(interface: &Interface) -> TokenStream {
    let (visibility, name) = (&interface.item.vis, &interface.item.ident);
    let (client, marker) = (
        format_ident!("{name}Client"),
        format_ident!("{name}Interface"),
    );
    let docs = format!("A client of [`{name}`] over a transport.");
    let methods = interface.methods.iter().map(expand_client_method);
    quote! {
        #[doc = #docs]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #visibility struct #client<T> {
            transport: T,
        }

        impl<T: ::ipc_abi::interface::Transport> #client<T> {
            /// Makes a client without asking whether the service has the same schema.
            #[must_use]
            pub const fn new(transport: T) -> Self {
                Self { transport }
            }

            /// Makes a client of a service that has the same schema.
            ///
            /// # Errors
            ///
            /// `SchemaMismatch`, or why the service could not be asked.
            pub fn connect(
                mut transport: T,
            ) -> ::core::result::Result<Self, ::ipc_abi::interface::ConnectError> {
                ::ipc_abi::interface::client::check_schema::<#marker, T>(&mut transport)?;
                Ok(Self { transport })
            }

            /// The transport.
            #[must_use]
            pub const fn transport(&mut self) -> &mut T {
                &mut self.transport
            }

            #(#methods)*
        }
    }
}

fn expand_client_method(method: &Method) -> TokenStream {
    let (name, number, docs) = (&method.name, method.number.value, &method.docs);
    let shown = method
        .arguments
        .iter()
        .filter(|a| !matches!(a.source, Source::Caller));
    let parameters = shown.map(|argument| {
        let (name, written) = (&argument.name, &argument.written);
        quote!(#name: #written)
    });
    let values = method
        .arguments
        .iter()
        .filter_map(|argument| argument.encoded_value());
    let arguments = quote!(&(#(#values,)*));
    let (written, wire) = &method.returns.value;
    let (encoded, value) = (wire.encoded_type(written), wire.unwrap(&quote!(value)));
    let client = quote!(::ipc_abi::interface::client);
    let (returned, body) = match &method.returns.error {
        None if method.kind == Kind::OneWay => (
            quote!(::core::result::Result<(), ::ipc_abi::interface::CallError>),
            quote!(#client::tell(&mut self.transport, #number, #arguments)),
        ),
        None => (
            quote!(::core::result::Result<#written, ::ipc_abi::interface::CallError>),
            quote! {
                let value: #encoded = #client::call(&mut self.transport, #number, #arguments)?;
                Ok(#value)
            },
        ),
        Some((error_type, error_wire)) => {
            let error_encoded = error_wire.encoded_type(error_type);
            let error = error_wire.unwrap(&quote!(error));
            (
                quote!(::core::result::Result<
                    #written,
                    ::ipc_abi::interface::Failure<#error_type>,
                >),
                quote! {
                    let answer: ::core::result::Result<#encoded, #error_encoded> =
                        #client::call_fallible(&mut self.transport, #number, #arguments)?;
                    match answer {
                        Ok(value) => Ok(#value),
                        Err(error) => Err(::ipc_abi::interface::Failure::Service(#error)),
                    }
                },
            )
        }
    };
    let errors = document_errors(docs);
    quote! {
        #(#docs)*
        #errors
        #[inline]
        pub fn #name(&mut self, #(#parameters),*) -> #returned {
            #body
        }
    }
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
