//! The agent that asks a model, on a provider that answers as the providers publish it.
#![allow(clippy::unwrap_used)]

mod approvals;
mod ends;
mod events;
mod failures;
mod judging;
mod progress;
mod secrets;
mod sentences;
mod talking;
mod tools;
mod world;
