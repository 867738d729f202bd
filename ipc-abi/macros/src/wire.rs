//! How a written type travels: by its own fixed encoding, or through serde.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::{Error, GenericArgument, Ident, PathArguments, Result, Type, TypePath};

use crate::hygiene::site;
use crate::method::compact;

/// The types that `ipc_abi::interface::wire` encodes itself.
const NATIVE: &[&str] = &[
    "u8", "u16", "u32", "u64", "u128", "i8", "i16", "i32", "i64", "i128", "f32", "f64", "bool",
];

/// How a type travels.
pub(crate) enum Wire {
    /// By an encoding of its own.
    Native,
    /// Through its `Serialize` and `Deserialize`.
    Serialized,
    /// Beside the bytes: a capability.
    Granted,
    /// Element by element.
    Tuple(Vec<(Type, Wire)>),
}

impl Wire {
    /// Finds how `written` travels.
    pub(crate) fn of(written: &Type) -> Result<Wire> {
        match written {
            Type::Path(path) => Wire::of_path(path),
            Type::Tuple(tuple) => {
                let elements: Result<Vec<(Type, Wire)>> = tuple
                    .elems
                    .iter()
                    .map(|element| Ok((element.clone(), Wire::of(element)?)))
                    .collect();
                Ok(Wire::Tuple(elements?))
            }
            Type::Paren(inner) => Wire::of(&inner.elem),
            Type::Group(inner) => Wire::of(&inner.elem),
            Type::Array(_) => {
                refuse_inside(written)?;
                Ok(Wire::Serialized)
            }
            Type::Reference(reference) => Wire::of_borrowed(written, reference),
            other => Err(Error::new_spanned(
                other,
                "a value of this type cannot be sent",
            )),
        }
    }

    fn of_path(path: &TypePath) -> Result<Wire> {
        if let Some(parameters) = parameters_of_path(path, GRANTED) {
            return Wire::of_granted(path, &parameters);
        }
        refuse_inside(path)?;
        let Some(name) = path.path.get_ident().map(ToString::to_string) else {
            return Ok(Wire::Serialized);
        };
        if name == "usize" || name == "isize" {
            let message = format!(
                "the width of `{name}` differs between machines: say how wide the number is"
            );
            return Err(Error::new_spanned(path, message));
        }
        if NATIVE.contains(&name.as_str()) {
            Ok(Wire::Native)
        } else {
            Ok(Wire::Serialized)
        }
    }

    fn of_granted(path: &TypePath, parameters: &[&Type]) -> Result<Wire> {
        match parameters {
            [kind] if refuse_inside(kind).is_ok() => Ok(Wire::Granted),
            _ => {
                let message = "write `Granted<K>`: an interface's marker, or one of `object`";
                Err(Error::new_spanned(path, message))
            }
        }
    }

    fn of_borrowed(written: &Type, reference: &syn::TypeReference) -> Result<Wire> {
        if is_text_or_bytes(&reference.elem) && reference.mutability.is_none() {
            Ok(Wire::Native)
        } else {
            let message = "only `&str` and `&[u8]` are borrowed from a message";
            Err(Error::new_spanned(written, message))
        }
    }

