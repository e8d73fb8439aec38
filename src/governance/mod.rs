//! RULES, pure: who may look, and when. Facts and `now` come in, a verdict goes out.
//!
//! This room never reads a clock, a file or a row, and nothing else can make an [`Admission`].

pub mod account;
pub mod admission;
pub mod password;
pub mod site;

pub use account::Login;
pub use admission::{Admission, Facts, Refusal, Request, admit};
pub use password::{Profile, Secret};
pub use site::{Kind, Standing};
