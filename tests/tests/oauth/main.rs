//! Access tokens of an authorization server: which are taken, whose they are, and how clients get
//! them.
#![allow(clippy::unwrap_used)]

mod keys;
mod login;
mod place;
mod tenants;
mod tokens;
