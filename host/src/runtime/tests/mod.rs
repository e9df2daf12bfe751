//! What the pipeline promises whatever the agent does.
#![allow(clippy::unwrap_used)]

mod agent;
mod attempts;
mod delivery;
mod live;
mod progress;
mod wakes;
