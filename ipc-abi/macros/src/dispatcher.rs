//! The dispatcher that is made from an interface.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use crate::bound::expand_bounds;
use crate::hygiene::site;
use crate::method::{Argument, Kind, Method, Returns};
use crate::model::Interface;
use crate::wire::Wire;

/// Makes the dispatcher.
pub(crate) fn expand_dispatcher(interface: &Interface) -> TokenStream {
    let name = &interface.item.ident;
    let marker = format_ident!("{name}Interface");
    let arms = interface
        .methods
        .iter()
        .map(|method| expand_arm(interface, method));
    let one_way = interface
        .methods
        .iter()
        .filter(|it| it.kind == Kind::OneWay);
    let bounds = expand_bounds(interface);
    let told = one_way.map(|method| expand_told(interface, method));
    quote_spanned! {site()=>
        impl<__Server: #name> ::ipc_abi::interface::Dispatch<__Server> for #marker #bounds {
            #[inline(always)]
            fn dispatch<
                __Buffer: ::ipc_abi::message::LongBuffer,
                __Replier: ::ipc_abi::interface::Replier,
            >(
                server: &mut __Server,
                request: ::ipc_abi::message::Incoming,
                buffer: &mut __Buffer,
                replier: __Replier,
            ) -> __Replier::Next {
                use ::ipc_abi::interface::server as __support;
                let error = match request.tag.method() {
                    #(#arms)*
                    _ => match __support::read_own_request(&request, buffer, &replier) {
                        ::core::result::Result::Ok(__support::Own::Schema) => {
                            return __support::answer_schema::<Self, __Buffer, __Replier>(buffer, replier);
                        }
                        ::core::result::Result::Ok(__support::Own::Ring) => {
                            return __support::answer(&(), buffer, replier);
                        }
                        ::core::result::Result::Ok(__support::Own::RingTurn) => {
                            match replier.serve_ring::<Self, __Server>(server, &request) {
                                ::core::result::Result::Ok(()) => {
                                    return __support::answer(&(), buffer, replier);
                                }
                                ::core::result::Result::Err(error) => error,
                            }
                        }
                        ::core::result::Result::Err(error) => error,
                    },
                };
                __support::answer_protocol_error(error, replier)
            }

            fn tell<__Buffer: ::ipc_abi::message::LongBuffer>(
                server: &mut __Server,
                request: ::ipc_abi::message::Incoming,
                buffer: &mut __Buffer,
            ) {
                use ::ipc_abi::interface::server as __support;
                match request.tag.method() {
                    #(#told)*
                    _ => {
                        let _ = (server, buffer);
                    }
                }
            }
        }
    }
}

/// Makes what is done with a one-way message.
fn expand_told(interface: &Interface, method: &Method) -> TokenStream {
    let number = method.number.value;
    let parts = Parts::of(interface, method);
    let called = expand_returning(&parts);
    quote_spanned! {site()=>
        #number => {
            // Nobody hears what is wrong with it.
            let _ = #called;
        }
    }
}

/// Makes the part of the dispatcher that serves calls of one method.
fn expand_arm(interface: &Interface, method: &Method) -> TokenStream {
    let number = method.number.value;
    let parts = Parts::of(interface, method);
    let (called, answer) = match method.kind {
        Kind::Call | Kind::OneWay if method.brings() > 0 => {
            expand_granting(&parts, &method.returns)
        }
        Kind::Call | Kind::OneWay => expand_call(&parts, &method.returns),
        Kind::Late => expand_late(&parts, &method.returns),
        Kind::Stream => expand_stream(&parts, &method.returns),
    };
    let memory = match method.kind {
        Kind::Stream => Some(quote_spanned!(site()=> let mut memory = __support::EMPTY_BATCH;)),
        Kind::Call | Kind::OneWay | Kind::Late => None,
    };
    quote_spanned! {site()=>
        #number => {
            #memory
            let result = #called;
            match result {
                ::core::result::Result::Ok(value) => return #answer,
                ::core::result::Result::Err(error) => error,
            }
        }
    }
}

/// What calls of a method are made of.
struct Parts {
    /// The names of what is read from the message, as a tuple.
    names: TokenStream,
    /// Their types, as a tuple.
    types: TokenStream,
    /// The function.
    call: TokenStream,
    /// Its arguments behind `server`.
    handed: TokenStream,
    /// The function that lends the request's bytes, and its capabilities if it takes some.
    lender: TokenStream,
    /// What that function is told of the arguments.
    measure: TokenStream,
}

