//! The pipeline's verdict on a sentence: whether it means that a job's goal is met. The sentence is
//! kept as a reply and named on the job (`hearing`); the next poll asks under a claim, `settle`
//! takes the verdict. No run is counted, and whatever is unclear changes nothing.

use super::goals;
use crate::bindings::agent_pipeline::{Outcome, OutcomeStatus, PreviousRun, RunRequest, Task};
use crate::bindings::runner::FinishedRun;
use crate::bindings::storage::{MessageFilter, MessageUpdate, StorageError, Unit, Write};
use crate::bindings::types::{DeliveryStatus, Instant, Job, JobStatus, Message, RunStatus, Verdict};
use crate::lifecycle::ended;
use crate::plan;
use crate::settle::FollowUp;
use crate::spending;
use crate::start;
use crate::stop;
use crate::trigger::format_instant;
use crate::trouble::Trouble;
use crate::units::Draft;
use crate::world::World;

/// A message of the person by its id.
pub fn message(world: &impl World, id: &str) -> Result<Option<Message>, StorageError> {
    let by_id = MessageFilter {
        id: Some(id.into()),
        job: None,
        user: None,
        kinds: Vec::new(),
        deliveries: Vec::new(),
        limit: 1,
    };
    Ok(world.find_messages(&by_id)?.pop())
}

/// The question for the pipeline: the sentence stands as the latest result of the job.
pub fn request(job: &Job, said: &Message, token: u64, now: Instant) -> RunRequest {
    let run = start::new_run(said.id.clone(), job, said.created_at, token, now);
    let mut request = start::request(job, &run, start::Material::none(), Task::Judge, now);
    request.previous_runs = vec![PreviousRun {
        run_id: said.id.clone(),
        status: RunStatus::NeedsInput,
        scheduled_for: format_instant(said.created_at, plan::zone(&job.spec)),
        summary: Some("What the person said in the chat.".into()),
        output: Some(said.text.clone()),
    }];
    request
}

fn is_met(outcome: &Outcome, said: &str) -> bool {
    let done = outcome.status == OutcomeStatus::Ok
        && outcome
            .report
            .as_ref()
            .is_some_and(|report| report.verdict == Verdict::Done);
    let evidence = outcome.output.trim();
    done && !evidence.is_empty() && said.contains(evidence)
}

/// Takes the verdict. Answers the unit, and what follows it.
pub fn settle(
    world: &impl World,
    mut job: Job,
    finished: &FinishedRun,
    now: Instant,
) -> Result<(Unit, Option<FollowUp>), Trouble> {
    let mut draft = Draft::claimed(&job, finished.token);
    let said = message(world, &finished.run_id)?;
    spending::add(&mut job, &finished.outcome.usage, now);
    job.state.hearing = None;
    let mut stopped = None;
    match said.filter(|said| !ended(job.state.status) && is_met(&finished.outcome, &said.text)) {
        Some(said) => {
            let run = stop::open_run(world, &job)?;
            stopped = goals::complete(world, &mut draft, &mut job, run, &said.text, now)?;
        }
        None if job.state.status == JobStatus::Active && job.state.open_run.is_none() => {
            plan::rearm(&mut job, now)?;
        }
        None => {}
    }
    draft.push(Write::UpdateMessage(MessageUpdate {
        id: finished.run_id.clone(),
        delivery: DeliveryStatus::Read,
    }));
    draft.save(&job, None, now);
    draft.release(&job, finished.token);
    Ok((draft.finish(), stopped.map(FollowUp::Stop)))
}
