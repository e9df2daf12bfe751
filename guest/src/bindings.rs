//! The contract as Rust types, generated from `wit/`.
#![allow(unsafe_code, missing_docs, clippy::all, clippy::unwrap_used, unreachable_pub)]

#[cfg(not(feature = "serde"))]
wit_bindgen::generate!({
    path: "../wit",
    world: "jobs",
    pub_export_macro: true,
    default_bindings_module: "crate::bindings",
    additional_derives: [PartialEq, Clone],
    generate_all,
});

#[cfg(feature = "serde")]
wit_bindgen::generate!({
    path: "../wit",
    world: "jobs",
    pub_export_macro: true,
    default_bindings_module: "crate::bindings",
    additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
    generate_all,
});

pub use exports::meanwhile::jobs::{conversation, directory, runner, schedule, tools};
pub use meanwhile::jobs::{agent_pipeline, storage, timers, types};
