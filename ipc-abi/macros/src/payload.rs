//! The attribute of types that travel.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Fields, Generics, Result, Type};

use crate::docs::text_of;
use crate::wire::{Wire, refuse_inside};

/// Derives how values of a type are written, read and made up.
pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    check_generics(&item.generics)?;
    check_attributes(&item.attrs)?;
    let name = &item.ident;
    let (text, docs) = (name.to_string(), text_of(&item.attrs));
    let structure = match &item.data {
        Data::Struct(data) => {
            let fields = expand_fields(&data.fields)?;
            quote!(Struct { name: #text, docs: #docs, fields: #fields })
        }
        Data::Enum(data) => {
            let mut variants = Vec::new();
            for variant in &data.variants {
                check_attributes(&variant.attrs)?;
                if let Some((_, number)) = &variant.discriminant {
                    let message = "the variants of a payload are numbered from 0 in their order";
                    return Err(Error::new_spanned(number, message));
                }
                let (name, docs) = (variant.ident.to_string(), text_of(&variant.attrs));
                let fields = expand_fields(&variant.fields)?;
                variants.push(quote! {
                    ::ipc_abi::interface::structure::Variant {
                        name: #name, docs: #docs, fields: #fields,
                    }
                });
            }
            quote!(Enum { name: #text, docs: #docs, variants: &[#(#variants),*] })
        }
        Data::Union(data) => {
            let message = "a union is no payload: nothing says which of its fields is meant";
            return Err(Error::new_spanned(data.union_token, message));
        }
    };
    Ok(quote! {
        #[derive(::ipc_abi::serde::Serialize, ::ipc_abi::serde::Deserialize)]
        #[serde(crate = "::ipc_abi::serde")]
        #item

        impl ::ipc_abi::interface::Payload for #name {
            const STRUCTURE: ::ipc_abi::interface::structure::Structure =
                ::ipc_abi::interface::structure::Structure::#structure;
        }

        impl ::ipc_abi::interface::Sendable for #name {}
    })
}

fn check_generics(generics: &Generics) -> Result<()> {
    if generics.params.is_empty() && generics.where_clause.is_none() {
        return Ok(());
    }
    let message = "a payload is not generic and owns what it has: its bytes have one format";
    Err(Error::new_spanned(&generics.params, message))
}

fn check_attributes(attributes: &[Attribute]) -> Result<()> {
    let found = attributes.iter().find(|it| it.path().is_ident("serde"));
    match found {
        Some(attribute) => {
            let message = "an attribute of serde changes the format, and nobody would see it";
            Err(Error::new_spanned(attribute, message))
        }
        None => Ok(()),
    }
}

fn expand_fields(fields: &Fields) -> Result<TokenStream> {
    let mut expanded = Vec::new();
    for (number, field) in fields.iter().enumerate() {
        check_attributes(&field.attrs)?;
        let name = match &field.ident {
            Some(name) => name.to_string(),
            None => number.to_string(),
        };
        expanded.push(expand_field(&name, &text_of(&field.attrs), &field.ty)?);
    }
    Ok(quote!(&[#(#expanded),*]))
}

fn expand_field(name: &str, docs: &str, written: &Type) -> Result<TokenStream> {
    // Tells of what cannot be sent at its place.
    refuse_inside(written)?;
    Wire::of(written)?;
    Ok(quote! {
        ::ipc_abi::interface::structure::Field {
            name: #name,
            docs: #docs,
            structure: <#written as ::ipc_abi::interface::Payload>::STRUCTURE,
        }
    })
}
