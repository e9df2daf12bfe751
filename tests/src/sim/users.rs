//! People: they create jobs of every kind, change their minds, and answer questions.

use meanwhile_guest::bindings::conversation::Utterance;
use meanwhile_guest::bindings::tools::{Dependency, JobCancelRequest, JobCreateRequest, JobPauseRequest};
use meanwhile_guest::bindings::types::{
    Caller, DependencyCondition, Instant, JobStatus, MessageKind, RunReach,
};

use super::invariants;
use super::logic::Tool;
use super::random::Random;
use super::requests;
use super::setting::{DAY, HOUR, MINUTE, Setting};
use super::world::State;

/// What a person does.
#[derive(Clone, Debug)]
pub struct Deed {
    pub caller: Caller,
    pub job: Option<usize>,
    pub what: What,
    /// When it began.
    pub began: Instant,
}

impl Deed {
    fn who(&self) -> &'static str {
        if self.caller.run.is_some() {
            "a run"
        } else {
            "a person"
        }
    }

    /// Done by a run that may do less than its user.
    fn is_narrowed(&self) -> bool {
        self.caller
            .run
            .as_ref()
            .is_some_and(|run| run.reach != RunReach::All)
    }
}

#[allow(
    clippy::large_enum_variant,
    reason = "one lives at a time, for the length of a call"
)]
#[derive(Clone, Debug)]
pub enum What {
    Tool(Tool),
    Say(Utterance),
}

/// The people of a world.
pub struct People {
    caller: Caller,
    jobs_wanted: usize,
    pub titles: u32,
    /// Requests with a key that may be repeated.
    keyed: Vec<JobCreateRequest>,
    /// Jobs that were just paused, by somebody who is about to regret it.
    regretted: Vec<usize>,
}

impl People {
    pub fn new(random: &mut Random, setting: &Setting) -> Self {
        Self {
            caller: Caller {
                agent: "agent".into(),
                user: "ada".into(),
                conversation: None,
                time_zone: Some(setting.zone.into()),
                run: None,
            },
            jobs_wanted: random.between(8, 22) as usize,
            titles: 0,
            keyed: Vec::new(),
            regretted: Vec::new(),
        }
    }
}

/// When somebody acts next: often just when something is due.
pub fn next_deed(state: &mut State) -> Instant {
    let somebody_works = state.hosts.iter().any(super::hosts::Host::works);
    let State {
        random,
        store,
        people,
        ..
    } = state;
    if somebody_works && !people.regretted.is_empty() {
        return state.now + random.between(0, 3_000);
    }
    if store.jobs.len() < people.jobs_wanted && random.percent(70) {
        return state.now + random.between(1, 8 * HOUR);
    }
    let later = state.now + random.between(MINUTE, 10 * HOUR);
    let due = store
        .next_due()
        .filter(|due| (state.now..state.now + 3 * DAY).contains(due));
    match due {
        Some(due) if random.percent(40) => (due + random.between(-2_000, 4_000)).max(state.now + 1),
        _ => later,
    }
}

