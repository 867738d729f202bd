//! The client over a ring that is made from an interface.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};

use crate::bound::expand_bounds;
use crate::client::{expand_answer, expand_arguments};
use crate::hygiene::{derived, site};
use crate::method::{Kind, Method};
use crate::model::Interface;

/// Makes the ring client.
pub(crate) fn expand_ring(interface: &Interface) -> TokenStream {
    let (visibility, name) = (&interface.item.vis, &interface.item.ident);
    let ring = format_ident!("{name}Ring");
    let docs = format!("A client of [`{name}`] over a ring.");
    let mut goes = interface
        .methods
        .iter()
        .filter(|it| goes_over_rings(it))
        .peekable();
    if goes.peek().is_none() {
        return quote!();
    }
    let methods = goes.map(expand_method);
    let (bounds, derived) = (expand_bounds(interface), derived());
    quote_spanned! {site()=>
        #[doc = #docs]
        #derived
        #visibility struct #ring<T> {
            transport: T,
        }

        impl<__Transport: ::ipc_abi::interface::RingTransport> #ring<__Transport> #bounds {
            /// Makes a client.
            #[must_use]
            pub const fn new(transport: __Transport) -> Self {
                Self { transport }
            }

            /// The ring.
            #[must_use]
            pub const fn transport(&mut self) -> &mut __Transport {
                &mut self.transport
            }

            #(#methods)*
        }
    }
}

/// Whether a method brings one answer at once, and no capabilities travel.
fn goes_over_rings(method: &Method) -> bool {
    match method.kind {
        Kind::Call | Kind::OneWay => method.takes() == 0 && method.brings() == 0,
        Kind::Late | Kind::Stream => false,
    }
}

fn expand_method(method: &Method) -> TokenStream {
    let (name, docs, number) = (&method.name, &method.docs, method.number.value);
    let shown = method.arguments.iter().filter(|a| a.is_sent());
    let parameters = shown.map(|argument| {
        let (name, written) = (&argument.name, &argument.written);
        quote!(#name: #written)
    });
    let arguments = expand_arguments(method);
    let support = quote!(::ipc_abi::interface::ring);
    let (brings, read) = expand_answer(
        method,
        &quote_spanned!(site()=> #support::read(reply)),
        &quote_spanned!(site()=> #support::read_fallible(reply)),
    );
    quote_spanned! {site()=>
        #(#docs)*
        ///
        /// Submits it; what it brings is taken by the ticket.
        ///
        /// # Errors
        ///
        /// The [`RingError`](::ipc_abi::interface::RingError) if it was not submitted.
        #[inline]
        pub fn #name(
            &mut self,
            #(#parameters),*
        ) -> ::core::result::Result<
            ::ipc_abi::interface::Ticket<#brings>,
            ::ipc_abi::interface::RingError,
        > {
            #support::submit(&mut self.transport, #number, #arguments, |reply| { #read })
        }
    }
}
