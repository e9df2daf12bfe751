//! The contract as Rust types, generated from `wit/`. The host's own words for the domain are
//! these types: there is no second set.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "jobs",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize, serde::Deserialize],
});

pub use self::exports::meanwhile::jobs::{conversation, directory, runner, schedule, tools};
pub use self::meanwhile::jobs::{agent_pipeline, storage, timers, types};
