//! Jobs' lives, told step by step against a model host.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod model;

use meanwhile_guest::bindings::conversation::Utterance;
use meanwhile_guest::bindings::tools::{
    Dependency, ErrorCode, JobCreateRequest, JobPauseRequest, JobUpdateRequest, TriggerPatch,
};
use meanwhile_guest::bindings::types::{
    Budget, DependencyCondition, DependencyFailurePolicy, ErrorClass, JobStatus, JobType, MessageKind,
    NotifyPolicy, RunStatus, TriggerConfig, Verdict,
};
use meanwhile_guest::create::EMPTY_TRIGGER;
use meanwhile_guest::spending::UNLIMITED;
use meanwhile_guest::{chat, create, stop, update};
use model::jobs::{DAY, HOUR, MINUTE, after, cancel, change, every, made, once, pause, request, set};
use model::{Model, caller, failed, ok, reported};

#[test]
fn a_one_off_runs_once_at_its_time_and_is_told() {
    let world = Model::new();
    let at = TriggerConfig {
        run_at: Some("2026-06-01T11:00:00".into()),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Call the bank", at));
    world.pass(HOUR - 1);
    assert!(world.poll().is_empty());
    world.pass(1);
    let runs = world.poll();
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].scheduled_for, "2026-06-01T11:00:00+02:00");
    assert_eq!(world.settle(&runs[0], ok("Called.")), (1, 0));
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.next_due(), None);
    let messages = world.messages(&job);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].kind, MessageKind::Result);
}

#[test]
fn a_repeating_job_keeps_its_phase_and_does_not_overlap() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR);
    let first = world.poll();
    assert_eq!(first.len(), 1);
    world.pass(90 * MINUTE);
    assert_eq!(world.status(&job), JobStatus::InProgress);
    let again = world.poll();
    assert_eq!(again.len(), 1, "its lease lapsed: the same run, taken over");
    assert_eq!(
        (again[0].run_id.as_str(), again[0].attempt),
        (first[0].run_id.as_str(), 2)
    );
    assert_eq!(
        world.settle(&first[0], ok("late")),
        (0, 1),
        "the old attempt counts no more"
    );
    assert_eq!(world.settle(&again[0], ok("done")), (1, 0));
    let catch_up = world.poll();
    assert_eq!(catch_up.len(), 1);
    assert_eq!(catch_up[0].scheduled_for, "2026-06-01T12:00:00+02:00");
    world.settle(&catch_up[0], ok("done"));
    assert_eq!(
        world.job(&job).state.next_fire,
        Some(world.job(&job).created_at + 3 * HOUR * 1_000)
    );
}

#[test]
fn after_an_outage_one_run_makes_up_and_the_others_are_recorded_as_missed() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(5 * HOUR);
    let runs = world.live(0, |_| ok("x"));
    assert_eq!(runs.len(), 1);
    let missed: Vec<_> = world
        .runs(&job)
        .into_iter()
        .filter(|run| run.status == RunStatus::Missed)
        .collect();
    assert_eq!(missed.iter().map(|run| run.slots).sum::<u32>(), 4);
    assert!(missed[0].reason.is_some());
}

#[test]
fn an_ongoing_job_ends_when_its_condition_is_met() {
    let world = Model::new();
    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        end_condition: Some("output contains \"sold\"".into()),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Watch the sale", trigger));
    world.live(2 * HOUR, |_| ok("not yet"));
    assert_eq!(world.status(&job), JobStatus::Active);
    assert_eq!(world.job(&job).state.iteration, 2);
    world.live(HOUR, |_| ok("it is sold"));
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.job(&job).state.status_reason.unwrap().code, "goal_met");
    assert!(world.live(DAY, |_| ok("never")).is_empty());
}

#[test]
fn an_ongoing_job_ends_after_its_iterations_whatever_comes_late() {
    let world = Model::new();
    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        max_iterations: Some(3),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Ask three times", trigger));
    let runs = world.live(DAY, |_| ok("no answer"));
    assert_eq!(runs.len(), 3);
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.settle(&runs[2], ok("late")), (0, 1));
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn the_last_good_run_is_handed_on_however_many_failed_since() {
    let world = Model::new();
    let job = made(&world, &every("Watch the prices", HOUR));
    world.live(HOUR, |_| ok("10 euros"));
    world.live(5 * HOUR, |_| failed(ErrorClass::Permanent, "the page is gone"));
    assert_eq!(world.status(&job), JobStatus::Paused, "five failures in a row");
    let resume = JobUpdateRequest {
        status: Some(JobStatus::Active),
        ..change(&job)
    };
    update::update(&world, &caller(), &resume).unwrap();
    let runs = world.live(HOUR, |_| ok("12 euros"));
    let outputs: Vec<_> = runs[0]
        .previous_runs
        .iter()
        .filter_map(|run| run.output.as_deref())
        .collect();
    assert_eq!(outputs, ["10 euros"]);
}

#[test]
fn a_goal_in_words_is_judged_by_the_pipeline_with_evidence_from_the_output() {
    let world = Model::new();
    world.judges.set(true);
    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        end_condition: Some("the customer has paid".into()),
        max_iterations: Some(50),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Follow the invoice", trigger));
    let judge = |evidence: &'static str| {
        world.pass(HOUR);
        let run = world.poll().remove(0);
        world.settle(&run, ok("Bank says: payment received today."));
        let judgement = world.submitted_now().remove(0);
        assert_eq!(judgement.previous_runs[0].run_id, run.run_id);
        world.settle(
            &judgement,
            meanwhile_guest::bindings::agent_pipeline::Outcome {
                output: evidence.into(),
                ..reported(Verdict::Done, "paid", true)
            },
        );
        world.status(&job)
    };
    assert_eq!(
        judge("the money is there"),
        JobStatus::Active,
        "evidence that is not in the output does not count"
    );
    assert_eq!(judge("payment received"), JobStatus::Completed);
}

