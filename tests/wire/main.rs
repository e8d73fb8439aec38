//! Bytes of the language, both ways: golden layouts, real servers' streams, and encode → decode.

mod captures;
mod fuzz;
mod golden;
mod roundtrip;
