//! Moving a store: `meanwhile export | meanwhile import`, within SQLite and between SQLite and Postgres.

#![allow(clippy::unwrap_used)]

mod alone;
mod place;
mod refusals;
mod schedules;
mod stopped;
mod whole;