#[test]
fn a_chain_with_delays_runs_in_order_and_hands_outputs_on() {
    let world = Model::new();
    let proposal = made(&world, &once("Send the proposal"));
    let follow = made(&world, &after("Follow up", "Send the proposal", 3 * DAY));
    let escalate = made(&world, &after("Escalate", &follow, 2 * DAY));
    assert_eq!(world.status(&follow), JobStatus::Pending);
    let first = world.live(0, |_| ok("Proposal 7 sent"));
    assert_eq!(first.len(), 1);
    assert_eq!(
        (world.status(&proposal), world.status(&follow)),
        (JobStatus::Completed, JobStatus::Active)
    );
    assert!(world.live(3 * DAY - 1, |_| ok("")).is_empty());
    let second = world.live(1, |_| ok("Asked again"));
    assert_eq!(second[0].job_id, follow);
    assert_eq!(
        second[0].dependencies[0].output.as_deref(),
        Some("Proposal 7 sent")
    );
    let third = world.live(2 * DAY, |_| ok("Told the boss"));
    assert_eq!(third[0].job_id, escalate);
    assert_eq!(world.status(&escalate), JobStatus::Completed);
}

#[test]
fn a_failed_prerequisite_blocks_its_dependent_until_it_succeeds_after_all() {
    let world = Model::new();
    let first = made(&world, &once("Fetch"));
    let second = made(&world, &after("Summarise", &first, 0));
    world.live(0, |_| failed(ErrorClass::Permanent, "no such file"));
    assert_eq!(world.status(&first), JobStatus::Failed);
    assert_eq!(world.status(&second), JobStatus::Blocked);
    let reason = world.job(&second).state.status_reason.unwrap();
    assert!(
        reason.message.contains("Fetch") && reason.code == "dependency_failed",
        "{reason:?}"
    );
    assert_eq!(world.messages(&second).len(), 1, "told once");
    set(&world, &first, JobStatus::Active).unwrap();
    let runs = world.live(0, |_| ok("fetched"));
    assert_eq!(runs.len(), 2);
    assert_eq!(world.status(&second), JobStatus::Completed);
}

#[test]
fn policies_decide_what_a_failed_prerequisite_means() {
    let cases = [
        (DependencyFailurePolicy::Block, JobStatus::Blocked),
        (DependencyFailurePolicy::Skip, JobStatus::Cancelled),
        (DependencyFailurePolicy::Fail, JobStatus::Failed),
        (DependencyFailurePolicy::Run, JobStatus::Completed),
    ];
    for (policy, wanted) in cases {
        let world = Model::new();
        let first = made(&world, &once("First"));
        let second = made(
            &world,
            &JobCreateRequest {
                on_dependency_failure: Some(policy),
                ..after("Second", &first, 0)
            },
        );
        let third = made(
            &world,
            &JobCreateRequest {
                on_dependency_failure: Some(DependencyFailurePolicy::Skip),
                ..after("Third", &second, 0)
            },
        );
        cancel(&world, &first).unwrap();
        world.live(0, |_| ok("ran"));
        assert_eq!(world.status(&second), wanted, "{policy:?}");
        let end = match wanted {
            JobStatus::Blocked => JobStatus::Pending,
            JobStatus::Completed => JobStatus::Completed,
            _ => JobStatus::Cancelled,
        };
        assert_eq!(world.status(&third), end, "{policy:?}");
    }
}

#[test]
fn a_prerequisite_that_ends_while_a_dependent_is_created_is_not_missed() {
    let world = Model::new();
    let first = made(&world, &once("First"));
    world.meddle.borrow_mut().push(Box::new(|world| {
        world.live(0, |_| ok("done"));
    }));
    let second = made(&world, &after("Second", &first, 0));
    assert_eq!(world.status(&first), JobStatus::Completed);
    assert_eq!(world.live(0, |_| ok("done")).len(), 1);
    assert_eq!(world.status(&second), JobStatus::Completed);
}

#[test]
fn two_prerequisites_that_end_one_after_the_other_release_their_dependent_once() {
    let world = Model::new();
    let left = made(&world, &once("Left"));
    let right = made(&world, &once("Right"));
    let joined = made(
        &world,
        &JobCreateRequest {
            depends_on_job_ids: Some(vec![left, right]),
            ..once("Join")
        },
    );
    let runs = world.live(0, |_| ok("x"));
    assert_eq!(runs.iter().filter(|run| run.job_id == joined).count(), 1);
    assert_eq!(runs.len(), 3);
}

#[test]
fn a_circle_of_dependencies_is_refused_by_name() {
    let world = Model::new();
    let first = made(&world, &once("Alpha"));
    let second = made(&world, &after("Beta", &first, 0));
    let third = made(&world, &after("Gamma", &second, 0));
    let dependency = Dependency {
        job: third,
        on: None,
        delay_seconds: None,
    };
    let request = JobUpdateRequest {
        depends_on: Some(vec![dependency]),
        ..change(&first)
    };
    let error = update::update(&world, &caller(), &request).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(
        error.message.contains("“Alpha” → “Gamma” → “Beta” → “Alpha”"),
        "{}",
        error.message
    );
}