/// What somebody does now, if anything.
pub fn deed(state: &mut State) -> Option<Deed> {
    let State {
        random,
        store,
        people,
        setting,
        now,
        ..
    } = state;
    let deed = |job, what| Deed {
        caller: people.caller.clone(),
        job,
        what,
        began: *now,
    };
    if let Some(job) = people.regretted.pop() {
        let mut resume = requests::no_update(&store.jobs[job].job.id);
        resume.status = Some(JobStatus::Active);
        return Some(deed(Some(job), What::Tool(Tool::Update(resume))));
    }
    let creates = store.jobs.len() < people.jobs_wanted && random.percent(75);
    if store.jobs.is_empty() || creates {
        people.titles += 1;
        let mut request = requests::create(random, setting, *now, people.titles);
        if !store.jobs.is_empty() && random.percent(35) {
            request.depends_on = Some(dependencies(random, store.jobs.len(), |job| {
                store.jobs[job].job.id.clone()
            }));
            request.on_dependency_failure = Some(requests::failure_policy(random));
        }
        if request.idempotency_key.is_some() {
            people.keyed.push(request.clone());
        }
        let mut created = deed(None, What::Tool(Tool::Create(request)));
        created.job = None;
        return Some(created);
    }
    if !people.keyed.is_empty() && random.percent(6) {
        let again = people.keyed[random.index(people.keyed.len())].clone();
        return Some(deed(None, What::Tool(Tool::Create(again))));
    }
    // Mostly one that still moves; sometimes the one that is due next.
    let mut job = random.index(store.jobs.len());
    for _ in 0..3 {
        let status = store.jobs[job].job.state.status;
        if matches!(
            status,
            JobStatus::Archived | JobStatus::Cancelled | JobStatus::Completed
        ) {
            job = random.index(store.jobs.len());
        }
    }
    let row = &store.jobs[job];
    let id = row.job.id.clone();
    let update = requests::no_update(&id);
    let to = |status| {
        Tool::Update(meanwhile_guest::bindings::tools::JobUpdateRequest {
            status: Some(status),
            ..update.clone()
        })
    };
    let tool = match row.job.state.status {
        JobStatus::Paused => match random.weighted(&[60, 8, 10, 10, 6]) {
            0 => to(JobStatus::Active),
            1 => cancel(&id),
            2 => pause(random, *now, &id),
            3 => Tool::Update(requests::schedule(random, setting, *now, &row.job)),
            _ => Tool::Update(requests::texts(random, &id)),
        },
        JobStatus::Blocked => {
            let question = store
                .messages_of(job)
                .filter(|message| message.kind == MessageKind::Question)
                .last();
            if let Some(question) = question.filter(|_| random.percent(60)) {
                let said = Utterance {
                    text: random
                        .pick(&["the second one", YES, "no", "yes, but not today"])
                        .into(),
                    in_reply_to: Some(question.id.clone()),
                };
                return Some(deed(Some(job), What::Say(said)));
            }
            match random.weighted(&[50, 8, 15, 10]) {
                0 => to(JobStatus::Active),
                1 => cancel(&id),
                2 => Tool::Update(requests::budget(random, &id)),
                _ => Tool::Update(depend(random, store.jobs.len(), &id, |job| {
                    store.jobs[job].job.id.clone()
                })),
            }
        }
        JobStatus::Failed => match random.weighted(&[50, 25, 10]) {
            0 => to(JobStatus::Active),
            1 => to(JobStatus::Archived),
            _ => cancel(&id),
        },
        JobStatus::Completed | JobStatus::Cancelled | JobStatus::Archived => {
            match random.weighted(&[60, 15, 15]) {
                0 => to(JobStatus::Archived),
                1 => to(JobStatus::Active),
                _ => cancel(&id),
            }
        }
        JobStatus::Active | JobStatus::InProgress | JobStatus::Pending => {
            match random.weighted(&[30, 5, 20, 18, 12, 10, 5]) {
                0 => pause(random, *now, &id),
                1 => cancel(&id),
                2 => Tool::Update(meanwhile_guest::bindings::tools::JobUpdateRequest {
                    run_now: Some(true),
                    ..update
                }),
                3 => Tool::Update(requests::schedule(random, setting, *now, &row.job)),
                4 => Tool::Update(depend(random, store.jobs.len(), &id, |job| {
                    store.jobs[job].job.id.clone()
                })),
                5 => Tool::Update(requests::texts(random, &id)),
                _ => Tool::Update(requests::budget(random, &id)),
            }
        }
    };
    Some(deed(Some(job), What::Tool(tool)))
}

fn cancel(id: &str) -> Tool {
    Tool::Cancel(JobCancelRequest {
        job_id: id.into(),
        note: None,
    })
}

fn pause(random: &mut Random, now: Instant, id: &str) -> Tool {
    let until = random.percent(50).then(|| {
        let at = now + random.between(MINUTE, 2 * DAY);
        requests::utc(at)
    });
    Tool::Pause(JobPauseRequest {
        job_id: id.into(),
        note: None,
        until,
    })
}

