//! RULES, pure: who may look, and when. Facts and `now` come in, a verdict goes out.
//!
//! This room never reads a clock, a file or a row, and nothing else can make an [`Admission`].

pub mod account;
pub mod admission;
pub mod alert;
mod capture;
pub mod compliance;
pub mod engagement;
pub mod freeze;
pub mod incident;
pub mod lockout;
pub mod password;
pub mod policy;
pub mod premises;
mod refusal;
pub mod request;
pub mod role;
pub mod shape;
pub mod site;
pub mod token;
pub mod workstation;

pub use account::{Account, Login};
pub use admission::{Admission, Check, Looking, Request, admit, first_refusal};
pub use alert::{Alert, MailAddress, Occasion, Route, Way};
pub use capture::Capture;
pub use engagement::{Engagement, Matter, SiteFacts, State, Terms};
pub use freeze::Freeze;
pub use incident::Incident;
pub use password::{Profile, Secret};
pub use policy::{Paper, Paperwork, Policy};
pub use premises::{Desks, Premises, Whence};
pub use refusal::{Refusal, Verdict};
pub use role::{Right, Role, Roles};
pub use site::{Kind, Standing};
pub use token::Token;
pub use workstation::{Workplace, Workstation};
