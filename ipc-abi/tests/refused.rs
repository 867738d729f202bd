//! What the compiler says to a mistake in an interface: one file for each, with the exact text and
//! place beside it. `TRYBUILD=overwrite` writes those texts anew.

#[test]
fn each_mistake_is_told_at_its_place() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