    /// The type that is written and read for a value of the type `written`.
    pub(crate) fn encoded_type(&self, written: &Type) -> TokenStream {
        match self {
            Wire::Native | Wire::Granted => quote!(#written),
            Wire::Serialized => quote!(::ipc_abi::interface::wire::Serialized<#written>),
            Wire::Tuple(elements) => {
                let types = elements
                    .iter()
                    .map(|(written, wire)| wire.encoded_type(written));
                quote!((#(#types,)*))
            }
        }
    }

    /// How many capabilities a value has.
    pub(crate) fn capabilities(&self) -> usize {
        match self {
            Wire::Native | Wire::Serialized => 0,
            Wire::Granted => 1,
            Wire::Tuple(elements) => elements.iter().map(|(_, wire)| wire.capabilities()).sum(),
        }
    }

    /// Adds to `types` the parts of the type `written` that travel through serde.
    pub(crate) fn list_serialized<'a>(&'a self, written: &'a Type, types: &mut Vec<&'a Type>) {
        match self {
            Wire::Native | Wire::Granted => {}
            Wire::Serialized => types.push(written),
            Wire::Tuple(elements) => {
                for (written, wire) in elements {
                    wire.list_serialized(written, types);
                }
            }
        }
    }

    /// Refuses a value of the type `written` if it has a capability.
    pub(crate) fn refuse_capability(&self, written: &Type, message: &str) -> Result<()> {
        if self.capabilities() == 0 {
            Ok(())
        } else {
            Err(Error::new_spanned(written, message))
        }
    }

    /// Its name in the schema.
    fn name(&self) -> String {
        match self {
            Wire::Native => String::from("fixed"),
            Wire::Serialized => String::from("plain"),
            Wire::Granted => String::from("capability"),
            Wire::Tuple(elements) => {
                let names: Vec<String> = elements.iter().map(|(_, wire)| wire.name()).collect();
                format!("({})", names.join(", "))
            }
        }
    }

    /// What the schema and the page tell of a value of the type `written`.
    pub(crate) fn expand_info(&self, name: &str, written: &Type) -> TokenStream {
        let (text, wire) = (compact(written), self.name());
        let encoded = self.encoded_type(written);
        quote! {
            ::ipc_abi::interface::ValueInfo {
                name: #name,
                written: #text,
                size: <#encoded as ::ipc_abi::interface::wire::Encode>::SIZE,
                wire: #wire,
                structure: <#written as ::ipc_abi::interface::Payload>::STRUCTURE,
            }
        }
    }

    /// Makes what is written from the value `value`.
    pub(crate) fn wrap(&self, value: &TokenStream) -> TokenStream {
        match self {
            Wire::Native | Wire::Granted => value.clone(),
            Wire::Serialized => quote!(::ipc_abi::interface::wire::Serialized(#value)),
            Wire::Tuple(elements) => each(elements, value, Wire::wrap),
        }
    }

    /// Makes what is written from `value`, a reference to the value.
    pub(crate) fn wrap_referent(&self, value: &TokenStream) -> TokenStream {
        match self {
            // No value with a capability is written from a reference: `refuse_capability`.
            Wire::Native | Wire::Granted => quote!(*#value),
            Wire::Serialized => quote!(::ipc_abi::interface::wire::Serialized(#value)),
            Wire::Tuple(elements) if elements.is_empty() => quote!(()),
            Wire::Tuple(elements) => each(elements, value, Wire::wrap_referent),
        }
    }

    /// Makes the value from what was read, `encoded`.
    pub(crate) fn unwrap(&self, encoded: &TokenStream) -> TokenStream {
        match self {
            Wire::Native | Wire::Granted => encoded.clone(),
            Wire::Serialized => quote!(#encoded.0),
            Wire::Tuple(elements) => each(elements, encoded, Wire::unwrap),
        }
    }
}

/// Whether the type behind a reference is `str` or `[u8]`.
fn is_text_or_bytes(referent: &Type) -> bool {
    match referent {
        Type::Path(path) => path.path.is_ident("str"),
        Type::Slice(slice) => {
            matches!(&*slice.elem, Type::Path(element) if element.path.is_ident("u8"))
        }
        _ => false,
    }
}

/// Takes a tuple apart, does `step` to each element, and puts it together again.
fn each(
    elements: &[(Type, Wire)],
    tuple: &TokenStream,
    step: impl Fn(&Wire, &TokenStream) -> TokenStream,
) -> TokenStream {
    if elements.is_empty() {
        return tuple.clone();
    }
    let names: Vec<_> = (0..elements.len())
        .map(|index| format_ident!("element_{index}", span = site()))
        .collect();
    let values = elements
        .iter()
        .zip(&names)
        .map(|((_, wire), name)| step(wire, &quote!(#name)));
    quote!({ let (#(#names,)*) = #tuple; (#(#values,)*) })
}

/// The name of the type of capabilities.
const GRANTED: &str = "Granted";

/// Refuses a capability in a type that travels as bytes.
pub(crate) fn refuse_inside(written: &impl ToTokens) -> Result<()> {
    match granted_in(written.to_token_stream()) {
        None => Ok(()),
        Some(found) => {
            let message = "a capability stands by itself, in a tuple, or in `Ok`: there is no place for it in \
                           another type";
            Err(Error::new(found.span(), message))
        }
    }
}

fn granted_in(written: TokenStream) -> Option<Ident> {
    written.into_iter().find_map(|token| match token {
        TokenTree::Ident(name) if name == GRANTED => Some(name),
        TokenTree::Group(group) => granted_in(group.stream()),
        _ => None,
    })
}

/// The type parameters of `written`, if it is a path whose last part is called `name`.
pub(crate) fn parameters_of<'a>(written: &'a Type, name: &str) -> Option<Vec<&'a Type>> {
    match written {
        Type::Path(path) => parameters_of_path(path, name),
        _ => None,
    }
}

fn parameters_of_path<'a>(path: &'a TypePath, name: &str) -> Option<Vec<&'a Type>> {
    let last = path.path.segments.last()?;
    if last.ident != name {
        return None;
    }
    let PathArguments::AngleBracketed(list) = &last.arguments else {
        return Some(Vec::new());
    };
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(parameter) => Some(parameter),
        _ => None,
    });
    Some(types.collect())
}
