//! How values are made up: what the schema's hash covers, and what the service's page shows.
//!
//! A type that travels says so by `#[payload]`, which derives its `Serialize`, its `Deserialize` and its
//! [`Payload`]. What has no width of its own on every machine (`usize`) has none.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type whose values travel.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent: it is no payload",
    label = "not a payload",
    note = "write `#[payload]` before a type of your own; `usize` and `isize` have no fixed width"
)]
pub trait Payload {
    /// How its values are made up.
    const STRUCTURE: Structure;
}

/// A payload that owns what it has, so that it can be written into a message and read from one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent: it is no payload",
    label = "not a payload",
    note = "write `#[payload]` before a type of your own; text is `&str` or `heapless::String<N>`, a list \
            `&[u8]` or `heapless::Vec<T, N>`; `usize` and `isize` have no fixed width",
    note = "a capability, a promise and a batch are known by their names: write `Granted<K>`, `Promise<T>` and \
            `&mut Batch<'_, T>` in the method itself, not an alias"
)]
pub trait Sendable: Payload + Serialize + DeserializeOwned {
    /// What `#[interface]` asks for where a type is written, so that the compiler answers there.
    const ASKED: () = ();
}

/// How values of a type are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Structure {
    /// A number, a `bool` or a `char`, by the name of its type.
    Scalar(&'static str),
    /// Text of at most so many bytes, if there is a limit of its own.
    Text(Option<usize>),
    /// Values of one type, at most so many, if there is a limit of its own.
    List(&'static Structure, Option<usize>),
    /// So many values of one type.
    Array(&'static Structure, usize),
    /// A value or none.
    Optional(&'static Structure),
    /// Values of several types, or nothing.
    Tuple(&'static [Structure]),
    /// A struct.
    Struct {
        /// Its name.
        name: &'static str,
        /// Its documentation.
        docs: &'static str,
        /// Its fields, in order.
        fields: &'static [Field],
    },
    /// An enum.
    Enum {
        /// Its name.
        name: &'static str,
        /// Its documentation.
        docs: &'static str,
        /// Its variants, in order: their numbers count from 0.
        variants: &'static [Variant],
    },
    /// A capability, which travels beside the bytes.
    Capability {
        /// The kind of object.
        kind: &'static str,
        /// The interface behind it, if it is a way in to a service.
        interface: Option<&'static str>,
    },
}

/// A field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, or its number if it has none.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// How it is made up.
    pub structure: Structure,
}

/// A variant of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// What it carries.
    pub fields: &'static [Field],
}

macro_rules! scalars {
    ($($name:ident)*) => {$(
        impl Payload for $name {
            const STRUCTURE: Structure = Structure::Scalar(stringify!($name));
        }

        impl Sendable for $name {}
    )*};
}

scalars!(u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64 bool char);

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Payload),*> Payload for ($($name,)*) {
            const STRUCTURE: Structure = Structure::Tuple(&[$($name::STRUCTURE),*]);
        }

        impl<$($name: Sendable),*> Sendable for ($($name,)*) {}
    )*};
}

tuples! { () (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

impl<T: Payload + ?Sized> Payload for &T {
    const STRUCTURE: Structure = T::STRUCTURE;
}

impl Payload for str {
    const STRUCTURE: Structure = Structure::Text(None);
}

impl<const N: usize> Payload for heapless::String<N> {
    const STRUCTURE: Structure = Structure::Text(Some(N));
}

impl<const N: usize> Sendable for heapless::String<N> {}

impl<T: Payload> Payload for [T] {
    const STRUCTURE: Structure = Structure::List(&T::STRUCTURE, None);
}

impl<T: Payload, const N: usize> Payload for heapless::Vec<T, N> {
    const STRUCTURE: Structure = Structure::List(&T::STRUCTURE, Some(N));
}

impl<T: Sendable, const N: usize> Sendable for heapless::Vec<T, N> {}

impl<T: Payload, const N: usize> Payload for [T; N] {
    const STRUCTURE: Structure = Structure::Array(&T::STRUCTURE, N);
}

impl<T: Sendable, const N: usize> Sendable for [T; N] where [T; N]: Serialize + DeserializeOwned {}

impl<T: Payload> Payload for Option<T> {
    const STRUCTURE: Structure = Structure::Optional(&T::STRUCTURE);
}

impl<T: Sendable> Sendable for Option<T> {}

/// A hash: FNV-1a, 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const START: Hash = Hash(0xCBF2_9CE4_8422_2325);

    pub(super) const fn finish(self) -> u64 {
        self.0
    }

    const fn byte(self, byte: u8) -> Hash {
        const PRIME: u64 = 0x0000_0100_0000_01B3;
        Hash((self.0 ^ byte as u64).wrapping_mul(PRIME))
    }

    const fn bytes(mut self, bytes: &[u8]) -> Hash {
        let mut rest = bytes;
        while let [byte, tail @ ..] = rest {
            self = self.byte(*byte);
            rest = tail;
        }
        self
    }

    /// Text, and where it ends.
    pub(super) const fn text(self, text: &str) -> Hash {
        self.bytes(text.as_bytes()).byte(0)
    }

    pub(super) const fn number(self, number: u64) -> Hash {
        self.bytes(&number.to_le_bytes())
    }

    const fn limit(self, limit: Option<usize>) -> Hash {
        match limit {
            Some(limit) => self.byte(1).number(limit as u64),
            None => self.byte(0),
        }
    }

    /// A structure without its documentation.
    pub(super) const fn structure(self, structure: &Structure) -> Hash {
        match structure {
            Structure::Scalar(name) => self.byte(1).text(name),
            Structure::Text(limit) => self.byte(2).limit(*limit),
            Structure::List(item, limit) => self.byte(3).limit(*limit).structure(item),
            Structure::Array(item, count) => self.byte(4).number(*count as u64).structure(item),
            Structure::Optional(inner) => self.byte(5).structure(inner),
            Structure::Tuple(elements) => {
                let mut hash = self.byte(6).number(elements.len() as u64);
                let mut rest = *elements;
                while let [element, tail @ ..] = rest {
                    hash = hash.structure(element);
                    rest = tail;
                }
                hash
            }
            Structure::Struct { name, fields, .. } => self.byte(7).text(name).fields(fields),
            Structure::Enum { name, variants, .. } => {
                let mut hash = self.byte(8).text(name).number(variants.len() as u64);
                let mut rest = *variants;
                while let [variant, tail @ ..] = rest {
                    hash = hash.text(variant.name).fields(variant.fields);
                    rest = tail;
                }
                hash
            }
            Structure::Capability { kind, interface } => {
                let hash = self.byte(9).text(kind);
                match interface {
                    Some(interface) => hash.byte(1).text(interface),
                    None => hash.byte(0),
                }
            }
        }
    }

    const fn fields(self, fields: &[Field]) -> Hash {
        let mut hash = self.number(fields.len() as u64);
        let mut rest = fields;
        while let [field, tail @ ..] = rest {
            hash = hash.text(field.name).structure(&field.structure);
            rest = tail;
        }
        hash
    }
}