/// B waits for C and D for A. At the same time A shall wait for B, and C for D: neither change sees a
/// circle, together they close one.
#[test]
fn two_changes_far_apart_do_not_close_a_circle_together() {
    let world = Model::new();
    let a = made(&world, &once("A"));
    let c = made(&world, &once("C"));
    let b = made(&world, &after("B", &c, 0));
    let d = made(&world, &after("D", &a, 0));
    let waits = |job: &str, other: &str| JobUpdateRequest {
        depends_on: Some(vec![Dependency {
            job: other.into(),
            on: None,
            delay_seconds: None,
        }]),
        ..change(job)
    };
    let meanwhile = waits(&c, &d);
    world.meddle.borrow_mut().push(Box::new(move |world| {
        update::update(world, &caller(), &meanwhile).unwrap();
    }));
    let error = update::update(&world, &caller(), &waits(&a, &b)).unwrap_err();
    assert!(
        error.message.contains("“A” → “B” → “C” → “D” → “A”"),
        "{}",
        error.message
    );
}

#[test]
fn an_unknown_or_foreign_prerequisite_is_refused() {
    let world = Model::new();
    let error = create::create(&world, &caller(), &after("B", "job_nothing", 0)).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("depends_on[0].job"));
    let first = made(&world, &once("First"));
    let other = meanwhile_guest::bindings::types::Caller {
        user: "eve".into(),
        ..caller()
    };
    let error = create::create(&world, &other, &after("B", &first, 0)).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[test]
fn transient_failures_are_retried_with_growing_waits_and_then_told() {
    let world = Model::new();
    let job = made(&world, &once("Call"));
    let runs = world.live(DAY, |_| failed(ErrorClass::Transient, "timeout"));
    let attempts: Vec<u32> = runs.iter().map(|run| run.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(
        runs.iter()
            .all(|run| run.idempotency_key == runs[0].idempotency_key)
    );
    assert_eq!(world.status(&job), JobStatus::Failed);
    assert_eq!(world.messages(&job).len(), 1);
    assert_eq!(world.messages(&job)[0].kind, MessageKind::Failure);
}

#[test]
fn a_success_after_failures_clears_them() {
    let world = Model::new();
    let job = made(&world, &every("Call", HOUR));
    world.live(3 * HOUR + 30 * MINUTE, |run| {
        if run.attempt < 3 {
            failed(ErrorClass::Transient, "busy")
        } else {
            ok("yes")
        }
    });
    let state = world.job(&job).state;
    assert_eq!((state.status, state.failure_streak), (JobStatus::Active, 0));
    assert!(state.last_run.unwrap().error.is_none());
}

#[test]
fn a_quota_failure_pauses_and_resuming_continues_the_same_run() {
    let world = Model::new();
    let job = made(&world, &once("Ask the model"));
    let first = world.live(DAY, |_| failed(ErrorClass::Quota, "no credit"));
    assert_eq!(first.len(), 1);
    assert_eq!(world.status(&job), JobStatus::Paused);
    assert_eq!(world.messages(&job)[0].kind, MessageKind::Incident);
    set(&world, &job, JobStatus::Active).unwrap();
    let second = world.live(0, |_| ok("answer"));
    assert_eq!(
        (second[0].run_id.as_str(), second[0].attempt),
        (first[0].run_id.as_str(), 2)
    );
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_repeating_job_outlives_a_bad_run_and_is_paused_after_several() {
    let world = Model::new();
    let job = made(&world, &every("Report", HOUR));
    world.live(HOUR, |_| failed(ErrorClass::Permanent, "broken"));
    assert_eq!(world.status(&job), JobStatus::Active);
    let runs = world.live(DAY, |_| failed(ErrorClass::Permanent, "broken"));
    assert_eq!(runs.len(), 4);
    assert_eq!(world.status(&job), JobStatus::Paused);
    assert_eq!(
        world.job(&job).state.status_reason.unwrap().code,
        "repeated_failure"
    );
}

#[test]
fn a_pause_during_a_run_wins_and_the_result_is_kept() {
    for outcome in [ok("fine"), failed(ErrorClass::Transient, "bad")] {
        let world = Model::new();
        let job = made(&world, &every("Watch", HOUR));
        world.pass(HOUR);
        let run = world.poll().remove(0);
        pause(&world, &job).unwrap();
        assert_eq!(world.settle(&run, outcome.clone()), (1, 0));
        assert_eq!(world.status(&job), JobStatus::Paused);
        assert!(world.runs(&job)[0].ended_at.is_some());
        assert!(
            world.live(DAY, |_| ok("")).is_empty(),
            "nothing starts after the pause"
        );
        world.pass(30 * MINUTE);
        set(&world, &job, JobStatus::Active).unwrap();
        assert_eq!(world.live(HOUR, |_| ok("again")).len(), 1, "no backlog");
    }
}

#[test]
fn a_pause_may_end_by_itself() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    let until = JobPauseRequest {
        job_id: job.clone(),
        note: None,
        until: Some("2026-06-02T10:30:00".into()),
    };
    stop::pause(&world, &caller(), &until).unwrap();
    assert!(world.live(DAY, |_| ok("")).is_empty());
    assert_eq!(world.live(HOUR, |_| ok("")).len(), 1);
}

#[test]
fn a_cancel_during_a_run_is_final() {
    let world = Model::new();
    let job = made(&world, &once("Research"));
    let run = world.poll().remove(0);
    cancel(&world, &job).unwrap();
    assert_eq!(*world.cancelled.borrow(), std::slice::from_ref(&run.run_id));
    cancel(&world, &job).unwrap();
    assert_eq!(world.settle(&run, ok("too late")), (1, 0));
    assert_eq!(world.status(&job), JobStatus::Cancelled);
    assert_eq!(
        world.runs(&job)[0].output.as_deref(),
        Some("too late"),
        "the result is kept"
    );
    assert!(world.messages(&job).is_empty());
    assert_eq!(
        set(&world, &job, JobStatus::Active).unwrap_err().code,
        ErrorCode::Conflict
    );
    assert_eq!(pause(&world, &job).unwrap_err().code, ErrorCode::Conflict);
}

#[test]
fn a_cancelled_job_whose_host_died_keeps_no_open_run() {
    let world = Model::new();
    let job = made(&world, &once("Research"));
    world.poll();
    cancel(&world, &job).unwrap();
    world.pass(HOUR);
    assert!(world.poll().is_empty());
    assert_eq!(world.runs(&job)[0].status, RunStatus::Cancelled);
    assert_eq!(world.next_due(), None);
}

#[test]
fn a_question_waits_for_its_answer_and_the_answer_reaches_the_run() {
    let world = Model::new();
    let job = made(&world, &once("Book the flight"));
    let run = world.poll().remove(0);
    let outcome = meanwhile_guest::bindings::agent_pipeline::Outcome {
        status: meanwhile_guest::bindings::agent_pipeline::OutcomeStatus::NeedsInput,
        ..ok("Which day?")
    };
    world.settle(&run, outcome);
    assert_eq!(world.status(&job), JobStatus::Blocked);
    assert!(world.live(DAY, |_| ok("")).is_empty());
    let question = world.messages(&job).remove(0);
    assert_eq!(question.kind, MessageKind::Question);
    let said = Utterance {
        text: "On Friday".into(),
        in_reply_to: Some(question.id.clone()),
    };
    let other = meanwhile_guest::bindings::types::Caller {
        user: "eve".into(),
        ..caller()
    };
    assert!(chat::heard(&world, &other, &said).is_err(), "nobody else answers");
    assert_eq!(chat::heard(&world, &caller(), &said).unwrap().len(), 1);
    let runs = world.live(0, |_| ok("Booked"));
    assert_eq!(runs[0].unread_replies, ["On Friday"]);
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert!(
        chat::heard(&world, &caller(), &said).unwrap().is_empty(),
        "it is answered"
    );
}

#[test]
fn on_change_is_silent_while_the_result_stays_the_same() {
    let world = Model::new();
    let job = made(
        &world,
        &JobCreateRequest {
            notify: Some(NotifyPolicy::OnChange),
            ..every("Watch", HOUR)
        },
    );
    for (output, told) in [("a", 1), ("a", 1), ("b", 2), ("b", 2), ("a", 3)] {
        world.live(HOUR, |_| ok(output));
        assert_eq!(world.messages(&job).len(), told, "{output}");
    }
}

#[test]
fn a_run_that_says_it_is_not_worth_telling_is_not_told() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.live(2 * HOUR, |_| reported(Verdict::Continue, "unchanged", false));
    assert!(world.messages(&job).is_empty());
    world.live(HOUR, |_| reported(Verdict::Continue, "changed", true));
    assert_eq!(world.messages(&job).len(), 1);
}

