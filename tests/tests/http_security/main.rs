//! What a stranger can do to the host's edge: little, and not for long.
#![allow(clippy::unwrap_used)]

mod bounds;
mod edge;
mod program;
mod smuggling;
mod visitors;
