//! What a component may write. Storage keeps tenants apart and units whole; here is what holds
//! for the rows of one tenant whatever component it runs, and what bounds the work of a commit.
//!
//! Nothing here reads a row: what a rule rests on has to be guarded by the unit itself, and storage
//! checks the guards with the writes.

use crate::limits::{
    CHANGE_TEXT_BYTES_MAX, COMMIT_GUARDS_MAX, COMMIT_UNITS_MAX, COMMIT_WRITES_MAX, DESCRIPTION_CHARS_MAX,
    ID_CHARS_MAX, JOURNAL_ROWS_MAX, MESSAGE_CHARS_MAX, NAME_CHARS_MAX, OUTPUT_BYTES_MAX, PAYLOAD_CHARS_MAX,
    RUN_TEXT_BYTES_MAX, SPEC_TEXT_BYTES_MAX, STATE_TEXT_BYTES_MAX, TITLE_CHARS_MAX, UNIT_WORK_MAX,
    UNIT_WRITES_MAX,
};
use crate::storage::work;
use crate::wit::storage::{Guard, JobUpdate, Rejection, StorageError, Unit, Write};
use crate::wit::types::{
    Edge, Job, JobSpec, JobState, JobStatus, Message, Run, RunStatus, StatusChange, TriggerConfig,
};

/// Refuses a commit that is too much work, before any of it is done.
pub(super) fn size(units: &[Unit]) -> Result<(), StorageError> {
    let writes = || units.iter().map(|unit| unit.writes.len());
    let guards = || units.iter().map(|unit| unit.guards.len());
    let work = units.iter().map(work::of_unit).max();
    let counts = [
        ("units of a commit", units.len(), COMMIT_UNITS_MAX),
        ("writes of a unit", writes().max().unwrap_or(0), UNIT_WRITES_MAX),
        ("guards of a unit", guards().max().unwrap_or(0), UNIT_WRITES_MAX),
        ("writes of a commit", writes().sum(), COMMIT_WRITES_MAX),
        ("guards of a commit", guards().sum(), COMMIT_GUARDS_MAX),
        ("steps of work in a unit", work.unwrap_or(0), UNIT_WORK_MAX),
    ];
    for (what, count, most) in counts {
        super::storage::bounded(what, count, most)?;
    }
    Ok(())
}

/// Why a unit may not be applied, whatever the rows are. `holds` tells whether the call holds the
/// claim of a job under a token.
pub(super) fn refusal(unit: &Unit, holds: &impl Fn(&str, u64) -> bool) -> Option<Rejection> {
    let refused = unit
        .writes
        .iter()
        .find_map(|write| check(unit, write, holds).err());
    refused.map(Rejection::Forbidden)
}

fn check(unit: &Unit, write: &Write, holds: &impl Fn(&str, u64) -> bool) -> Result<(), String> {
    match write {
        Write::InsertJob(job) => new_job(job),
        Write::UpdateJob(update) => {
            known(unit, &update.id)?;
            update.spec.as_ref().map_or(Ok(()), spec)?;
            state(&update.state)
        }
        Write::InsertRun(run) => {
            known(unit, &run.job)?;
            if run.token != 0 && !claims(unit, &run.job, run.token) {
                return Err(format!(
                    "the run {} has a token that its unit does not claim",
                    shown(&run.id)
                ));
            }
            executes_rightly(unit, run, holds)?;
            texts_of_run(run)
        }
        Write::UpdateRun(run) => {
            known(unit, &run.job)?;
            executes_rightly(unit, run, holds)?;
            texts_of_run(run)
        }
        Write::PutEdge(edge) => {
            known(unit, &edge.dependent)?;
            texts_of_edge(edge)
        }
        Write::DeleteEdge(key) => known(unit, &key.dependent),
        Write::InsertMessage(message) => {
            known(unit, &message.job)?;
            texts_of_message(message)
        }
        Write::InsertChange(change) => {
            known(unit, &change.job)?;
            texts_of_change(change)
        }
        Write::UpdateMessage(_) | Write::Release(_) => Ok(()),
    }
}

/// What is written concerns a job that is there, and was read: the unit guards or inserts it.
fn known(unit: &Unit, job: &str) -> Result<(), String> {
    let guarded = unit.guards.iter().any(|guard| match guard {
        Guard::Revision(at) => at.job == job,
        Guard::Claim(at) => at.job == job,
    });
    let inserted = || {
        unit.writes
            .iter()
            .any(|write| matches!(write, Write::InsertJob(new) if new.id == job))
    };
    if guarded || inserted() {
        return Ok(());
    }
    Err(format!(
        "the unit writes about job {} and does not guard it",
        shown(job)
    ))
}

