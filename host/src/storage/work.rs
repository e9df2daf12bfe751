//! How much work a write is: what turns and limits are measured in. One is about 5 µs in SQLite, on
//! a machine of 2026.

use super::turns::Turn;
use crate::wit::storage::{Unit, Write};
use crate::wit::types::JobSpec;

/// Bytes of a text that are written as it is, and of one that is indexed as well, for one.
const PLAIN_BYTES: usize = 4_096;
const INDEXED_BYTES: usize = 128;

/// The work of claiming one job.
pub const CLAIM: usize = 8;
/// The work of extending one lease.
pub const RENEWAL: usize = 2;
/// The work of deleting one row.
pub const DELETION: usize = 4;

/// The work of one change of what a tenant used.
pub const BOOKING: usize = 4;

/// The work of keeping one vector.
pub const VECTOR: usize = 4;

/// The work of looking which turns of a person are too many: as many entries of an index as are kept.
const TRIMMING: usize = 12;

/// The work of adding turns of a conversation.
#[must_use]
pub fn of_turns(turns: &[Turn]) -> usize {
    let each = turns.iter().map(|turn| 4 + turn.text.len() / PLAIN_BYTES);
    TRIMMING + each.sum::<usize>()
}

/// The work of a unit. Four guards are looked at in the time of one.
#[must_use]
pub fn of_unit(unit: &Unit) -> usize {
    unit.guards.len() / 4 + unit.writes.iter().map(of_write).sum::<usize>()
}

fn of_write(write: &Write) -> usize {
    match write {
        Write::InsertJob(job) => 13 + indexed(&job.spec),
        Write::UpdateJob(update) => 4 + update.spec.as_ref().map_or(0, |spec| 9 + indexed(spec)),
        Write::InsertRun(run) | Write::UpdateRun(run) => {
            let journal: usize = run.journal.iter().map(String::len).sum();
            3 + (run.output.as_ref().map_or(0, String::len) + journal) / PLAIN_BYTES
        }
        Write::InsertMessage(message) => 5 + message.text.len() / PLAIN_BYTES,
        Write::InsertChange(_) | Write::PutEdge(_) | Write::DeleteEdge(_) | Write::UpdateMessage(_) => 2,
        Write::Release(_) => 2,
    }
}

fn indexed(spec: &JobSpec) -> usize {
    (spec.title.len() + spec.description.len() + spec.payload.len()) / INDEXED_BYTES
}
