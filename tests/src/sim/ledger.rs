//! What really happened, kept apart from the store: the invariants compare the two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use meanwhile_guest::bindings::agent_pipeline::Task;
use meanwhile_guest::bindings::types::{
    DependencyOutcome, Instant, Job, JobStatus, JobType, NotifyPolicy, TriggerConfig,
};

/// A stretch of time in which a repeating job was armed with one schedule.
#[derive(Clone, Debug)]
pub struct Stretch {
    pub job_type: JobType,
    pub trigger: TriggerConfig,
    pub anchor: Instant,
    /// The present of the write that began it.
    pub from: Instant,
    /// The first slot that it armed.
    pub first: Option<Instant>,
    /// The slot it stood at last; none: its horizon was passed.
    pub last: Option<Instant>,
    /// Where the first slot may lie later than the schedule says: delays of dependencies, slots
    /// that somebody asked for.
    pub delayed: bool,
    pub open: bool,
    /// When another schedule took its place: what was due then has to be accounted for.
    pub replaced_at: Option<Instant>,
}

/// One job's history.
#[derive(Clone, Debug, Default)]
pub struct JobLedger {
    pub token: u64,
    pub revision: u64,
    /// Jobs that its runs created.
    pub children: u32,
    /// What somebody was told: paused or cancelled, until then or for good.
    pub stopped: Option<Stop>,
    /// Calls under way that may let it start again.
    reviving: u32,
    revived_at: Option<Instant>,
    /// A person resumed it: dependencies that are not met hold it back no more.
    pub released: bool,
    pub stretches: Vec<Stretch>,
    /// The stretch in which the run of each slot was recorded.
    pub recorded: BTreeMap<Instant, usize>,
    /// Slots that are not of the schedule: asked for by a person.
    pub manual: BTreeSet<Instant>,
    /// The output that was told last.
    pub told: Option<String>,
    /// How often a person said a plain yes to it.
    pub yeses: u64,
    /// Runs that were told of an approval.
    pub approved_runs: BTreeSet<String>,
    /// Runs begun on each day of the job's zone.
    starts: BTreeMap<NaiveDate, u32>,
    /// When it was claimed lately.
    pub claims: VecDeque<Instant>,
    /// When a run of a job that tells its dependents at every run last ended, and how.
    pub last_end: Option<(Instant, DependencyOutcome)>,
}

/// What somebody was told about a job that stopped.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    pub at: Instant,
    /// Cancelled jobs stay so.
    pub for_good: bool,
    /// A pause ends by itself.
    pub until: Option<Instant>,
}

#[derive(Default)]
pub struct Ledger {
    pub jobs: Vec<JobLedger>,
    /// Attempts whose ends were handed out, by run.
    finished: BTreeMap<usize, BTreeSet<(u64, bool)>>,
    /// Attempts that were submitted.
    submitted: BTreeSet<(usize, u64, bool)>,
    /// Since when a dependency waits.
    pub waiting: BTreeMap<(usize, usize), Instant>,
    /// The job of each idempotency key that was answered.
    pub keys: BTreeMap<String, String>,
    /// Jobs that each run created.
    pub run_children: BTreeMap<usize, u32>,
    /// Times that a person brought back a job which a run had created.
    pub revived_descendants: usize,
}

impl Ledger {
    pub fn job(&mut self, job: usize) -> &mut JobLedger {
        if self.jobs.len() <= job {
            self.jobs.resize_with(job + 1, JobLedger::default);
        }
        &mut self.jobs[job]
    }

    /// A call begins or ends that may let the job start again.
    pub fn revival(&mut self, job: usize, begins: bool, now: Instant) {
        let job = self.job(job);
        if begins {
            job.reviving += 1;
            job.released = true;
        } else {
            job.reviving -= 1;
        }
        job.revived_at = Some(now);
        job.revive();
    }

