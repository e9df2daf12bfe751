//! Hostile guests beside well-behaved tenants of the same host.
#![allow(clippy::unwrap_used)]

mod attacks;
mod bounds;
mod canary;
mod neighbours;
mod polls;
mod pool;
mod rows;
