//! Requests as people make them: jobs of every type, and changes of them.

use chrono::{DateTime, SecondsFormat};
use meanwhile_guest::bindings::tools::{JobCreateRequest, JobUpdateRequest, TriggerPatch};
use meanwhile_guest::bindings::types::{
    Allowance, Budget, DependencyFailurePolicy, DstConfig, DstGap, DstOverlap, Instant, Job, JobType,
    MisfireConfig, MisfirePolicy, NotifyPolicy, RetryPolicy, ToolPolicy, TriggerConfig, UnansweredPolicy,
};
use meanwhile_guest::create::EMPTY_TRIGGER;
use meanwhile_guest::spending::UNLIMITED;

use super::random::Random;
use super::setting::{DAY, HOUR, MINUTE, Setting};

/// Cron on local time, at most a few times a day.
const SPARSE: [&str; 12] = [
    "30 2 * * *",
    "30 1 * * *",
    "0 0 * * *",
    "15 0 * * *",
    "0 9 * * 1-5",
    "15,45 1-3 * * *",
    "0 12 1,15 * *",
    "0 8,20 * * 0",
    "30 */8 * * *",
    "5 1 10 * 3",
    "59 23 * * *",
    "0 2 * * 6,7",
];
/// Cron that goes on all day: only for a few days.
const DENSE: [&str; 4] = ["0 * * * *", "*/30 * * * *", "20 * * * 0,6", "*/20 0-4 * * *"];

