//! Stories of users, entered by the public doors: a node in this process, sites and viewers around it.

mod disk;
mod eye;
mod fidelity;
mod house;
mod lifecycle;
mod non_interference;
mod programs;
mod real_sites;
mod real_viewers;
mod script;
mod tickets;
mod trace;