#[test]
fn the_same_key_gives_the_same_job_and_other_content_a_conflict() {
    let world = Model::new();
    let keyed = |payload: &str| JobCreateRequest {
        idempotency_key: Some("k1".into()),
        payload: payload.into(),
        ..once("Keyed")
    };
    let first = create::create(&world, &caller(), &keyed("one")).unwrap();
    let again = create::create(&world, &caller(), &keyed("one")).unwrap();
    assert_eq!((again.created, again.job.job_id), (false, first.job.job_id));
    let error = create::create(&world, &caller(), &keyed("two")).unwrap_err();
    assert_eq!(
        (error.code, error.field.as_deref()),
        (ErrorCode::Conflict, Some("idempotency_key"))
    );
}

#[test]
fn parallel_creates_with_one_key_give_one_job() {
    let world = Model::new();
    let keyed = || JobCreateRequest {
        idempotency_key: Some("k1".into()),
        ..once("Keyed")
    };
    world.meddle.borrow_mut().push(Box::new(move |world| {
        create::create(world, &caller(), &keyed()).unwrap();
    }));
    let late = JobCreateRequest {
        idempotency_key: Some("k1".into()),
        ..once("Keyed")
    };
    assert!(!create::create(&world, &caller(), &late).unwrap().created);
    assert_eq!(world.rows.borrow().jobs.len(), 1);
}

#[test]
fn a_similar_title_asks_first() {
    let world = Model::new();
    made(&world, &every("Daily Weather Report", HOUR));
    let news = JobCreateRequest {
        confirm_new: None,
        ..every("Daily News Report", HOUR)
    };
    let error = create::create(&world, &caller(), &news).unwrap_err();
    assert_eq!(error.code, ErrorCode::NeedsConfirmation);
    assert_eq!(error.similar_job.unwrap().title, "Daily Weather Report");
    let other = meanwhile_guest::bindings::types::Caller {
        user: "eve".into(),
        ..caller()
    };
    assert!(create::create(&world, &other, &news).is_ok());
    assert!(
        create::create(
            &world,
            &caller(),
            &JobCreateRequest {
                confirm_new: Some(true),
                ..news
            }
        )
        .is_ok()
    );
}

