//! # Lucarne
//!
//! A TLS proxy that lets an auditor **see** a remote screen and do nothing else. The way of the data, in reading order:
//!
//! | room | what it is |
//! |---|---|
//! | [`geometry`], [`picture`] | pixels in memory |
//! | [`rfb`] | the language, sans-IO, both roles |
//! | [`source`] | upstream: the link to a site |
//! | [`screen`] | the only thing that source and viewer share |
//! | [`mark`] | who is looking, burnt into each copy |
//! | [`viewer`] | downstream: one auditor's connection |
//! | [`governance`] | who may look, as pure rules |
//! | [`trace`] | what happened, durable before it counts |
//! | [`store`], [`desk`] | rows; and acts: check, row and entry in one |
//! | [`config`], [`tls`], [`web`], [`metrics`] | settings, certificates, the monitor, counters |
//! | [`notify`] | mail and webhooks: that something happened, never what |
//! | [`node`] | wires the rooms together |
//! | [`demo`], [`cli`] | the invented practice; what people type |
//! | [`clock`], [`shutdown`], [`id`], [`network`] | time, ends, names, where people and sites may be |
//!
//! Each room opens with what it is and what it never does; `tests/architecture.rs` asserts which may name which.

#![forbid(unsafe_code)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod desk;
pub mod fuzzing;
pub mod geometry;
pub mod governance;
pub mod id;
pub mod mark;
pub mod metrics;
pub mod network;
pub mod node;
pub mod notify;
pub mod picture;
pub mod rfb;
pub mod screen;
pub mod shutdown;
pub mod source;
pub mod store;
pub mod tls;
pub mod trace;
pub mod viewer;
pub mod web;
pub mod words;
