//! Bytes of the language, both ways: golden layouts, real servers' streams, and encode → decode.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod captures;
mod classes;
mod dice;
mod differential;
mod encoders;
mod fuzz;
mod golden;
mod hostile;
mod libvncclient;
mod roundtrip;