#[test]
fn changing_the_interval_keeps_the_rest_of_the_trigger() {
    let world = Model::new();
    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        end_condition: Some("paid".into()),
        max_iterations: Some(9),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Follow", trigger));
    let patch = TriggerPatch {
        timezone: None,
        when: None,
        run_at: None,
        cron: None,
        every: None,
        interval_seconds: Some(Some(7_200)),
        start_at: None,
        end_at: None,
        end_condition: None,
        max_iterations: None,
        misfire: None,
        dst: None,
        jitter_seconds: None,
    };
    let answer = update::update(
        &world,
        &caller(),
        &JobUpdateRequest {
            trigger_config: Some(patch),
            ..change(&job)
        },
    )
    .unwrap();
    assert_eq!(answer.updated_fields, ["trigger_config"]);
    let trigger = answer.job.trigger_config;
    assert_eq!(
        (trigger.interval_seconds, trigger.max_iterations),
        (Some(7_200), Some(9))
    );
    assert_eq!(trigger.end_condition.as_deref(), Some("paid"));
    assert_eq!(
        answer.job.next_run_at.as_deref(),
        Some("2026-06-01T12:00:00+02:00")
    );
}

#[test]
fn updates_are_refused_when_they_say_nothing_or_come_too_late() {
    let world = Model::new();
    let job = made(&world, &once("Once"));
    let nothing = update::update(&world, &caller(), &change(&job)).unwrap_err();
    assert_eq!(nothing.code, ErrorCode::InvalidArgument);
    let stale = JobUpdateRequest {
        revision: Some(99),
        title: Some("New".into()),
        ..change(&job)
    };
    assert_eq!(
        update::update(&world, &caller(), &stale).unwrap_err().code,
        ErrorCode::Conflict
    );
    world.live(0, |_| ok("done"));
    let late = JobUpdateRequest {
        title: Some("New".into()),
        ..change(&job)
    };
    assert_eq!(
        update::update(&world, &caller(), &late).unwrap_err().code,
        ErrorCode::Conflict
    );
}

#[test]
fn a_spent_budget_blocks_with_the_reason() {
    let world = Model::new();
    let budget = Budget {
        max_runs: Some(2),
        ..UNLIMITED
    };
    let job = made(
        &world,
        &JobCreateRequest {
            budget: Some(budget),
            ..every("Spend", HOUR)
        },
    );
    assert_eq!(world.live(DAY, |_| ok("x")).len(), 2);
    assert_eq!(world.status(&job), JobStatus::Blocked);
    assert_eq!(world.job(&job).state.status_reason.unwrap().code, "budget_spent");
}

/// Attempts of one run spend too: a retry that nothing is left for waits for more.
#[test]
fn a_retry_does_not_outspend_the_budget() {
    let world = Model::new();
    let budget = Budget {
        max_tokens: Some(4),
        ..UNLIMITED
    };
    let job = made(
        &world,
        &JobCreateRequest {
            budget: Some(budget),
            ..once("Research")
        },
    );
    let failing = |_: &_| failed(ErrorClass::Transient, "timed out");
    let runs = world.live(DAY, failing);
    assert_eq!(runs.len(), 2, "two tokens an attempt");
    assert_eq!(world.status(&job), JobStatus::Blocked);
    assert_eq!(world.job(&job).state.status_reason.unwrap().code, "budget_spent");
    assert_eq!(world.messages(&job).len(), 1);
    let more = JobUpdateRequest {
        budget: Some(Some(Budget {
            max_tokens: Some(100),
            ..budget
        })),
        status: Some(JobStatus::Active),
        ..change(&job)
    };
    update::update(&world, &caller(), &more).unwrap();
    let runs = world.live(0, |_| ok("done"));
    assert_eq!((runs.len(), runs[0].attempt), (1, 3));
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_daily_budget_goes_on_the_next_day() {
    let world = Model::new();
    let budget = Budget {
        max_runs_per_day: Some(3),
        ..UNLIMITED
    };
    let job = made(
        &world,
        &JobCreateRequest {
            budget: Some(budget),
            ..every("Spend", HOUR)
        },
    );
    assert_eq!(world.live(13 * HOUR, |_| ok("x")).len(), 3);
    assert_eq!(world.status(&job), JobStatus::Blocked);
    assert_eq!(world.live(12 * HOUR, |_| ok("x")).len(), 3);
}

#[test]
fn a_horizon_completes_the_job() {
    let world = Model::new();
    let trigger = TriggerConfig {
        interval_seconds: Some(86_400),
        end_at: Some("2026-06-04T12:00:00".into()),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Three days", trigger));
    assert_eq!(world.live(10 * DAY, |_| ok("x")).len(), 3);
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(
        world.job(&job).state.status_reason.unwrap().code,
        "horizon_reached"
    );
}

#[test]
fn nothing_is_retried_after_the_horizon() {
    let world = Model::new();
    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        end_at: Some("2026-06-01T11:10:00".into()),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("One hour", trigger));
    let runs = world.live(DAY, |_| failed(ErrorClass::Transient, "time-out"));
    // 11:00, and a good 1, 3 and 7 minutes later; the next would be at 11:15.
    assert_eq!(runs.len(), 4);
    assert_eq!(
        world.job(&job).state.status_reason.unwrap().code,
        "horizon_reached"
    );
    assert_eq!(world.runs(&job)[0].status, RunStatus::Failed);
    let told: Vec<MessageKind> = world.messages(&job).iter().map(|message| message.kind).collect();
    assert_eq!(told, [MessageKind::Failure]);
}

#[test]
fn a_job_that_crashes_its_host_again_and_again_is_given_up() {
    let world = Model::new();
    let job = made(&world, &once("Poison"));
    for attempt in 1..=8 {
        assert_eq!(world.poll()[0].attempt, attempt);
        world.pass(HOUR);
    }
    assert!(world.poll().is_empty());
    assert_eq!(world.status(&job), JobStatus::Failed);
    assert_eq!(world.messages(&job).len(), 1);
}

const NO_PATCH: TriggerPatch = TriggerPatch {
    timezone: None,
    when: None,
    run_at: None,
    cron: None,
    every: None,
    interval_seconds: None,
    start_at: None,
    end_at: None,
    end_condition: None,
    max_iterations: None,
    misfire: None,
    dst: None,
    jitter_seconds: None,
};

fn rerun(world: &Model, job_id: &str) {
    let now = JobUpdateRequest {
        run_now: Some(true),
        ..change(job_id)
    };
    update::update(world, &caller(), &now).unwrap();
}

fn reschedule(world: &Model, job_id: &str, seconds: i64) {
    let patch = TriggerPatch {
        interval_seconds: Some(Some(seconds as u32)),
        ..NO_PATCH
    };
    let request = JobUpdateRequest {
        trigger_config: Some(patch),
        ..change(job_id)
    };
    update::update(world, &caller(), &request).unwrap();
}

fn wait_for(world: &Model, job_id: &str, prerequisites: &[&str]) {
    let depends_on = prerequisites
        .iter()
        .map(|job| Dependency {
            job: (*job).into(),
            on: None,
            delay_seconds: None,
        })
        .collect();
    let request = JobUpdateRequest {
        depends_on: Some(depends_on),
        ..change(job_id)
    };
    update::update(world, &caller(), &request).unwrap();
}

fn told(world: &Model, job: &str, kind: MessageKind) -> usize {
    let messages = world.messages(job);
    messages.iter().filter(|message| message.kind == kind).count()
}

#[test]
fn a_host_whose_clock_is_behind_runs_what_storage_says_is_due() {
    let world = Model::new();
    made(&world, &every("Watch", HOUR));
    world.behind.set(2_000);
    world.pass(HOUR);
    assert_eq!(
        world.poll().len(),
        1,
        "no claims again and again until its clock gets there"
    );
}

#[test]
fn a_slot_that_ran_is_passed_without_losing_those_behind_it() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    assert_eq!(world.live(HOUR, |_| ok("")).len(), 1);
    let first = world.runs(&job)[0].slot;
    // Paused and resumed on a host whose clock is behind: the slot that just ran is armed again.
    world.behind.set(5_000);
    pause(&world, &job).unwrap();
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(world.job(&job).state.next_fire, Some(first));
    world.pass(3 * HOUR);
    world.live(0, |_| ok(""));
    let counted: u32 = world.runs(&job).iter().map(|run| run.slots).sum();
    assert_eq!(counted, 4, "every slot is a run or recorded as missed, once");
}

