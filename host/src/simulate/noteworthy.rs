//! What a person should look at in a simulation, in sentences.

use chrono::DateTime;
use serde::Serialize;

use super::report::History;
use super::world::World;
use super::{Outage, Plan, SimulateError};
use crate::wit::schedule::{ClockChange, PreviewRequest};
use crate::wit::types::{Instant, JobStatus, MessageKind, Run, TriggerConfig};

/// What a noteworthy thing is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteworthyKind {
    /// A change of the zone's clocks moved, doubled or dropped a fire.
    ClockChange,
    /// Runs began after the outage in which their slots lay.
    Late,
    /// Slots passed without a run.
    Missed,
    /// A budget was spent.
    BudgetSpent,
    /// The job ended before the simulation did. A ONE_OFF that went well is not told.
    Ended,
    /// The job is PAUSED or BLOCKED at the end.
    Stopped,
    /// No run was ever started.
    NeverFires,
}

/// One noteworthy thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Noteworthy {
    pub kind: NoteworthyKind,
    /// The job's.
    pub title: String,
    /// RFC 3339 in the job's zone: when it happened first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// How many slots or times it stands for.
    pub count: u64,
    /// One sentence.
    pub message: String,
}

impl Noteworthy {
    fn new(kind: NoteworthyKind, history: &History<'_>, at: Option<Instant>, message: String) -> Self {
        Self {
            kind,
            title: history.job.spec.title.clone(),
            at: at.map(|at| history.local(at)),
            count: 1,
            message,
        }
    }
}

/// Everything noteworthy about one job.
pub(super) async fn about(
    world: &World,
    history: &History<'_>,
    plan: &Plan,
    outages: &[Outage],
) -> Result<Vec<Noteworthy>, SimulateError> {
    let mut found = clock_changes(world, history, plan).await?;
    found.extend(late(history, outages));
    found.extend(missed(history, outages));
    found.extend(budget_spent(history));
    found.extend(standing(history));
    Ok(found)
}

/// The changes of the clocks that did something to the job, while it was alive.
async fn clock_changes(
    world: &World,
    history: &History<'_>,
    plan: &Plan,
) -> Result<Vec<Noteworthy>, SimulateError> {
    let spec = &history.job.spec;
    let (Some(first), Some(last)) = (history.first_slot(), history.last_slot()) else {
        return Ok(Vec::new());
    };
    if spec.trigger.cron.is_none() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut from = plan.start;
    while from < plan.end {
        let request = PreviewRequest {
            text: None,
            // The rule alone: a horizon that has passed is no error here.
            trigger_config: Some(TriggerConfig {
                start_at: None,
                end_at: None,
                ..spec.trigger.clone()
            }),
            job_type: None,
            timezone: None,
            count: 0,
            at: Some(from),
        };
        let Some(answer) = world.preview(&request).await? else {
            return Ok(found);
        };
        let mut later = plan.end;
        for change in answer.clock_changes {
            let Ok(at) = DateTime::parse_from_rfc3339(&change.at) else {
                continue;
            };
            later = at.timestamp_millis();
            // A slot of the hour that changes may lie before the change, or be the first or last.
            let near = first.saturating_sub(DAY_MS)..=last.saturating_add(DAY_MS);
            if later < plan.end && near.contains(&later) && has_effect(&change) {
                let date = at.date_naive();
                let message = format!("{date}: {}", change.effect);
                found.push(Noteworthy::new(
                    NoteworthyKind::ClockChange,
                    history,
                    Some(later),
                    message,
                ));
            }
        }
        from = later;
    }
    Ok(found)
}

const DAY_MS: i64 = 86_400_000;

/// The component words every change of the zone's clocks, also those without a consequence.
fn has_effect(change: &ClockChange) -> bool {
    !change.effect.starts_with("No effect")
}

/// Slots, by the outage in which they lay; those that lay in none come last.
struct ByOutage {
    outage: Option<Outage>,
    first: Instant,
    slots: u64,
}

fn by_outage<'a>(runs: impl Iterator<Item = &'a Run>, outages: &[Outage]) -> Vec<ByOutage> {
    let mut found: Vec<ByOutage> = Vec::new();
    for run in runs {
        let holds = |outage: &&Outage| (outage.from..outage.until).contains(&run.slot);
        let outage = outages.iter().find(holds).copied();
        match found.iter_mut().find(|known| known.outage == outage) {
            Some(known) => known.slots += u64::from(run.slots),
            None => found.push(ByOutage {
                outage,
                first: run.slot,
                slots: u64::from(run.slots),
            }),
        }
    }
    found.sort_by_key(|it| (it.outage.is_none(), it.first));
    found
}

