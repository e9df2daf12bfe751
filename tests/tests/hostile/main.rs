//! Hostile guests beside well-behaved tenants of the same host.
#![allow(clippy::unwrap_used)]

mod attacks;
mod canary;
mod polls;
mod pool;
