//! What tells an interface from others, and what a client says when it differs.

use super::super::structure::{Field, Structure, Variant};
use super::*;

#[test]
fn other_schema_is_refused_at_connect_by_what_differs() {
    let ours = SampleInterface::SCHEMA;
    let refusal = |theirs: Schema| {
        let mut bytes = [0; Tag::REGISTER_BYTES];
        bytes[..8].copy_from_slice(&theirs.hash.to_le_bytes());
        bytes[8..16].copy_from_slice(&theirs.name.to_le_bytes());
        bytes[16..20].copy_from_slice(&theirs.version.to_le_bytes());
        let mut fake = Fake::replying(Tag::new(error::status::OK, 20));
        fake.reply.words = words_from_bytes(&bytes);
        let error = SampleClient::connect(fake)
            .map(drop)
            .expect_err("it does not fit");
        let interface = "Sample";
        assert_eq!(
            error,
            ConnectError::SchemaMismatch {
                interface,
                ours,
                theirs
            }
        );
        std::format!("{error}")
    };
    let [name, version, hash] = [
        Schema { name: 0, ..ours },
        Schema { version: 4, ..ours },
        Schema { hash: 5, ..ours },
    ];
    let text = "the service speaks something else than `Sample`";
    assert_eq!(refusal(name), text);
    let text =
        "the service speaks `Sample` version 4, this program version 3: rebuild the older one";
    assert_eq!(refusal(version), text);
    let text = std::format!(
        "the service and this program speak `Sample` version 3, but not the same \
         (0000000000000005 and {:016x}): rebuild both",
        ours.hash
    );
    assert_eq!(refusal(hash), text);
}

#[test]
fn service_that_tells_no_schema_is_refused_at_connect() {
    let fake = Fake::replying(Tag::new(ProtocolError::UnknownMethod.into_raw(), 0));
    let unknown = CallError::Protocol(ProtocolError::UnknownMethod);
    let error = SampleClient::connect(fake).map(drop);
    assert_eq!(error, Err(ConnectError::Call(unknown)));
    // A hash alone, as long ago.
    let fake = Fake::replying(Tag::new(error::status::OK, 8));
    let malformed = CallError::PeerMisbehavior(Misbehavior::Malformed(ProtocolError::Truncated));
    let error = SampleClient::connect(fake).map(drop);
    assert_eq!(error, Err(ConnectError::Call(malformed)));
}

#[test]
fn client_is_made_by_its_interface() {
    let mut client = <SampleInterface as Interface>::client(Way::new(Server::default()));
    assert_eq!(client.add(2, 3), Ok(5));
}

/// A method without arguments that returns something made up like this.
const fn returning(structure: Structure) -> MethodInfo {
    MethodInfo {
        number: 1,
        name: "get",
        docs: "",
        kind: MethodKind::Call,
        arguments: &[],
        result: ValueInfo {
            name: "",
            written: "",
            size: None,
            wire: "plain",
            structure,
        },
        error: None,
    }
}

fn hash(method: MethodInfo) -> u64 {
    Schema::of("Sample", 1, &[method]).hash
}

/// How many of these are different.
fn count_different(hashes: &[u64]) -> usize {
    let different: std::collections::BTreeSet<&u64> = hashes.iter().collect();
    different.len()
}

const U8: Structure = Structure::Scalar("u8");
const I8: Structure = Structure::Scalar("i8");
const FIELD: Field = Field {
    name: "a",
    docs: "",
    structure: U8,
};

const fn of_struct(fields: &'static [Field]) -> Structure {
    let (name, docs) = ("S", "");
    Structure::Struct { name, docs, fields }
}

const fn of_enum(variants: &'static [Variant]) -> Structure {
    let (name, docs) = ("S", "");
    Structure::Enum {
        name,
        docs,
        variants,
    }
}

const fn variant(name: &'static str, fields: &'static [Field]) -> Variant {
    let docs = "";
    Variant { name, docs, fields }
}

