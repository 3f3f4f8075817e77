//! What the Rust side promises, on real SQLite and real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

mod account;
mod accounts;
mod backup;
mod caching;
mod chat_list;
mod conversations;
mod conversion;
mod cookies;
mod database_file;
mod deployment;
mod faults;
mod forms;
mod headers;
mod invariants;
mod limits;
mod methods;
mod migration;
mod model;
mod mount;
mod operator;
mod import_export;
mod interrupted;
mod invites;
mod large_import;
mod other_sites;
mod pages;
mod round_trip;
mod settings;
mod settings_table;
mod startup;
mod static_files;
mod store_contract;
mod rendering;
mod request;
mod tidy;
