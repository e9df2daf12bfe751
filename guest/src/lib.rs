//! The jobs component: pure job logic behind the contract in `wit/`. It reads rows, decides, and
//! writes rows; what it cannot import it cannot do.
//!
//! Everything but `glue` compiles and is tested natively; `glue` binds it to the component's
//! imports and exports.
//!
//! Errors are the contract's: a `ToolError` says what the caller can mend, a `StorageError` that nothing
//! was written and the call may be made again, `Trouble` which of storage and a row's contents is to blame.

#![warn(missing_docs)]

pub mod approval;
pub mod bindings;
pub mod chat;
pub mod create;
pub mod cure;
pub mod dependents;
pub mod errors;
pub mod forecast;
#[cfg(target_arch = "wasm32")]
mod glue;
pub mod ids;
pub mod intake;
pub mod lifecycle;
pub mod limits;
pub mod messages;
pub mod offspring;
pub mod plan;
pub mod policies;
pub mod poll;
pub mod prerequisites;
pub mod reach;
pub mod resume;
pub mod retrieve;
pub mod retry;
pub mod sabotage;
pub mod settle;
pub mod spending;
pub mod start;
pub mod stop;
pub mod trigger;
pub mod trouble;
pub mod units;
pub mod update;
pub mod views;
pub mod world;
