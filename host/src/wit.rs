//! The contract as Rust types, generated from `wit/`. The host's own words for the domain are
//! these types: there is no second set. What they mean is said there, and taken over from there.
#![expect(
    missing_docs,
    reason = "generated: fields that their names and types explain have no comment in the WIT, and traits and functions \
              of the generator none at all"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "jobs",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});

pub use self::exports::meanwhile::jobs::{conversation, directory, runner, schedule, tools};
pub use self::meanwhile::jobs::{agent_pipeline, storage, timers, types};
