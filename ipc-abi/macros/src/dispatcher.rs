//! The dispatcher that is made from an interface.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

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
    let told = one_way.map(|method| expand_told(interface, method));
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
                    _ => match support::read_own_request(&request, buffer, &replier) {
                        Ok(support::Own::Schema) => {
                            return support::answer_schema::<Self, B, R>(buffer, replier);
                        }
                        Ok(support::Own::Ring) => return support::answer(&(), buffer, replier),
                        Ok(support::Own::RingTurn) => {
                            match replier.serve_ring::<Self, S>(server, &request) {
                                Ok(()) => return support::answer(&(), buffer, replier),
                                Err(error) => error,
                            }
                        }
                        Err(error) => error,
                    },
                };
                support::answer_protocol_error(error, replier)
            }

            fn tell<B: ::ipc_abi::message::LongBuffer>(
                server: &mut S,
                request: ::ipc_abi::message::Incoming,
                buffer: &mut B,
            ) {
                use ::ipc_abi::interface::server as support;
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
    quote! {
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
        Kind::Stream => Some(quote!(let mut memory = [0; support::BATCH_BYTES];)),
        Kind::Call | Kind::OneWay | Kind::Late => None,
    };
    quote! {
        #number => {
            #memory
            let result = #called;
            match result {
                Ok(value) => return #answer,
                Err(error) => error,
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
        let caller = quote!(::ipc_abi::interface::Caller::of(&request));
        let handed = method.arguments.iter().map(|it| it.handed_value(&caller));
        let (lender, measure) = if method.takes() > 0 {
            let measure = quote!(support::capabilities_of_arguments::<#types>());
            (quote!(support::with_capabilities), measure)
        } else if method.kind == Kind::Stream {
            (quote!(support::with_request), quote!(None))
        } else {
            let measure = quote!(support::size_of_arguments::<#types>());
            (quote!(support::with_request), measure)
        };
        Parts {
            names: quote!((#(#names,)*)),
            lender,
            measure,
            types,
            call: quote!(<S as #name>::#function),
            handed: quote!(#(#handed,)*),
        }
    }

    /// Lends the request to `method`.
    fn lend(&self, method: &TokenStream) -> TokenStream {
        let Parts {
            lender, measure, ..
        } = self;
        quote!(#lender(&request, buffer, #measure, #method))
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
    parts.lend(&quote! {
        |reader| {
            let #names = reader.all::<#types>()?;
            Ok(#call(server, #handed))
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
            quote!(support::answer(&#value, buffer, replier))
        },
        expand_service_error,
    );
    (expand_returning(parts), answer)
}

/// A method whose answer has capabilities. It is not called for a client that cannot get any.
fn expand_granting(parts: &Parts, returns: &Returns) -> (TokenStream, TokenStream) {
    let called = expand_returning(parts);
    let called = quote!(replier.can_deliver().and_then(|()| #called));
    let (_, wire) = &returns.value;
    let answer = expand_outcome(
        returns,
        |value| {
            let value = wire.wrap(value);
            quote!(support::answer_granting(#value, buffer, replier))
        },
        expand_service_error,
    );
    (called, answer)
}

/// What is done with an error of the service.
fn expand_service_error(wire: &Wire, error: &TokenStream) -> TokenStream {
    let error = wire.wrap(error);
    quote!(support::answer_service_error(&#error, buffer, replier))
}

/// What is done with `value`, which a method returned: what `answered` makes of it, or if it can be an error, of what
/// there is without one; and what `refused` makes of the error.
pub(crate) fn expand_outcome(
    returns: &Returns,
    answered: impl FnOnce(&TokenStream) -> TokenStream,
    refused: impl FnOnce(&Wire, &TokenStream) -> TokenStream,
) -> TokenStream {
    let Some((_, error_wire)) = &returns.error else {
        return answered(&quote!(value));
    };
    let answered = answered(&quote!(result));
    let refused = refused(error_wire, &quote!(error));
    quote! {
        match value {
            Ok(result) => #answered,
            Err(error) => #refused,
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
    let called = parts.lend(&quote! {
        |reader| {
            let #names = reader.all::<#types>()?;
            let promise = support::promise(&request, &replier, #encode)?;
            Ok(#call(server, #handed promise))
        }
    });
    let answer = quote!({
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
            quote!(support::reply(&#value, buffer))
        },
        |wire, error| {
            let error = wire.wrap_referent(error);
            quote!(support::reply_service_error(&#error, buffer))
        },
    );
    quote! {
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
    let called = parts.lend(&quote! {
        |reader| {
            let (position, #names) = reader.all::<(u64, #types)>()?;
            let mut batch = ::ipc_abi::interface::Batch::new(position, &mut memory);
            let value = #call(server, #handed &mut batch);
            Ok((value, batch.close()))
        }
    });
    let outcome = expand_outcome(
        returns,
        |value| {
            quote!({
                let () = #value;
                support::answer_batch(closed, &memory, buffer, replier)
            })
        },
        expand_service_error,
    );
    let answer = quote!({
        let (value, closed) = value;
        #outcome
    });
    (called, answer)
}
