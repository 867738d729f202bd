//! What tells an interface from others, and what a client says when it differs.

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

#[test]
fn schema_is_the_hash_of_the_written_methods() {
    assert_eq!(
        (SampleInterface::NAME, SampleInterface::SCHEMA.version),
        ("Sample", 3)
    );
    assert_eq!(schema_hash(""), 0xCBF2_9CE4_8422_2325);
    assert_eq!(schema_hash("a"), 0xAF63_DC4C_8601_EC8C);
    let signature = |number| {
        SampleInterface::METHODS
            .iter()
            .find(|method| method.number == number)
            .unwrap()
            .signature
    };
    assert_eq!(signature(1), "(u64,u64)->u64");
    assert_eq!(signature(2), "(&str)->Result<u32,SampleError>");
    assert_eq!(signature(7), "(u64)->u64");
    assert_eq!(signature(9), "(bool)->Result<(u64,Point),SampleError>");
}
