//! The bench program's service: one figure at a time.
