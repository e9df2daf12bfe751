//! Units of work, decided in memory: SQL storages read the rows that units name, decide here what becomes
//! of them, and write the rows that changed, each once. So a refused unit leaves nothing to undo in the database,
//! and both storages answer alike.

mod decide;
mod named;
mod prepared;
mod rows;
mod sums;
mod table;

pub(super) use self::decide::Rows;
pub(super) use self::named::Named;
pub(super) use self::prepared::{Indexed, JobText, NewJob, Prepared, Spec, State, Step};
pub(super) use self::rows::{
    CHANGE_BYTES, EDGE_BYTES, JOB_BYTES, JobRow, MESSAGE_BYTES, MessageRow, RUN_BYTES, RunAt,
};
pub(super) use self::sums::{STATUS_COLUMNS, StatusCounts, Sums};
