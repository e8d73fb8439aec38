//! Bytes of the language, both ways: golden layouts, real servers' streams, and encode → decode.

mod captures;
mod golden;
mod roundtrip;