#[test]
fn runs_that_are_interrupted_for_good_count_like_other_failures() {
    let world = Model::new();
    let mut watch = every("Watch", HOUR);
    watch.job_type = Some(JobType::Ongoing);
    watch.trigger_config.as_mut().unwrap().max_iterations = Some(2);
    watch.retry = Some(meanwhile_guest::bindings::types::RetryPolicy {
        max_attempts: Some(1),
        initial_seconds: None,
        factor: None,
        max_seconds: None,
    });
    let job = made(&world, &watch);
    for _ in 0..2 {
        world.pass(HOUR);
        assert_eq!(world.poll().len(), 1);
        // Its host dies: the lease lapses.
        world.pass(MINUTE);
        assert!(world.poll().is_empty());
    }
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(told(&world, &job, MessageKind::Failure), 2);
}

#[test]
fn a_run_that_ends_badly_while_its_job_is_paused_is_told() {
    for outcome in [
        failed(ErrorClass::Permanent, "no such page"),
        reported(Verdict::Failed, "it cannot be done", true),
    ] {
        let world = Model::new();
        let job = made(&world, &every("Watch", HOUR));
        world.pass(HOUR);
        let run = world.poll().remove(0);
        pause(&world, &job).unwrap();
        world.settle(&run, outcome);
        assert_eq!(world.runs(&job)[0].status, RunStatus::Failed);
        assert_eq!(told(&world, &job, MessageKind::Failure), 1);
    }
}

#[test]
fn a_good_run_that_ends_while_its_job_is_paused_is_told_by_the_jobs_policy() {
    let world = Model::new();
    let mut quiet = every("Watch", HOUR);
    quiet.notify = Some(NotifyPolicy::OnFailure);
    let job = made(&world, &quiet);
    world.pass(HOUR);
    let run = world.poll().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&run, ok("fine"));
    assert!(world.messages(&job).is_empty());
}

#[test]
fn a_once_off_job_that_succeeded_while_it_was_paused_does_not_run_again() {
    let world = Model::new();
    let job = made(&world, &once("Send"));
    let run = world.poll().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&run, ok("sent"));
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert!(world.live(DAY, |_| ok("sent twice")).is_empty());
}

#[test]
fn runs_during_a_pause_count_as_iterations() {
    let world = Model::new();
    let mut watch = every("Watch", HOUR);
    watch.job_type = Some(JobType::Ongoing);
    watch.trigger_config.as_mut().unwrap().max_iterations = Some(1);
    let job = made(&world, &watch);
    world.pass(HOUR);
    let run = world.poll().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&run, ok("looked"));
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn retrying_an_ongoing_job_that_gave_up_makes_the_same_iteration_again() {
    let world = Model::new();
    let mut watch = every("Watch", HOUR);
    watch.job_type = Some(JobType::Ongoing);
    watch.trigger_config.as_mut().unwrap().max_iterations = Some(1);
    let job = made(&world, &watch);
    world.live(HOUR, |_| reported(Verdict::Failed, "no way", true));
    assert_eq!(world.status(&job), JobStatus::Failed);
    set(&world, &job, JobStatus::Active).unwrap();
    world.live(HOUR, |_| ok("a way"));
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.job(&job).state.iteration, 1);
}