impl Parts {
    fn of(interface: &Interface, method: &Method) -> Parts {
        let (name, function) = (&interface.item.ident, &method.name);
        let from_message = method.arguments.iter().filter(|a| a.is_sent());
        let names = from_message.map(Argument::decoded_name);
        let types = method.arguments.iter().filter_map(Argument::decoded_type);
        let types = quote!((#(#types,)*));
        let caller = quote_spanned!(site()=> ::ipc_abi::interface::Caller::of(&request));
        let handed = method.arguments.iter().map(|it| it.handed_value(&caller));
        let (lender, measure) = if method.takes() > 0 {
            let measure = quote!(__support::capabilities_of_arguments::<#types>());
            (quote!(__support::with_capabilities), measure)
        } else if method.kind == Kind::Stream {
            (
                quote!(__support::with_request),
                quote!(::core::option::Option::None),
            )
        } else {
            let measure = quote!(__support::size_of_arguments::<#types>());
            (quote!(__support::with_request), measure)
        };
        Parts {
            names: quote!((#(#names,)*)),
            lender,
            measure,
            types,
            call: quote!(<__Server as #name>::#function),
            handed: quote!(#(#handed,)*),
        }
    }

    /// Lends the request to `method`.
    fn lend(&self, method: &TokenStream) -> TokenStream {
        let Parts {
            lender, measure, ..
        } = self;
        quote_spanned!(site()=> #lender(&request, buffer, #measure, #method))
    }
}

/// A method that returns its answer: what is tried.
fn expand_returning(parts: &Parts) -> TokenStream {
    let Parts {
        names,
        types,
        call,
        handed,
        ..
    } = parts;
    parts.lend(&quote_spanned! {site()=>
        |reader| {
            let #names = reader.all::<#types>()?;
            ::core::result::Result::Ok(#call(server, #handed))
        }
    })
}

/// A method that returns its answer: what is tried, and what is done with its `value`.
fn expand_call(parts: &Parts, returns: &Returns) -> (TokenStream, TokenStream) {
    let (_, wire) = &returns.value;
    let answer = expand_outcome(
        returns,
        |value| {
            let value = wire.wrap(value);
            quote_spanned!(site()=> __support::answer(&#value, buffer, replier))
        },
        expand_service_error,
    );
    (expand_returning(parts), answer)
}

/// A method whose answer has capabilities. It is not called for a client that cannot get any.
fn expand_granting(parts: &Parts, returns: &Returns) -> (TokenStream, TokenStream) {
    let called = expand_returning(parts);
    let called = quote_spanned!(site()=> replier.can_deliver().and_then(|()| #called));
    let (_, wire) = &returns.value;
    let answer = expand_outcome(
        returns,
        |value| {
            let value = wire.wrap(value);
            quote_spanned!(site()=> __support::answer_granting(#value, buffer, replier))
        },
        expand_service_error,
    );
    (called, answer)
}

/// What is done with an error of the service.
fn expand_service_error(wire: &Wire, error: &TokenStream) -> TokenStream {
    let error = wire.wrap(error);
    quote_spanned!(site()=> __support::answer_service_error(&#error, buffer, replier))
}

/// What is done with `value`, which a method returned: what `answered` makes of it, or if it can be an error, of what
/// there is without one; and what `refused` makes of the error.
pub(crate) fn expand_outcome(
    returns: &Returns,
    answered: impl FnOnce(&TokenStream) -> TokenStream,
    refused: impl FnOnce(&Wire, &TokenStream) -> TokenStream,
) -> TokenStream {
    let Some((_, error_wire)) = &returns.error else {
        return answered(&quote_spanned!(site()=> value));
    };
    let answered = answered(&quote_spanned!(site()=> result));
    let refused = refused(error_wire, &quote_spanned!(site()=> error));
    quote_spanned! {site()=>
        match value {
            ::core::result::Result::Ok(result) => #answered,
            ::core::result::Result::Err(error) => #refused,
        }
    }
}

/// A method that answers a promise.
fn expand_late(parts: &Parts, returns: &Returns) -> (TokenStream, TokenStream) {
    let Parts {
        names,
        types,
        call,
        handed,
        ..
    } = parts;
    let encode = expand_encoder(returns);
    let called = parts.lend(&quote_spanned! {site()=>
        |reader| {
            let #names = reader.all::<#types>()?;
            let promise = __support::promise(&request, &replier, #encode)?;
            ::core::result::Result::Ok(#call(server, #handed promise))
        }
    });
    let answer = quote_spanned!(site()=> {
        let () = value;
        replier.later()
    });
    (called, answer)
}

/// Makes the function that writes the answer to a promise.
fn expand_encoder(returns: &Returns) -> TokenStream {
    let written = &returns.written;
    let (_, wire) = &returns.value;
    let message = expand_outcome(
        returns,
        |value| {
            let value = wire.wrap_referent(value);
            quote_spanned!(site()=> __support::reply(&#value, buffer))
        },
        |wire, error| {
            let error = wire.wrap_referent(error);
            quote_spanned!(site()=> __support::reply_service_error(&#error, buffer))
        },
    );
    quote_spanned! {site()=>
        |value: &#written, buffer: &mut dyn ::ipc_abi::message::LongWriter| #message
    }
}

/// A method that fills a batch.
fn expand_stream(parts: &Parts, returns: &Returns) -> (TokenStream, TokenStream) {
    let Parts {
        names,
        types,
        call,
        handed,
        ..
    } = parts;
    let called = parts.lend(&quote_spanned! {site()=>
        |reader| {
            let (position, #names) = reader.all::<(::core::primitive::u64, #types)>()?;
            let mut batch = ::ipc_abi::interface::Batch::new(position, &mut memory);
            let value = #call(server, #handed &mut batch);
            ::core::result::Result::Ok((value, batch.close()))
        }
    });
    let outcome = expand_outcome(
        returns,
        |value| {
            quote_spanned!(site()=> {
                let () = #value;
                __support::answer_batch(closed, &memory, buffer, replier)
            })
        },
        expand_service_error,
    );
    let answer = quote_spanned!(site()=> {
        let (value, closed) = value;
        #outcome
    });
    (called, answer)
}
