//! Stories of users, entered by the public doors: a node in this process, sites and viewers around it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod alerts;
mod anything;
mod balancers;
mod bystander;
mod canaries;
mod capture;
mod child;
mod chromium;
mod cli;
mod consent;
mod cut_short;
mod declared;
mod disk;
mod elsewhere;
#[path = "../wire/encoders.rs"]
mod encoders;
mod engagements;
mod eye;
mod fidelity;
mod film;
mod flows;
mod freezing;
mod guessing;
mod hostile_pages;
mod hostile_sites;
mod hostile_viewers;
mod house;
mod http;
mod incidents;
mod lifecycle;
mod limits;
mod links;
mod many;
mod networks;
mod non_interference;
mod page;
mod pages;
mod passwords;
mod people;
mod pki;
mod postgres;
mod prerequisites;
mod process;
mod programs;
mod readme;
mod real_sites;
mod real_viewers;
mod roles;
mod script;
mod scripts;
mod store;
mod strangers;
mod tap;
mod tickets;
mod tls;
mod trace;
mod upgrade;
mod upstream;
mod viewers;
mod villain;
mod workstations;