#[test]
fn schema_covers_how_each_value_is_made_up() {
    const B: Field = Field { name: "b", ..FIELD };
    const SIGNED: Field = Field {
        structure: I8,
        ..FIELD
    };
    let structures = [
        U8,
        I8,
        Structure::Text(None),
        Structure::Text(Some(8)),
        Structure::Text(Some(9)),
        Structure::List(&U8, None),
        Structure::List(&U8, Some(8)),
        Structure::List(&I8, Some(8)),
        Structure::Array(&U8, 8),
        Structure::Array(&U8, 9),
        Structure::Optional(&U8),
        Structure::Tuple(&[]),
        Structure::Tuple(&[U8]),
        Structure::Tuple(&[U8, U8]),
        of_struct(&[FIELD]),
        of_struct(&[FIELD, FIELD]),
        of_struct(&[B]),
        of_struct(&[SIGNED]),
        of_enum(const { &[variant("A", &[])] }),
        of_enum(const { &[variant("A", &[]), variant("B", &[])] }),
        of_enum(const { &[variant("B", &[]), variant("A", &[])] }),
        of_enum(const { &[variant("A", &[FIELD])] }),
    ];
    let hashes = structures.map(|structure| hash(returning(structure)));
    assert_eq!(count_different(&hashes), hashes.len());
}

#[test]
fn schema_covers_each_method() {
    let plain = returning(U8);
    let fixed = ValueInfo {
        wire: "fixed",
        ..plain.result
    };
    let methods = [
        plain,
        MethodInfo { number: 2, ..plain },
        MethodInfo {
            name: "set",
            ..plain
        },
        MethodInfo {
            kind: MethodKind::Late,
            ..plain
        },
        MethodInfo {
            error: Some(plain.result),
            ..plain
        },
        MethodInfo {
            arguments: const { &[returning(U8).result] },
            ..plain
        },
        MethodInfo {
            result: fixed,
            ..plain
        },
    ];
    let mut hashes = methods.map(hash).to_vec();
    hashes.push(Schema::of("Sample", 2, &[plain]).hash);
    hashes.push(Schema::of("Other", 1, &[plain]).hash);
    hashes.push(Schema::of("Sample", 1, &[]).hash);
    assert_eq!(count_different(&hashes), hashes.len());
}

#[test]
fn documentation_is_no_part_of_the_schema() {
    let plain = returning(U8);
    let documented = MethodInfo {
        docs: "more",
        ..plain
    };
    assert_eq!(hash(documented), hash(plain));
    const DOCUMENTED: Field = Field {
        docs: "more",
        ..FIELD
    };
    let (with, without) = (of_struct(&[DOCUMENTED]), of_struct(&[FIELD]));
    assert_eq!(hash(returning(with)), hash(returning(without)));
}

#[test]
fn types_tell_how_they_are_made_up() {
    let method = |number| {
        let found = SampleInterface::METHODS
            .iter()
            .find(|it| it.number == number);
        *found.expect("it is there")
    };
    assert_eq!(
        (SampleInterface::NAME, SampleInterface::SCHEMA.version),
        ("Sample", 3)
    );
    assert_eq!(
        SampleInterface::DOCS,
        "A service that does one of everything."
    );
    let swap = method(6);
    assert_eq!(
        (swap.name, swap.docs, swap.kind),
        ("swap", "Swaps.", MethodKind::Call)
    );
    let [point, reference] = swap.arguments else {
        panic!("{:?}", swap.arguments);
    };
    assert_eq!(
        (point.name, point.written, point.wire),
        ("point", "Point", "plain")
    );
    assert_eq!((reference.written, reference.size), ("&Point", None));
    assert_eq!(point.structure, reference.structure);
    let Structure::Struct { name, fields, .. } = point.structure else {
        panic!("{point:?}");
    };
    assert_eq!((name, fields.len()), ("Point", 2));
    assert_eq!(fields[1].structure, Structure::Scalar("u32"));
    assert_eq!(swap.result.wire, "(plain, fixed)");
    let who = method(7);
    assert_eq!((who.arguments.len(), who.arguments[0].size), (1, Some(8)));
    let later = method(9);
    assert_eq!(
        (later.kind, later.result.written),
        (MethodKind::Late, "(u64, Point)")
    );
    let Some(Structure::Enum { variants, .. }) = later.error.map(|it| it.structure) else {
        panic!("{later:?}");
    };
    assert_eq!(
        (variants[0].fields.len(), variants[1].fields[0].name),
        (0, "limit")
    );
    let find = method(11);
    let text = Structure::Optional(&Structure::Text(None));
    let list = Structure::List(&Structure::Scalar("u8"), Some(4));
    assert_eq!(
        (find.arguments[0].structure, find.arguments[1].structure),
        (text, list)
    );
}
