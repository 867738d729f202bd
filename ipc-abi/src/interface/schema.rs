//! What an interface is: its methods, and what tells it from others.

use super::structure::{Hash, Structure};

/// What tells an interface from others, and from itself as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// A hash over its name, its version and its methods: number, name, kind, and the structure of
    /// all that travels.
    pub hash: u64,
    /// A hash over its name.
    pub name: u64,
    /// The version that its author gave it.
    pub version: u32,
}

impl Schema {
    /// The schema of the interface called `name` with these methods.
    #[must_use]
    pub const fn of(name: &str, version: u32, methods: &[MethodInfo]) -> Schema {
        let mut hash = Hash::START.text(name).number(version as u64);
        let mut rest = methods;
        while let [method, tail @ ..] = rest {
            hash = method.add_to(hash);
            rest = tail;
        }
        Schema {
            hash: hash.finish(),
            name: Hash::START.text(name).finish(),
            version,
        }
    }

    /// The values that travel.
    pub(super) const fn into_values(self) -> (u64, u64, u32) {
        (self.hash, self.name, self.version)
    }

    /// Takes what travelled.
    pub(super) const fn from_values((hash, name, version): (u64, u64, u32)) -> Schema {
        Schema {
            hash,
            name,
            version,
        }
    }
}

/// What a method is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// Its documentation.
    pub docs: &'static str,
    /// How it is answered.
    pub kind: MethodKind,
    /// What the client sends.
    pub arguments: &'static [ValueInfo],
    /// What the client gets when all is well: of a list, an item.
    pub result: ValueInfo,
    /// The service's own error.
    pub error: Option<ValueInfo>,
}

/// How a method is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// By one reply.
    Call,
    /// Not at all.
    OneWay,
    /// By a reply that may come later.
    Late,
    /// By a list, in one reply or several.
    Stream,
}

/// What a value that travels is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueInfo {
    /// Its name; that of a result is empty.
    pub name: &'static str,
    /// Its type, as written.
    pub written: &'static str,
    /// How many bytes it takes, if that is always the same.
    pub size: Option<usize>,
    /// Which parts of it have fixed width: `fixed`, `plain`, or a tuple of these.
    pub wire: &'static str,
    /// How it is made up.
    pub structure: Structure,
}

impl MethodInfo {
    const fn add_to(&self, hash: Hash) -> Hash {
        let mut hash = hash
            .number(self.number as u64)
            .text(self.name)
            .number(self.kind as u64)
            .number(self.arguments.len() as u64);
        let mut rest = self.arguments;
        while let [argument, tail @ ..] = rest {
            hash = argument.add_to(hash);
            rest = tail;
        }
        hash = self.result.add_to(hash);
        match &self.error {
            Some(error) => error.add_to(hash.number(1)),
            None => hash.number(0),
        }
    }
}

impl ValueInfo {
    const fn add_to(&self, hash: Hash) -> Hash {
        hash.text(self.wire).structure(&self.structure)
    }
}
