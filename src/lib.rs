//! # Lucarne
//! See ARCHITECTURE.md.
pub mod clock;
pub mod geometry;
pub mod id;
pub mod picture;
pub mod rfb;
pub mod shutdown;
