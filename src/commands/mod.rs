//! What the program does instead of serving: a file for each subcommand; its progress and signals.

pub mod backup;
pub mod check;
pub mod export;
pub mod health;
pub mod import;
pub mod invite;
pub mod progress;
pub mod say;
pub mod signals;
pub mod user;