fn claims(unit: &Unit, job: &str, token: u64) -> bool {
    unit.guards
        .iter()
        .any(|guard| matches!(guard, Guard::Claim(at) if at.job == job && at.token == token))
}

/// A run executes under a claim that the call holds, whose token it has, as the one open run of a job
/// in progress. Storage refuses to bring an ended job back into progress, so it starts none either.
fn executes_rightly(unit: &Unit, run: &Run, holds: &impl Fn(&str, u64) -> bool) -> Result<(), String> {
    if !matches!(run.status, RunStatus::Executing | RunStatus::Analysing) {
        return Ok(());
    }
    if !claims(unit, &run.job, run.token) || !holds(&run.job, run.token) {
        return Err(format!(
            "the run {} would execute without a claim of its job",
            shown(&run.id)
        ));
    }
    let open = |update: &JobUpdate| {
        update.id == run.job
            && update.state.status == JobStatus::InProgress
            && update.state.open_run.as_ref() == Some(&run.id)
    };
    let in_progress = |write: &Write| matches!(write, Write::UpdateJob(update) if open(update));
    if unit.writes.iter().any(in_progress) {
        return Ok(());
    }
    Err(format!(
        "the run {} would execute and is not the open run of a job in progress",
        shown(&run.id)
    ))
}

fn new_job(job: &Job) -> Result<(), String> {
    if job.revision != 1 || matches!(job.state.status, JobStatus::InProgress | JobStatus::Archived) {
        return Err("a new job has revision 1, and is neither in progress nor archived".into());
    }
    id("a job", &job.id)?;
    names([Some(&job.agent), Some(&job.user), Some(&job.created_by)])?;
    spec(&job.spec)?;
    state(&job.state)
}

fn spec(spec: &JobSpec) -> Result<(), String> {
    chars("the title", &spec.title, TITLE_CHARS_MAX)?;
    chars("the description", &spec.description, DESCRIPTION_CHARS_MAX)?;
    chars("the payload", &spec.payload, PAYLOAD_CHARS_MAX)?;
    names([
        spec.related_entity_id.as_ref(),
        spec.narrative_id.as_ref(),
        spec.conversation.as_ref(),
        spec.idempotency_key.as_ref(),
    ])?;
    let TriggerConfig {
        timezone,
        when,
        run_at,
        cron,
        start_at,
        end_at,
        end_condition,
        ..
    } = &spec.trigger;
    let trigger = [timezone, when, run_at, cron, start_at, end_at, end_condition];
    bytes(
        "a trigger",
        lengths(trigger.map(Option::as_ref)),
        SPEC_TEXT_BYTES_MAX,
    )?;
    let cost = spec.budget.and_then(|budget| budget.max_cost_usd);
    finite([cost, spec.retry.factor])
}

fn state(state: &JobState) -> Result<(), String> {
    let reason = state.status_reason.as_ref();
    let last = state.last_run.as_ref();
    let texts = lengths([
        reason.map(|reason| &reason.code),
        reason.map(|reason| &reason.message),
        state.open_run.as_ref(),
        state.hearing.as_ref(),
        last.map(|run| &run.run_id),
        last.and_then(|run| run.summary.as_ref()),
        last.and_then(|run| run.error.as_ref())
            .map(|error| &error.message),
    ]);
    bytes("a job's state", texts, STATE_TEXT_BYTES_MAX)?;
    finite([Some(state.spent.cost_usd)])
}

fn texts_of_run(run: &Run) -> Result<(), String> {
    id("a run", &run.id)?;
    let output = run.output.as_ref().map_or(0, String::len);
    bytes("an output", output, OUTPUT_BYTES_MAX)?;
    if run.journal.len() > JOURNAL_ROWS_MAX {
        let entries = run.journal.len();
        return Err(format!(
            "a journal has {entries} entries; at most {JOURNAL_ROWS_MAX}"
        ));
    }
    let others = lengths([
        run.report.as_ref().map(|report| &report.summary),
        run.error.as_ref().map(|error| &error.message),
        run.reason.as_ref(),
    ]);
    let journal: usize = run.journal.iter().map(String::len).sum();
    bytes("a run", output + others + journal, RUN_TEXT_BYTES_MAX)?;
    finite([Some(run.usage.cost_usd), Some(run.usage.seconds)])
}