pub fn utc(at: Instant) -> String {
    let at = DateTime::from_timestamp_millis(at).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub fn failure_policy(random: &mut Random) -> DependencyFailurePolicy {
    random.pick(&[
        DependencyFailurePolicy::Block,
        DependencyFailurePolicy::Skip,
        DependencyFailurePolicy::Run,
        DependencyFailurePolicy::Fail,
    ])
}

fn misfire(random: &mut Random) -> MisfireConfig {
    MisfireConfig {
        policy: Some(random.pick(&[MisfirePolicy::RunOnce, MisfirePolicy::Skip, MisfirePolicy::RunAll])),
        max_late_seconds: random.percent(30).then(|| random.between(60, 20_000) as u32),
        max_runs: random.percent(50).then(|| random.between(1, 5) as u32),
    }
}

fn dst(random: &mut Random) -> DstConfig {
    DstConfig {
        gap: random.pick(&[None, Some(DstGap::Shift), Some(DstGap::Skip)]),
        overlap: random.pick(&[None, Some(DstOverlap::First), Some(DstOverlap::Both)]),
    }
}

/// A window of a day or two for schedules that fire often; around the clock change where that is
/// still to come.
fn window(random: &mut Random, setting: &Setting, now: Instant) -> (Instant, Instant) {
    let around = setting.change - DAY;
    let start = if around > now {
        around + random.between(0, 18 * HOUR)
    } else {
        now + random.between(0, 4 * DAY)
    };
    (start, start + random.between(8 * HOUR, 36 * HOUR))
}

fn cron(random: &mut Random, setting: &Setting, now: Instant) -> TriggerConfig {
    let mut trigger = TriggerConfig {
        timezone: Some(setting.zone.into()),
        dst: random.percent(60).then(|| dst(random)),
        misfire: random.percent(60).then(|| misfire(random)),
        jitter_seconds: random.percent(20).then(|| random.between(1, 600) as u32),
        ..EMPTY_TRIGGER
    };
    if random.percent(25) {
        let (start, end) = window(random, setting, now);
        trigger.cron = Some(random.pick(&DENSE).into());
        trigger.start_at = Some(utc(start));
        trigger.end_at = Some(utc(end));
    } else {
        trigger.cron = Some(random.pick(&SPARSE).into());
        if random.percent(25) {
            trigger.end_at = Some(utc(now + random.between(3 * DAY, 25 * DAY)));
        }
        if random.percent(15) {
            trigger.start_at = Some(utc(now + random.between(HOUR, 6 * DAY)));
        }
    }
    trigger
}

fn interval(random: &mut Random, now: Instant) -> TriggerConfig {
    let (seconds, end) = match random.weighted(&[3, 2]) {
        0 => (random.pick(&[21_600, 43_200, 86_400, 100_000]), None),
        _ => (
            random.pick(&[600, 1_800, 3_600]),
            Some(utc(now + random.between(6 * HOUR, 2 * DAY))),
        ),
    };
    TriggerConfig {
        interval_seconds: Some(seconds),
        start_at: random
            .percent(30)
            .then(|| utc(now + random.between(MINUTE, 5 * HOUR))),
        end_at: end,
        misfire: random.percent(60).then(|| misfire(random)),
        jitter_seconds: random.percent(20).then(|| random.between(1, 300) as u32),
        ..EMPTY_TRIGGER
    }
}

fn once(random: &mut Random, setting: &Setting, now: Instant) -> TriggerConfig {
    let (run_at, when) = match random.index(4) {
        0 => (None, None),
        1 => (
            None,
            Some(
                random
                    .pick(&["in 3 days", "tomorrow at 9", "in 2 hours"])
                    .to_owned(),
            ),
        ),
        _ => (Some(utc(now + random.between(MINUTE, 12 * DAY))), None),
    };
    TriggerConfig {
        timezone: Some(setting.zone.into()),
        run_at,
        when,
        ..EMPTY_TRIGGER
    }
}

/// A job that is new.
pub fn create(random: &mut Random, setting: &Setting, now: Instant, number: u32) -> JobCreateRequest {
    let (job_type, mut trigger) = match random.weighted(&[5, 6, 4, 4, 1]) {
        0 => (JobType::OneOff, once(random, setting, now)),
        1 => (JobType::Scheduled, cron(random, setting, now)),
        2 => (JobType::Recurring, interval(random, now)),
        3 if random.percent(50) => (JobType::Ongoing, cron(random, setting, now)),
        3 => (JobType::Ongoing, interval(random, now)),
        _ => {
            let words = random.pick(&["every weekday at 9am", "every day at 02:30", "every 6 hours"]);
            let trigger = TriggerConfig {
                timezone: Some(setting.zone.into()),
                when: Some(words.into()),
                ..EMPTY_TRIGGER
            };
            (JobType::Scheduled, trigger)
        }
    };
    let words = trigger.when.is_some();
    if job_type == JobType::Ongoing {
        trigger.end_condition = random
            .pick(&[
                None,
                Some("output contains \"goal is reached\""),
                Some("the page shows the goal"),
            ])
            .map(Into::into);
        if trigger.end_condition.is_none() || random.percent(50) {
            trigger.max_iterations = Some(random.between(1, 12) as u32);
        }
    }
    JobCreateRequest {
        title: format!("number{number}"),
        payload: "Do it.".into(),
        description: None,
        job_type: Some(job_type).filter(|_| !words),
        trigger_config: Some(trigger),
        depends_on: None,
        depends_on_job_ids: None,
        on_dependency_failure: None,
        retry: random.percent(60).then(|| RetryPolicy {
            max_attempts: Some(random.between(1, 4) as u32),
            initial_seconds: Some(random.between(1, 600) as u32),
            factor: None,
            max_seconds: None,
        }),
        timeout_seconds: random.percent(30).then(|| random.between(1, 7_200) as u32),
        budget: random.percent(20).then(|| some_budget(random)),
        tool_policy: random.percent(40).then(|| some_policy(random)),
        notify: random.pick(&[
            None,
            Some(NotifyPolicy::Always),
            Some(NotifyPolicy::OnChange),
            Some(NotifyPolicy::OnFailure),
        ]),
        idempotency_key: random.percent(40).then(|| format!("key{number}")),
        confirm_new: None,
        agent_id: None,
        user_id: None,
        related_entity_id: None,
        narrative_id: None,
    }
}

fn some_budget(random: &mut Random) -> Budget {
    Budget {
        max_runs: random.percent(40).then(|| random.between(1, 12) as u32),
        max_runs_per_day: random.percent(50).then(|| random.between(1, 4) as u32),
        max_tokens: random.percent(20).then(|| random.between(2, 40) as u64),
        max_cost_usd: random.percent(20).then_some(4.0),
        max_tool_calls: random.percent(10).then(|| random.between(1, 20) as u32),
        max_seconds: random.percent(10).then(|| random.between(1, 40_000) as u32),
        per_run: random.percent(20).then(|| some_allowance(random)),
        per_day: random.percent(20).then(|| some_allowance(random)),
    }
}

fn some_policy(random: &mut Random) -> ToolPolicy {
    ToolPolicy {
        allowed: None,
        needs_approval: Some(vec!["mail__*".into()]),
        approved: None,
        unapproved: None,
        answer_seconds: random.percent(70).then(|| random.between(60, 200_000) as u32),
        unanswered: random.pick(&[
            None,
            Some(UnansweredPolicy::Deny),
            Some(UnansweredPolicy::Approve),
        ]),
    }
}

fn some_allowance(random: &mut Random) -> Allowance {
    Allowance {
        max_tokens: random.percent(40).then(|| random.between(2, 12) as u64),
        max_cost_usd: random.percent(40).then_some(1.0),
        max_tool_calls: random.percent(40).then(|| random.between(1, 8) as u32),
        max_seconds: random.percent(20).then(|| random.between(60, 8_000) as u32),
    }
}

pub fn no_update(job: &str) -> JobUpdateRequest {
    JobUpdateRequest {
        job_id: job.into(),
        title: None,
        description: None,
        payload: None,
        guidance_text: None,
        trigger_config: None,
        job_type: None,
        depends_on: None,
        retry: None,
        timeout_seconds: None,
        budget: None,
        tool_policy: None,
        notify: None,
        run_now: None,
        status: None,
        revision: None,
    }
}

const NO_PATCH: TriggerPatch = TriggerPatch {
    timezone: None,
    when: None,
    run_at: None,
    cron: None,
    interval_seconds: None,
    every: None,
    start_at: None,
    end_at: None,
    end_condition: None,
    max_iterations: None,
    misfire: None,
    dst: None,
    jitter_seconds: None,
};

/// A change of schedule that fits the job.
pub fn schedule(random: &mut Random, setting: &Setting, now: Instant, job: &Job) -> JobUpdateRequest {
    let mut patch = NO_PATCH;
    match (job.spec.job_type, random.index(4)) {
        (JobType::OneOff, _) => patch.run_at = Some(Some(utc(now + random.between(MINUTE, 4 * DAY)))),
        (_, 0) => patch.misfire = Some(Some(misfire(random))),
        (_, 1) => patch.end_at = Some(Some(utc(now + random.between(DAY, 15 * DAY)))),
        _ if job.spec.trigger.cron.is_some() => {
            patch.cron = Some(Some(random.pick(&SPARSE).into()));
            if random.percent(30) {
                patch.dst = Some(Some(dst(random)));
            }
            if job.spec.trigger.timezone.is_none() {
                patch.timezone = Some(Some(setting.zone.into()));
            }
        }
        _ => patch.interval_seconds = Some(Some(random.pick(&[7_200, 21_600, 43_200, 90_000]))),
    }
    JobUpdateRequest {
        trigger_config: Some(patch),
        ..no_update(&job.id)
    }
}

/// A change of what is said, not of when.
pub fn texts(random: &mut Random, job: &str) -> JobUpdateRequest {
    let mut request = no_update(job);
    match random.index(3) {
        0 => request.payload = Some("Do it well.".into()),
        1 => {
            request.notify = Some(random.pick(&[
                NotifyPolicy::Always,
                NotifyPolicy::OnChange,
                NotifyPolicy::OnFailure,
            ]));
        }
        _ => request.timeout_seconds = Some(random.between(60, 7_200) as u32),
    }
    request
}

pub fn budget(random: &mut Random, job: &str) -> JobUpdateRequest {
    JobUpdateRequest {
        budget: Some(Some(Budget {
            max_runs: Some(random.between(10, 100) as u32),
            max_runs_per_day: random.percent(50).then_some(6),
            ..UNLIMITED
        })),
        ..no_update(job)
    }
}
