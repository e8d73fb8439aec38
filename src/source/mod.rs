//! UPSTREAM: one link per open site, our RFB client.
//!
//! What it sends is a function of the configuration, the site's own bytes and the clock. It never knows a viewer, never
//! asks for anything because somebody looks, never sends an input, and never tries a refused login again by itself.

mod film;
pub mod link;
mod reach;
pub mod session;
mod wire;

pub use link::{Ended, Ends, Link, Opened, Report, Target, probe};
pub use wire::LinkError;