fn texts_of_edge(edge: &Edge) -> Result<(), String> {
    id("a job", &edge.dependent)?;
    id("a job", &edge.prerequisite)
}

fn texts_of_message(message: &Message) -> Result<(), String> {
    id("a message", &message.id)?;
    names([
        Some(&message.once_key),
        message.run.as_ref(),
        Some(&message.agent),
        Some(&message.user),
        message.conversation.as_ref(),
        message.related_entity_id.as_ref(),
        message.narrative_id.as_ref(),
    ])?;
    chars("the title", &message.title, TITLE_CHARS_MAX)?;
    chars("a message", &message.text, MESSAGE_CHARS_MAX)
}

fn texts_of_change(change: &StatusChange) -> Result<(), String> {
    names([Some(&change.by)])?;
    let reason = change.reason.as_ref();
    let texts = lengths([
        reason.map(|reason| &reason.code),
        reason.map(|reason| &reason.message),
    ]);
    bytes("a reason", texts, CHANGE_TEXT_BYTES_MAX)
}

fn id(what: &str, id: &str) -> Result<(), String> {
    if id.is_empty() {
        return Err(format!("{what} has an empty id"));
    }
    chars("an id", id, ID_CHARS_MAX)
}

fn names<const N: usize>(names: [Option<&String>; N]) -> Result<(), String> {
    let mut given = names.into_iter().flatten();
    given.try_for_each(|name| chars("a name or key", name, NAME_CHARS_MAX))
}

fn chars(what: &str, text: &str, most: usize) -> Result<(), String> {
    // Bytes bound characters from above: only a long text is counted.
    if text.len() <= most || text.chars().count() <= most {
        return Ok(());
    }
    Err(format!("{what} has more than {most} characters"))
}

fn bytes(what: &str, length: usize, most: usize) -> Result<(), String> {
    if length <= most {
        return Ok(());
    }
    Err(format!("the texts of {what} have {length} bytes; at most {most}"))
}

fn lengths<const N: usize>(texts: [Option<&String>; N]) -> usize {
    texts.into_iter().flatten().map(String::len).sum()
}

/// What is no number could be stored, and never be read again.
fn finite<const N: usize>(numbers: [Option<f64>; N]) -> Result<(), String> {
    if numbers.into_iter().flatten().all(f64::is_finite) {
        return Ok(());
    }
    Err("a cost, factor or time is no finite number".into())
}

/// An id as far as an error shows it.
fn shown(id: &str) -> &str {
    &id[..id.floor_char_boundary(ID_CHARS_MAX)]
}

#[cfg(test)]
mod tests {
    use super::{COMMIT_GUARDS_MAX, COMMIT_UNITS_MAX, COMMIT_WRITES_MAX, UNIT_WRITES_MAX, size};
    use crate::wit::storage::{Guard, JobToken, StorageError, Unit, Write};

    fn unit(guards: usize, writes: usize) -> Unit {
        let claim = || JobToken {
            job: "j".into(),
            token: 1,
        };
        Unit {
            guards: (0..guards).map(|_| Guard::Claim(claim())).collect(),
            writes: (0..writes).map(|_| Write::Release(claim())).collect(),
        }
    }

    #[test]
    fn each_count_has_its_bound() {
        let spread = |guards: usize, writes: usize| {
            let parts = COMMIT_UNITS_MAX;
            let share = |all: usize, n: usize| all / parts + usize::from(n < all % parts);
            (0..parts)
                .map(|n| unit(share(guards, n), share(writes, n)))
                .collect()
        };
        let units = |count: usize| (0..count).map(|_| unit(0, 1)).collect::<Vec<_>>();
        for (what, most, commit) in [
            (
                "units of a commit",
                COMMIT_UNITS_MAX,
                &units as &dyn Fn(usize) -> Vec<Unit>,
            ),
            ("writes of a unit", UNIT_WRITES_MAX, &|count| vec![unit(0, count)]),
            ("guards of a unit", UNIT_WRITES_MAX, &|count| vec![unit(count, 0)]),
            ("writes of a commit", COMMIT_WRITES_MAX, &|count| spread(0, count)),
            ("guards of a commit", COMMIT_GUARDS_MAX, &|count| spread(count, 0)),
        ] {
            assert_eq!(size(&commit(most)), Ok(()), "{what}");
            let refused = StorageError::LimitExceeded(format!("{} {what}; at most {most}", most + 1));
            assert_eq!(size(&commit(most + 1)), Err(refused));
        }
    }
}
