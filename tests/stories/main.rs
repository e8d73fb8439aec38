//! Stories of users, entered by the public doors: a node in this process, sites and viewers around it.

mod disk;
mod eye;
mod fidelity;
mod house;
mod lifecycle;
mod non_interference;
mod real;
mod script;
mod tickets;
mod trace;