fn down(history: &History<'_>, outage: Outage) -> String {
    let (from, until) = (history.local(outage.from), history.local(outage.until));
    format!("the host was down from {from} to {until}")
}

/// Slots that an outage held up.
fn late(history: &History<'_>, outages: &[Outage]) -> Vec<Noteworthy> {
    let held_up = by_outage(history.fires(), outages);
    let worded = held_up.into_iter().filter_map(|slots| {
        let why = down(history, slots.outage?);
        let fires = if slots.slots == 1 { "fire" } else { "fires" };
        let message = format!("{} {fires} came late: {why}.", slots.slots);
        Some(Noteworthy {
            count: slots.slots,
            ..Noteworthy::new(NoteworthyKind::Late, history, Some(slots.first), message)
        })
    });
    worded.collect()
}

/// Missed slots, by what kept them from running.
fn missed(history: &History<'_>, outages: &[Outage]) -> Vec<Noteworthy> {
    let worded = by_outage(history.missed(), outages).into_iter().map(|slots| {
        let why = match slots.outage {
            Some(outage) => down(history, outage),
            None => {
                "an earlier run was under way or waited for its next attempt, or no place was free".to_owned()
            }
        };
        let were = if slots.slots == 1 {
            "slot was"
        } else {
            "slots were"
        };
        let message = format!("{} {were} missed: {why}.", slots.slots);
        Noteworthy {
            count: slots.slots,
            ..Noteworthy::new(NoteworthyKind::Missed, history, Some(slots.first), message)
        }
    });
    worded.collect()
}

/// Budgets that were spent, told from the messages that say so.
fn budget_spent(history: &History<'_>) -> Option<Noteworthy> {
    let mut told = history
        .messages
        .iter()
        .filter(|message| message.kind == MessageKind::Incident && message.once_key.contains(":budget:"));
    let first = told.next()?;
    let mut spent = Noteworthy::new(
        NoteworthyKind::BudgetSpent,
        history,
        Some(first.created_at),
        first.text.clone(),
    );
    spent.count += told.count() as u64;
    if spent.count > 1 {
        spent.message = format!("{} ({} times)", spent.message, spent.count);
    }
    Some(spent)
}

/// How the job stands at the end, where that is not simply that it goes on.
fn standing(history: &History<'_>) -> Option<Noteworthy> {
    let state = &history.job.state;
    let why = history.text("/status_reason/message").unwrap_or_default();
    let status = history.text("/status").unwrap_or_default();
    let at = Some(history.job.updated_at);
    let (kind, at) = match state.status {
        JobStatus::Completed if history.completed_once() => return None,
        JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => (NoteworthyKind::Ended, at),
        // Told as a spent budget already.
        JobStatus::Blocked if history.text("/status_reason/code") == Some("budget_spent") => return None,
        JobStatus::Paused | JobStatus::Blocked => (NoteworthyKind::Stopped, at),
        _ if history.fires().next().is_some() => return None,
        _ => {
            let message = match (state.status, history.text("/next_run_at")) {
                (JobStatus::Pending, _) => "It never fires: it waits for its prerequisites.".to_owned(),
                (_, Some(next)) => format!("It does not fire in this time: its next fire is {next}."),
                (_, None) => "It never fires.".to_owned(),
            };
            return Some(Noteworthy::new(
                NoteworthyKind::NeverFires,
                history,
                None,
                message,
            ));
        }
    };
    let without_fires = match history.fires().next() {
        Some(_) => "",
        None => " It never fired.",
    };
    let message = format!("{status}: {why}{without_fires}");
    Some(Noteworthy::new(kind, history, at, message))
}

impl History<'_> {
    fn slots(&self) -> impl Iterator<Item = &Run> {
        self.fires().chain(self.missed())
    }

    fn first_slot(&self) -> Option<Instant> {
        self.slots().map(|run| run.slot).min()
    }

    fn last_slot(&self) -> Option<Instant> {
        self.slots().map(|run| run.slot).max()
    }

    /// A ONE_OFF that ran as it should.
    fn completed_once(&self) -> bool {
        self.text("/status_reason/code") == Some("run_succeeded")
    }
}