#[test]
fn a_pause_that_ends_by_itself_at_a_broken_dependency_is_told() {
    let world = Model::new();
    let first = made(&world, &once("First"));
    let second = made(&world, &after("Second", &first, 0));
    let until = JobPauseRequest {
        job_id: second.clone(),
        note: None,
        until: Some("2026-06-01T12:00:00".into()),
    };
    stop::pause(&world, &caller(), &until).unwrap();
    world.live(DAY, |_| failed(ErrorClass::Permanent, "broken"));
    assert_eq!(world.status(&second), JobStatus::Blocked);
    assert_eq!(told(&world, &second, MessageKind::Incident), 1);
}

#[test]
fn a_job_that_is_resumed_into_a_spent_budget_says_so_again() {
    let world = Model::new();
    let mut limited = every("Watch", HOUR);
    limited.budget = Some(meanwhile_guest::bindings::types::Budget {
        max_runs_per_day: Some(1),
        ..UNLIMITED
    });
    let job = made(&world, &limited);
    world.live(2 * HOUR, |_| ok(""));
    assert_eq!(told(&world, &job, MessageKind::Incident), 1);
    // A host whose clock is behind arms the same slot once more.
    world.behind.set(2_000);
    set(&world, &job, JobStatus::Active).unwrap();
    world.poll();
    assert_eq!(world.status(&job), JobStatus::Blocked);
    assert_eq!(told(&world, &job, MessageKind::Incident), 2);
}

#[test]
fn an_end_that_dependents_have_not_heard_of_survives_a_change_of_the_job() {
    let world = Model::new();
    let other = made(&world, &every("Other", DAY));
    let first = made(&world, &every("First", HOUR));
    let second = made(&world, &after("Second", &first, 0));
    world.pass(HOUR);
    let run = world.poll().remove(0);
    world.settle(&run, ok("done"));
    wait_for(&world, &first, &[&other]);
    assert_eq!(world.live(0, |_| ok("")).len(), 1);
    assert_eq!(world.status(&second), JobStatus::Completed);
}

#[test]
fn a_change_of_dependencies_that_hold_nothing_back_loses_no_slot() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR + 1);
    wait_for(&world, &job, &[]);
    assert_eq!(world.poll().len(), 1, "the slot that was due runs");
}

#[test]
fn a_change_of_schedule_records_the_slot_that_was_due() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(2 * HOUR + MINUTE);
    reschedule(&world, &job, 2 * HOUR);
    let runs = world.runs(&job);
    assert_eq!((runs[0].status, runs[0].slots), (RunStatus::Missed, 2));
    assert!(world.poll().is_empty());
}

#[test]
fn a_change_of_schedule_to_what_it_is_changes_nothing() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR + 1);
    reschedule(&world, &job, HOUR);
    assert_eq!(world.poll().len(), 1, "the slot that was due runs");
}

#[test]
fn a_change_of_schedule_reaches_a_job_that_is_paused_with_an_open_run() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.live(HOUR, |_| failed(ErrorClass::Quota, "used up"));
    assert_eq!(world.status(&job), JobStatus::Paused);
    world.pass(10 * HOUR);
    reschedule(&world, &job, 2 * HOUR);
    set(&world, &job, JobStatus::Active).unwrap();
    world.live(0, |_| ok(""));
    assert_eq!(
        world.runs(&job).len(),
        1,
        "no slots of the schedule that was replaced"
    );
}

#[test]
fn run_now_is_the_slot_that_is_due() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR + 1);
    rerun(&world, &job);
    world.live(0, |_| ok(""));
    let runs = world.runs(&job);
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0].slot, world.job(&job).spec.anchor + HOUR * 1_000);
}

#[test]
fn a_second_pause_during_a_run_still_notices_the_death_of_its_host() {
    let world = Model::new();
    let job = made(&world, &once("Send"));
    world.poll();
    pause(&world, &job).unwrap();
    pause(&world, &job).unwrap();
    world.pass(MINUTE);
    world.poll();
    assert_eq!(world.runs(&job)[0].status, RunStatus::Waiting);
}

#[test]
fn the_run_of_a_cancelled_prerequisite_is_closed_after_its_dependents_were_told() {
    let world = Model::new();
    let first = made(&world, &once("First"));
    made(&world, &after("Second", &first, 0));
    world.poll();
    cancel(&world, &first).unwrap();
    // The host that executes it is dead.
    world.pass(MINUTE);
    world.poll();
    assert_eq!(world.runs(&first)[0].status, RunStatus::Cancelled);
    assert_eq!(world.job(&first).state.open_run, None);
}

#[test]
fn a_result_that_comes_again_while_it_is_judged_is_no_judgement() {
    let world = Model::new();
    world.judges.set(true);
    let mut watch = every("Watch", HOUR);
    watch.job_type = Some(JobType::Ongoing);
    watch.trigger_config.as_mut().unwrap().end_condition = Some("the page says so".into());
    let job = made(&world, &watch);
    world.pass(HOUR);
    let run = world.poll().remove(0);
    assert_eq!(world.settle(&run, ok("it says so")), (1, 0));
    let judgement = world.submitted_now().remove(0);
    assert_eq!(world.settle(&run, ok("it says so")), (0, 1));
    assert_eq!(
        world.settle(&judgement, reported(Verdict::Done, "it says so", false)),
        (1, 0)
    );
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_judgement_that_fails_during_a_pause_leaves_the_run_good() {
    let world = Model::new();
    world.judges.set(true);
    let mut watch = every("Watch", HOUR);
    watch.job_type = Some(JobType::Ongoing);
    watch.trigger_config.as_mut().unwrap().end_condition = Some("the page says so".into());
    let job = made(&world, &watch);
    world.pass(HOUR);
    let run = world.poll().remove(0);
    world.settle(&run, ok("it says so"));
    let judgement = world.submitted_now().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&judgement, failed(ErrorClass::Transient, "the judge is away"));
    assert_eq!(world.runs(&job)[0].status, RunStatus::Succeeded);
}

