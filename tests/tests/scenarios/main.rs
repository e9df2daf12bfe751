//! The twenty conformance scenarios by number: through MCP, on the running program, with a SQLite
//! file, a clock that is moved by hand, and an agent whose outcomes are written down beforehand.
//! Where a scenario needs several people, or several hosts, the host runs in this process.
//!
//! Names that differ from those of the scenarios' source:
//! * `job_id` is the only id: there is no `instance_id`.
//! * `needs_confirmation`, `conflict` and `created: false` say what `is_existing` said.
//! * The statuses are nine: pending → PENDING or ACTIVE, running → IN_PROGRESS, cooling → ACTIVE
//!   with reason `retry_waiting`, blocked-failed → BLOCKED with reason `dependency_failed`,
//!   paused_no_quota → PAUSED with reason `quota` or `credentials`.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod chat;
mod claims;
mod context;
mod create;
mod dependencies;
mod ongoing;
mod stop;
mod time;
mod tools;
