//! Meanwhile's native host: storage, clock, timers and the agent pipeline around the jobs
//! component, and the loop that keeps its promises.

#![warn(missing_docs, clippy::missing_errors_doc)]

mod address;
pub mod agent;
mod background;
#[doc(hidden)]
pub mod cli;
pub mod clock;
pub mod component;
#[doc(hidden)]
pub mod config;
pub mod contract;
mod cpu;
pub mod embedding;
pub mod engine;
pub mod events;
mod hex;
pub mod host;
pub mod http;
pub mod imports;
pub mod limits;
pub mod mcp;
pub mod moving;
mod outbound;
pub mod runtime;
pub mod search;
mod secret;
pub mod service;
#[doc(hidden)]
pub mod simulate;
pub mod storage;
pub mod tenants;
#[doc(hidden)]
pub mod tls;
mod turns;
pub mod visible;
pub mod wit;

/// The jobs component that this host was built with.
pub const COMPONENT: &[u8] = include_bytes!(env!("JOBS_COMPONENT_WASM"));
