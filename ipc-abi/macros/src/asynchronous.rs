//! The form of an interface whose methods may wait, and its dispatcher.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::TraitItem;

use crate::bound::expand_bounds;
use crate::dispatcher::expand_outcome;
use crate::hygiene::site;
use crate::method::{Argument, Kind, Method};
use crate::model::Interface;
use crate::wire::Wire;

/// Makes the trait and its dispatcher, but for an interface by which capabilities travel: they are only
/// there while the method runs that takes or brings them.
pub(crate) fn expand_asynchronous(interface: &Interface) -> TokenStream {
    if interface
        .methods
        .iter()
        .any(|it| it.takes() + it.brings() > 0)
    {
        return quote!();
    }
    let (visibility, name) = (&interface.item.vis, &interface.item.ident);
    let asynchronous = format_ident!("Async{name}");
    let marker = format_ident!("{name}Interface");
    let docs = format!("[`{name}`], by methods that may wait: for `userlib::serve_async`.");
    let methods = interface
        .methods
        .iter()
        .map(|method| expand_method(interface, method));
    let arms = interface
        .methods
        .iter()
        .map(|method| expand_arm(&asynchronous, method));
    let support = quote!(::ipc_abi::interface::asynchronous);
    let bounds = expand_bounds(interface);
    quote_spanned! {site()=>
        #[doc = #docs]
        #visibility trait #asynchronous {
            #(#methods)*
        }

        impl<__Server: #asynchronous> ::ipc_abi::interface::AsyncDispatch<__Server> for #marker #bounds {
            async fn answer<__Memory: #support::LongMemory>(
                server: &__Server,
                request: #support::Request<__Memory>,
            ) -> #support::Reply<__Memory> {
                use #support as __support;
                let error = match request.method() {
                    #(#arms)*
                    _ => {
                        let _ = server;
                        ::ipc_abi::interface::ProtocolError::UnknownMethod
                    }
                };
                __support::Reply::protocol_error(error)
            }
        }
    }
}

/// Makes a method of the trait: its arguments are as they were written, but for a promise, which is returned.
fn expand_method(interface: &Interface, method: &Method) -> TokenStream {
    let (name, docs, returned) = (&method.name, &method.docs, &method.returns.written);
    let written = interface.item.items.iter().find_map(|item| match item {
        TraitItem::Fn(function) if function.sig.ident == *name => Some(&function.sig.inputs),
        _ => None,
    });
    let sent = method.arguments.len() + usize::from(method.kind == Kind::Stream);
    let parameters = written.into_iter().flatten().skip(1).take(sent);
    quote_spanned! {site()=>
        #(#docs)*
        fn #name(&self, #(#parameters),*) -> impl ::core::future::Future<Output = #returned>;
    }
}

/// Makes the part of the dispatcher that serves one method.
fn expand_arm(asynchronous: &syn::Ident, method: &Method) -> TokenStream {
    let (number, function) = (method.number.value, &method.name);
    let from_message = method.arguments.iter().filter(|a| a.is_sent());
    let names = from_message.map(Argument::decoded_name);
    let types = method.arguments.iter().filter_map(Argument::decoded_type);
    let caller = quote_spanned!(site()=> request.caller());
    let handed = method.arguments.iter().map(|it| it.handed_value(&caller));
    let (names, types, handed) = (
        quote!((#(#names,)*)),
        quote!((#(#types,)*)),
        quote!(#(#handed,)*),
    );
    let call = quote!(<__Server as #asynchronous>::#function);
    let (read, types, called) = match method.kind {
        Kind::Stream => (
            quote_spanned!(site()=> (position, #names)),
            quote!((::core::primitive::u64, #types)),
            expand_stream(method, &call, &handed),
        ),
        Kind::Call | Kind::OneWay | Kind::Late => {
            (names, types, expand_call(method, &call, &handed))
        }
    };
    quote_spanned! {site()=>
        #number => match request.read::<#types>() {
            ::core::result::Result::Ok(#read) => { #called }
            ::core::result::Result::Err(error) => error,
        },
    }
}

/// Calls a method that answers once, with these arguments behind `server`.
fn expand_call(method: &Method, call: &TokenStream, handed: &TokenStream) -> TokenStream {
    let (_, wire) = &method.returns.value;
    let answer = expand_outcome(
        &method.returns,
        |value| {
            let value = wire.wrap(value);
            quote!(__support::Reply::new(&#value))
        },
        expand_service_error,
    );
    quote_spanned! {site()=>
        let value = #call(server, #handed).await;
        return #answer;
    }
}

/// Calls a method that fills a batch.
fn expand_stream(method: &Method, call: &TokenStream, handed: &TokenStream) -> TokenStream {
    let answer = expand_outcome(
        &method.returns,
        |value| {
            quote_spanned!(site()=> {
                let () = #value;
                __support::Reply::batch(closed, &memory)
            })
        },
        expand_service_error,
    );
    quote_spanned! {site()=>
        let mut memory = <__Memory as __support::LongMemory>::batch();
        let mut batch = ::ipc_abi::interface::Batch::new(position, &mut memory);
        let value = #call(server, #handed &mut batch).await;
        let closed = batch.close();
        return #answer;
    }
}

/// What is done with an error of the service.
fn expand_service_error(wire: &Wire, error: &TokenStream) -> TokenStream {
    let error = wire.wrap(error);
    quote!(__support::Reply::service_error(&#error))
}
