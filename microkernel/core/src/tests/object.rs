use crate::object::{Layout, Thread, thread};

#[test]
fn field_at_any_index_stays_in_its_object() {
    let first = thread::X;
    let last = <Thread as Layout>::WORDS - 1;
    assert_eq!(first.at(0).word(), first.word());
    assert_eq!(first.at(30).word(), first.word() + 30);
    let inside = (last - first.word()) as u64;
    for index in [inside, inside + 1, 1 << 40] {
        assert_eq!(first.at(index).word(), last, "{index}");
    }
}

#[test]
fn field_is_as_many_bytes_from_the_beginning_as_its_words_have() {
    for field in [thread::X, thread::X.at(1), thread::LINK] {
        assert_eq!(field.offset(), field.word() * 8);
    }
}
