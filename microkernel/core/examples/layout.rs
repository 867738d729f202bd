//! Prints the layout of the kernel's objects as JSON, for tools that do not speak Rust.
//!
//! `verification/` reads it, so that no proof repeats an offset. It names what the proofs use; add
//! a row when a proof needs another field.

use ipc_abi::capability::{Kind, Rights};
use ipc_abi::error::Error;
use pecan_core::object::{
    self, CapTable, Field, FrameKind, Gate, Layout, Slots, Thread, endpoint, gate, table, thread,
};

fn main() {
    println!("{{");
    print_numbers("constants", &constants());
    print_numbers("kinds", &kinds());
    print_numbers("frame_kinds", &frame_kinds());
    print_numbers("rights", &rights());
    print_numbers("errors", &errors());
    println!("  \"objects\": {{");
    print_object("Thread", fields_of_threads(), false);
    print_object("CapTable", fields_of_tables(), false);
    print_object::<Slots>("Slots", Vec::new(), false);
    print_object("Gate", fields_of_gates(), false);
    print_object("Endpoint", vec![("ID", endpoint::ID)], true);
    println!("  }}");
    println!("}}");
}

fn constants() -> Vec<(&'static str, u64)> {
    vec![
        ("OBJECT_UNIT_BYTES", object::OBJECT_UNIT_BYTES),
        ("NUMBER_BITS", u64::from(object::NUMBER_BITS)),
        ("UNITS_PER_FRAME", object::UNITS_PER_FRAME),
        ("CHUNKS_MAX", table::CHUNKS_MAX),
        ("CHUNK_SLOTS", table::CHUNK_SLOTS),
    ]
}

fn kinds() -> Vec<(&'static str, u64)> {
    Kind::ALL
        .iter()
        .map(|kind| (kind.name(), *kind as u64))
        .collect()
}

fn errors() -> Vec<(&'static str, u64)> {
    Error::ALL
        .iter()
        .map(|error| (error.name(), error.into_raw()))
        .collect()
}

fn frame_kinds() -> Vec<(&'static str, u64)> {
    vec![
        ("Free", FrameKind::Free as u64),
        ("User", FrameKind::User as u64),
        ("Thread", FrameKind::Thread as u64),
        ("CapTable", FrameKind::CapTable as u64),
        ("Endpoint", FrameKind::Endpoint as u64),
        ("Gate", FrameKind::Gate as u64),
        ("Slots", FrameKind::Slots as u64),
        ("Kernel", FrameKind::Kernel as u64),
        ("Absent", FrameKind::Absent as u64),
    ]
}

fn rights() -> Vec<(&'static str, u64)> {
    vec![
        ("SEND", u64::from(Rights::SEND.into_raw())),
        ("SIGNAL", u64::from(Rights::SIGNAL.into_raw())),
        ("RECEIVE", u64::from(Rights::RECEIVE.into_raw())),
    ]
}

fn fields_of_threads() -> Vec<(&'static str, Field<Thread>)> {
    vec![
        ("ID", thread::ID),
        ("SLOTS", thread::SLOTS),
        ("MASK", thread::MASK),
        ("TABLE", thread::TABLE),
    ]
}

fn fields_of_tables() -> Vec<(&'static str, Field<CapTable>)> {
    vec![
        ("ID", table::ID),
        ("CHUNKS", table::CHUNKS),
        ("CHUNK", table::CHUNK),
    ]
}

fn fields_of_gates() -> Vec<(&'static str, Field<Gate>)> {
    vec![
        ("ID", gate::ID),
        ("BADGE", gate::BADGE),
        ("ENDPOINT", gate::ENDPOINT),
    ]
}

fn print_numbers(name: &str, rows: &[(&str, u64)]) {
    let rows: Vec<String> = rows
        .iter()
        .map(|(name, value)| format!("\"{name}\": {value}"))
        .collect();
    println!("  \"{name}\": {{{}}},", rows.join(", "));
}

fn print_object<O: Layout>(name: &str, fields: Vec<(&str, Field<O>)>, is_last: bool) {
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, field)| format!("\"{name}\": {}", field.word()))
        .collect();
    let comma = if is_last { "" } else { "," };
    println!(
        "    \"{name}\": {{\"words\": {}, \"fields\": {{{}}}}}{comma}",
        O::WORDS,
        fields.join(", ")
    );
}