#[test]
fn dependencies_that_come_during_a_run_hold_back_the_next_one() {
    let world = Model::new();
    let other = made(&world, &every("Other", DAY));
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR);
    let run = world.poll().remove(0);
    wait_for(&world, &job, &[&other]);
    world.settle(&run, ok("done"));
    assert!(world.live(HOUR, |_| ok("")).is_empty());
    assert_eq!(world.status(&job), JobStatus::Pending);
    assert!(!world.live(DAY, |_| ok("")).is_empty());
    assert_eq!(world.status(&job), JobStatus::Active);
}

#[test]
fn how_a_run_ended_is_told_although_its_job_was_paused_meanwhile() {
    let cases = [
        (NotifyPolicy::Always, ok("fine"), Some(MessageKind::Result)),
        (NotifyPolicy::OnFailure, ok("fine"), None),
        (
            NotifyPolicy::OnFailure,
            failed(ErrorClass::Transient, "bad"),
            Some(MessageKind::Failure),
        ),
    ];
    for (notify, outcome, kind) in cases {
        let world = Model::new();
        let job = made(
            &world,
            &JobCreateRequest {
                notify: Some(notify),
                ..every("Watch", HOUR)
            },
        );
        world.pass(HOUR);
        let run = world.poll().remove(0);
        pause(&world, &job).unwrap();
        world.settle(&run, outcome);
        let told: Vec<MessageKind> = world.messages(&job).iter().map(|message| message.kind).collect();
        assert_eq!(told, Vec::from_iter(kind), "{notify:?}");
    }
}

#[test]
fn what_a_job_did_while_it_was_paused_is_not_done_again() {
    let world = Model::new();
    let job = made(&world, &once("Send the offer"));
    let run = world.poll().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&run, ok("sent"));
    assert_eq!(world.status(&job), JobStatus::Paused);
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert!(world.live(DAY, |_| ok("sent twice")).is_empty());

    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        max_iterations: Some(2),
        ..EMPTY_TRIGGER
    };
    let job = made(&world, &request("Ask twice", trigger));
    world.live(HOUR, |_| ok("no answer"));
    world.pass(HOUR);
    let run = world.poll().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&run, ok("no answer"));
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(
        world.job(&job).state.status_reason.unwrap().code,
        "iterations_reached"
    );
    assert!(world.live(DAY, |_| ok("a third time")).is_empty());
}

#[test]
fn a_failed_one_off_that_was_paused_is_tried_again_when_resumed() {
    let world = Model::new();
    let job = made(&world, &once("Send the offer"));
    let run = world.poll().remove(0);
    pause(&world, &job).unwrap();
    world.settle(&run, failed(ErrorClass::Permanent, "no network"));
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(world.live(0, |_| ok("sent")).len(), 1);
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_job_that_is_changed_while_a_taken_slot_is_passed_loses_no_other() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.live(HOUR, |_| ok(""));
    let ran = world.runs(&job)[0].slot;
    // On a host whose clock is behind, the slot that just ran is armed again.
    world.behind.set(5_000);
    pause(&world, &job).unwrap();
    set(&world, &job, JobStatus::Active).unwrap();
    world.behind.set(0);
    // The first commit is refused, the second meets somebody else's change.
    let id = job.clone();
    world.meddle.borrow_mut().push(Box::new(move |world| {
        let patch = TriggerPatch {
            end_at: Some(Some("2026-12-01T00:00:00".into())),
            ..NO_PATCH
        };
        let request = JobUpdateRequest {
            trigger_config: Some(patch),
            ..change(&id)
        };
        update::update(world, &caller(), &request).unwrap();
    }));
    world.meddle.borrow_mut().push(Box::new(|_| {}));
    world.pass(1);
    world.poll();
    assert_eq!(world.job(&job).state.next_fire, Some(ran + HOUR * 1_000));
}

/// What a paused job is given to wait for counts when the pause ends by itself.
#[test]
fn a_pause_that_ends_by_itself_heeds_dependencies_that_were_given_meanwhile() {
    let world = Model::new();
    let first = made(&world, &once("First"));
    world.live(0, |_| ok("done"));
    let second = JobCreateRequest {
        trigger_config: Some(TriggerConfig {
            run_at: Some("2026-06-03T10:00:00".into()),
            ..EMPTY_TRIGGER
        }),
        ..once("Only if the first fails")
    };
    let second = made(&world, &second);
    let until = JobPauseRequest {
        job_id: second.clone(),
        note: None,
        until: Some("2026-06-02T10:00:00".into()),
    };
    stop::pause(&world, &caller(), &until).unwrap();
    let waits = JobUpdateRequest {
        depends_on: Some(vec![Dependency {
            job: first,
            on: Some(DependencyCondition::Failure),
            delay_seconds: None,
        }]),
        ..change(&second)
    };
    update::update(&world, &caller(), &waits).unwrap();
    assert!(world.live(3 * DAY, |_| ok("x")).is_empty());
    assert_eq!(world.status(&second), JobStatus::Blocked);
    assert_eq!(
        world.job(&second).state.status_reason.unwrap().code,
        "dependency_failed"
    );
}