fn dependencies(random: &mut Random, jobs: usize, id: impl Fn(usize) -> String) -> Vec<Dependency> {
    let mut chosen: Vec<usize> = (0..random.between(1, 3)).map(|_| random.index(jobs)).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
        .into_iter()
        .map(|job| Dependency {
            job: id(job),
            on: Some(random.pick(&[
                DependencyCondition::Success,
                DependencyCondition::Success,
                DependencyCondition::Failure,
                DependencyCondition::Any,
            ])),
            delay_seconds: random.percent(30).then_some(3_600),
        })
        .collect()
}

fn depend(
    random: &mut Random,
    jobs: usize,
    id: &str,
    of: impl Fn(usize) -> String,
) -> meanwhile_guest::bindings::tools::JobUpdateRequest {
    let wanted = if random.percent(30) {
        Vec::new()
    } else {
        dependencies(random, jobs, of)
    };
    meanwhile_guest::bindings::tools::JobUpdateRequest {
        depends_on: Some(wanted),
        ..requests::no_update(id)
    }
}

/// Whether a deed may let a stopped job start again.
fn revives(deed: &Deed) -> bool {
    match &deed.what {
        What::Say(_) => true,
        What::Tool(Tool::Update(request)) => request.status == Some(JobStatus::Active),
        _ => false,
    }
}

/// What approves a call.
const YES: &str = "yes";

pub fn begins(state: &mut State, deed: &Deed) {
    if let (Some(job), What::Say(said)) = (deed.job, &deed.what)
        && said.text == YES
    {
        state.ledger.job(job).yeses += 1;
    }
    state.log(deed.job, format!("{}: {}", deed.who(), short(&deed.what)));
    if let Some(job) = deed.job.filter(|_| revives(deed)) {
        let now = state.now;
        if deed.is_narrowed() {
            state.ledger.released(job);
        } else {
            state.ledger.revival(job, true, now);
        }
    }
}

/// Notes what the person was told.
pub fn ended(state: &mut State, deed: &Deed, result: Result<Option<String>, String>) {
    match &result {
        Ok(_) => state.log(
            deed.job,
            format!("{} was told: done ({})", deed.who(), name(&deed.what)),
        ),
        Err(why) => state.log(deed.job, format!("{} was told: {why}", deed.who())),
    }
    if let Some(job) = deed.job.filter(|_| revives(deed) && !deed.is_narrowed()) {
        let now = state.now;
        state.ledger.revival(job, false, now);
    }
    if let (Ok(_), What::Tool(Tool::Pause(_)), Some(job)) = (&result, &deed.what, deed.job)
        && deed.caller.run.is_none()
        && state.random.percent(40)
    {
        state.people.regretted.push(job);
    }
    if let Ok(answer) = result {
        invariants::acknowledged(state, deed, answer.as_deref());
    }
}

fn name(what: &What) -> &'static str {
    match what {
        What::Tool(Tool::Create(_)) => "create",
        What::Tool(Tool::Update(_)) => "update",
        What::Tool(Tool::Pause(_)) => "pause",
        What::Tool(Tool::Cancel(_)) => "cancel",
        What::Say(_) => "say",
    }
}

fn short(what: &What) -> String {
    match what {
        What::Tool(Tool::Create(request)) => format!(
            "creates {} {:?} {:?}",
            request.title, request.job_type, request.trigger_config
        ),
        What::Tool(Tool::Update(request)) => {
            let mut said = String::from("updates");
            if let Some(status) = request.status {
                said.push_str(&format!(" to {status:?}"));
            }
            if let Some(trigger) = &request.trigger_config {
                said.push_str(&format!(" the schedule: {trigger:?}"));
            }
            if let Some(dependencies) = &request.depends_on {
                said.push_str(&format!(" to wait for {dependencies:?}"));
            }
            if request.run_now.is_some() {
                said.push_str(" to run now");
            }
            if let Some(budget) = &request.budget {
                said.push_str(&format!(" the budget: {budget:?}"));
            }
            said
        }
        What::Tool(Tool::Pause(request)) => format!("pauses until {:?}", request.until),
        What::Tool(Tool::Cancel(_)) => "cancels".into(),
        What::Say(said) => format!("answers {:?}", said.text),
    }
}
