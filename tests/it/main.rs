//! What the Rust side promises, on real SQLite and real HTTP.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

mod account;
mod accounts;
mod backup;
mod caching;
mod chat_list;
mod commands;
mod conversations;
mod conversion;
mod cookies;
mod database_file;
mod database_location;
mod deployment;
mod export;
mod erasure;
mod faults;
mod forms;
mod headers;
mod import;
mod interrupted;
mod invariants;
mod invites;
mod large_import;
mod limits;
mod message_changes;
mod methods;
mod migration;
mod model;
mod mount;
mod operator;
mod other_sites;
mod page_load;
mod pages;
mod refused_databases;
mod refused_rows;
mod rendering;
mod request;
mod round_trip;
mod settings;
mod settings_table;
mod signals;
mod startup;
mod static_files;
mod store_contract;
mod tidy;
