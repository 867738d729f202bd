//! What is in the kernel's image: its parts, and the objects and pages reserved in `start.s`.

use crate::layout::{DIRECT_MAP, Image};

/// Something that the linker or `start.s` placed; only its address means anything.
#[repr(C)]
struct Place([u8; 0]);

unsafe extern "C" {
    static text_start: Place;
    static text_bytes_end: Place;
    static rodata_start: Place;
    static data_start: Place;
    static kernel_end: Place;
    static core_guard: Place;
    static epitaph_guard: Place;
    static machine_object: Place;
    static null_endpoint: Place;
    static null_slots: Place;
    static null_root: Place;
    static translation_tables: Place;
}

fn physical(place: *const Place) -> u64 {
    place.expose_provenance() as u64 & !DIRECT_MAP
}

/// The image's parts, by physical address.
pub(crate) fn parts() -> Image {
    Image {
        text: physical(&raw const text_start),
        rodata: physical(&raw const rodata_start),
        data: physical(&raw const data_start),
        end: physical(&raw const kernel_end),
        guards: [
            physical(&raw const core_guard),
            physical(&raw const epitaph_guard),
        ],
    }
}

/// Bytes of the kernel's code.
pub(crate) fn text_bytes() -> u64 {
    physical(&raw const text_bytes_end).wrapping_sub(physical(&raw const text_start))
}

/// The number of the machine's object.
pub(crate) fn machine() -> u64 {
    physical(&raw const machine_object) >> 6
}

/// The number of the endpoint that nobody serves.
pub(crate) fn empty_endpoint() -> u64 {
    physical(&raw const null_endpoint) >> 6
}

/// The number of a frame of empty slots.
pub(crate) fn empty_slots() -> u64 {
    physical(&raw const null_slots) >> 6
}

/// The physical address of an empty table.
pub(crate) fn empty_root() -> u64 {
    physical(&raw const null_root)
}

/// The physical address of the room for the kernel's tables.
pub(crate) fn tables() -> u64 {
    physical(&raw const translation_tables)
}