    /// A run may let a job start again that no person stopped.
    pub fn released(&mut self, job: usize) {
        self.job(job).released = true;
    }

    /// A pause came to the end that was set for it.
    pub fn resumed(&mut self, job: usize, now: Instant) {
        let job = self.job(job);
        job.revived_at = Some(now);
        job.revive();
    }

    /// Somebody was told that the job stopped, by a call that began then: a revival during that
    /// call may have come after it.
    pub fn stopped(&mut self, job: usize, stop: Stop, began: Instant) {
        let job = self.job(job);
        if job.stopped.is_some_and(|stop| stop.for_good) {
            return;
        }
        let revived = job.reviving > 0 || job.revived_at.is_some_and(|at| at >= began);
        if stop.for_good || !revived {
            job.stopped = Some(stop);
        }
    }

    pub fn finished(&mut self, run: usize, token: u64, task: Task) {
        let attempts = self.finished.entry(run).or_default();
        attempts.insert((token, task == Task::Judge));
    }

    /// How many ends of a run were handed out, each counted once.
    pub fn ends(&self, run: usize) -> u64 {
        self.finished.get(&run).map_or(0, |ends| ends.len() as u64)
    }

    /// Notes a submission. False: this attempt was submitted before.
    pub fn submitted(&mut self, run: usize, token: u64, task: Task) -> bool {
        self.submitted.insert((run, token, task == Task::Judge))
    }
}

impl JobLedger {
    /// Counts a run; answers how many there were that day.
    pub fn count_start(&mut self, day: NaiveDate) -> u32 {
        let starts = self.starts.entry(day).or_default();
        *starts += 1;
        *starts
    }

    fn revive(&mut self) {
        if self.stopped.is_some_and(|stop| !stop.for_good) {
            self.stopped = None;
        }
    }

    /// Follows the schedule as it is written.
    pub fn follow(&mut self, job: &Job, asked_for: bool, latest: Option<Instant>) {
        let spec = &job.spec;
        let armed = spec.job_type != JobType::OneOff
            && matches!(job.state.status, JobStatus::Active | JobStatus::InProgress);
        let slot = job.state.next_fire;
        // The instant at which it was asked for, or just after the latest run where that is taken; and a
        // millisecond later where the schedule has that one.
        let free = latest.map_or(job.updated_at, |latest| job.updated_at.max(latest + 1));
        let beside = |slot: &Instant| *slot == free || *slot == free + 1;
        if asked_for && let Some(slot) = slot.filter(beside) {
            self.manual.insert(slot);
        }
        let current = self.stretches.last_mut().filter(|stretch| stretch.open);
        if !armed {
            if let Some(current) = current {
                current.open = false;
            }
            return;
        }
        if let Some(current) = current {
            let same = current.job_type == spec.job_type
                && current.anchor == spec.anchor
                && current.trigger == spec.trigger;
            if same {
                current.last = slot;
                return;
            }
            current.open = false;
            current.replaced_at = Some(job.updated_at);
        }
        let manual = slot.is_some_and(|slot| self.manual.contains(&slot));
        self.stretches.push(Stretch {
            job_type: spec.job_type,
            trigger: spec.trigger.clone(),
            anchor: spec.anchor,
            from: job.updated_at,
            first: slot,
            last: slot,
            delayed: manual || job.state.has_dependencies,
            open: true,
            replaced_at: None,
        });
    }

    /// Whether a good result is worth telling, by the job's policy; remembers what was told.
    pub fn promises(&mut self, policy: NotifyPolicy, worth: bool, output: &str, last_word: bool) -> bool {
        let tells = match policy {
            NotifyPolicy::Always => worth,
            NotifyPolicy::OnChange => worth && self.told.as_deref() != Some(output),
            NotifyPolicy::OnFailure => false,
        };
        let tells = tells || (last_word && policy != NotifyPolicy::OnFailure);
        if tells {
            self.told = Some(output.to_owned());
        }
        tells
    }
}
