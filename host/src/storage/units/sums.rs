//! What a tenant's rows come to: kept with every write, so that no limit and no figure needs a count. Turns of
//! conversations do not count: `TURNS_KEPT` bounds them.

use crate::storage::words::Word as _;
use crate::storage::{Stored, is_live};
use crate::wit::types::JobStatus;

const STATUSES: usize = JobStatus::ALL.len();

/// The columns of the table `stored` that count jobs by status, in the order of [`StatusCounts`].
pub(in crate::storage) const STATUS_COLUMNS: &str =
    "pending, active, in_progress, completed, failed, blocked, cancelled, archived, paused";

/// How many jobs have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::storage) struct StatusCounts([i64; STATUSES]);

impl StatusCounts {
    /// As they stand in [`STATUS_COLUMNS`].
    pub(in crate::storage) fn read<E>(column: impl FnMut(usize) -> Result<i64, E>) -> Result<Self, E> {
        let mut counts = [0; STATUSES];
        for (count, read) in counts.iter_mut().zip((0..STATUSES).map(column)) {
            *count = read?;
        }
        Ok(Self(counts))
    }

    pub(in crate::storage) fn columns(self) -> [i64; STATUSES] {
        self.0
    }

    pub(super) fn add(&mut self, status: JobStatus, jobs: i64) {
        let place = JobStatus::ALL.iter().position(|(other, _)| *other == status);
        if let Some(count) = place.and_then(|place| self.0.get_mut(place)) {
            *count += jobs;
        }
    }

    fn each(self) -> impl Iterator<Item = (JobStatus, u64)> {
        let statuses = JobStatus::ALL.iter().map(|(status, _)| *status);
        statuses
            .zip(self.0)
            .map(|(status, jobs)| (status, u64::try_from(jobs).unwrap_or(0)))
    }

    /// The statuses that some job has, in the order of their words.
    pub(in crate::storage) fn some(self) -> Vec<(JobStatus, u64)> {
        let mut some: Vec<_> = self.each().filter(|(_, jobs)| *jobs > 0).collect();
        some.sort_by_key(|(status, _)| status.word());
        some
    }
}

/// What a tenant's rows come to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::storage) struct Sums {
    pub(in crate::storage) jobs: StatusCounts,
    pub(in crate::storage) bytes: i64,
}

impl Sums {
    /// A row was put that comes to so many bytes; of a job the status is told.
    pub(in crate::storage) fn put(&mut self, status: Option<JobStatus>, bytes: i64) {
        self.take(status, -1, -bytes);
    }

    /// Rows were deleted that came to so many bytes; of jobs the status is told.
    pub(in crate::storage) fn take(&mut self, status: Option<JobStatus>, rows: i64, bytes: i64) {
        self.bytes -= bytes;
        if let Some(status) = status {
            self.jobs.add(status, -rows);
        }
    }

    pub(in crate::storage) fn stored(&self) -> Stored {
        let live = self.jobs.each().filter(|(status, _)| is_live(*status));
        Stored {
            live_jobs: live.map(|(_, jobs)| jobs).sum(),
            bytes: u64::try_from(self.bytes).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{STATUS_COLUMNS, StatusCounts, Sums};
    use crate::storage::words::Word as _;
    use crate::wit::types::JobStatus;

    #[test]
    fn columns_are_the_statuses_in_their_order() {
        let words: Vec<String> = JobStatus::ALL
            .iter()
            .map(|(_, word)| word.to_lowercase())
            .collect();
        assert_eq!(STATUS_COLUMNS, words.join(", "));
    }

    #[test]
    fn what_is_counted_is_found_again_and_live_are_those_that_have_not_ended() {
        let mut jobs = StatusCounts::default();
        for (status, _) in JobStatus::ALL {
            jobs.add(*status, 1);
        }
        jobs.add(JobStatus::Failed, 2);
        jobs.add(JobStatus::Active, -1);
        let columns = jobs.columns();
        let read = StatusCounts::read(|place| Ok::<_, ()>(columns[place])).unwrap_or_default();
        assert_eq!(read, jobs);
        assert_eq!(read.some().len(), JobStatus::ALL.len() - 1);
        assert_eq!(read.some().first(), Some(&(JobStatus::Archived, 1)));
        assert_eq!(Sums { jobs, bytes: 5 }.stored().live_jobs, 4);
    }
}
