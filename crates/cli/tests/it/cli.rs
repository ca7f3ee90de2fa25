//! The commands as a person or a script uses them.

mod audit;
mod certificates;
mod check;
pub(crate) mod connect;
mod doctor;
mod guides;
mod help;
mod init;
mod key;
mod keyring;
mod serve;
mod tools;
mod vault;
