//! Runs that call: what they may change, what they may create, and what nobody may.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code)]

mod model;

use meanwhile_guest::bindings::agent_pipeline::RunRequest;
use meanwhile_guest::bindings::conversation::{ConversationError, Utterance};
use meanwhile_guest::bindings::tools::{
    ByIdRequest, Dependency, ErrorCode, JobCancelRequest, JobCreateRequest, JobPauseRequest,
    JobUpdateRequest, ToolError,
};
use meanwhile_guest::bindings::types::{Budget, Caller, Job, JobStatus, RunReach, TriggerConfig};
use meanwhile_guest::limits::{LIVE_DESCENDANTS_MAX, ORIGIN_DEPTH_MAX, RUN_CHILDREN_MAX};
use meanwhile_guest::spending::UNLIMITED;
use meanwhile_guest::world::World;
use meanwhile_guest::{chat, create, retrieve, stop, update};
use model::jobs::{HOUR, cancel, change, every, made, once, pause, request, set};
use model::{Model, Quota, caller, failed, ok};

use RunReach::{All, OwnDescendants, OwnJob};

/// Starts the one job that is due.
fn started(world: &Model) -> RunRequest {
    let mut runs = world.poll();
    assert_eq!(runs.len(), 1, "one run is due");
    runs.remove(0)
}

/// The user of a run, as it calls.
fn inside(run: &RunRequest, reach: RunReach) -> Caller {
    let mut caller = run.caller.clone();
    caller.run.as_mut().unwrap().reach = reach;
    caller
}

fn create_as(world: &Model, who: &Caller, request: &JobCreateRequest) -> Result<String, ToolError> {
    create::create(world, who, request).map(|answer| answer.job.job_id)
}

fn update_as(world: &Model, who: &Caller, request: &JobUpdateRequest) -> Result<(), ToolError> {
    update::update(world, who, request).map(|_| ())
}

fn cancel_as(world: &Model, who: &Caller, job: &str) -> Result<(), ToolError> {
    let request = JobCancelRequest {
        job_id: job.into(),
        note: None,
    };
    stop::cancel(world, who, &request).map(|_| ())
}

fn pause_as(world: &Model, who: &Caller, job: &str) -> Result<(), ToolError> {
    let request = JobPauseRequest {
        job_id: job.into(),
        note: None,
        until: None,
    };
    stop::pause(world, who, &request).map(|_| ())
}

fn retitle(job: &str) -> JobUpdateRequest {
    JobUpdateRequest {
        title: Some("Owned".into()),
        ..change(job)
    }
}

fn run_now(job: &str) -> JobUpdateRequest {
    JobUpdateRequest {
        run_now: Some(true),
        ..change(job)
    }
}

fn resume(job: &str) -> JobUpdateRequest {
    JobUpdateRequest {
        status: Some(JobStatus::Active),
        ..change(job)
    }
}

/// Everything that a call can change of a job.
fn each_change(world: &Model, who: &Caller, job: &str) -> Vec<Result<(), ToolError>> {
    vec![
        update_as(world, who, &retitle(job)),
        update_as(world, who, &run_now(job)),
        pause_as(world, who, job),
        cancel_as(world, who, job),
    ]
}

fn in_an_hour(title: &str) -> JobCreateRequest {
    let at = TriggerConfig {
        when: Some("in 1 hour".into()),
        ..meanwhile_guest::create::EMPTY_TRIGGER
    };
    request(title, at)
}

/// No job of the world has what it had not, but for these.
fn unchanged(world: &Model, before: &[Job]) {
    for job in before {
        assert!(*job == world.job(&job.id), "{} was changed", job.spec.title);
    }
}

// What a run may change.

#[test]
fn a_run_changes_its_own_job_and_no_other_of_its_user() {
    let world = Model::new();
    let other = made(&world, &every("Water the plants", HOUR));
    let own = made(&world, &once("Read the inbox"));
    let calling = inside(&started(&world), OwnDescendants);
    let before = [world.job(&other)];
    for refused in each_change(&world, &calling, &other) {
        let error = refused.unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden);
        for word in ["Water the plants", "Read the inbox", "operator"] {
            assert!(error.message.contains(word), "{}", error.message);
        }
    }
    unchanged(&world, &before);
    update_as(&world, &calling, &retitle(&own)).unwrap();
    assert_eq!(world.job(&own).spec.title, "Owned");
    cancel_as(&world, &calling, &own).unwrap();
    let change = world.rows.borrow().changes.last().cloned().unwrap();
    assert_eq!(change.by, calling.run.unwrap().id, "the history names the run");
}

#[test]
fn a_run_changes_what_came_of_its_job_down_to_the_last_generation() {
    let world = Model::new();
    let root = made(&world, &every("Plan the week", HOUR));
    world.pass(HOUR);
    let first = started(&world);
    let child = create_as(&world, &inside(&first, OwnDescendants), &once("Ask for offers")).unwrap();
    let grandchild = {
        let run = started(&world);
        let made = create_as(&world, &inside(&run, OwnDescendants), &in_an_hour("Remind them")).unwrap();
        world.settle(&run, ok("asked"));
        made
    };
    world.settle(&first, ok("planned"));
    // The next run of the same job still answers for what the first one left.
    world.pass(HOUR - 1);
    let sibling = made(&world, &in_an_hour("Nobody's child"));
    world.pass(1);
    let runs = world.poll();
    let second = runs.iter().find(|run| run.job_id == root).unwrap();
    let calling = inside(second, OwnDescendants);
    update_as(&world, &calling, &retitle(&grandchild)).unwrap();
    assert_eq!(world.job(&grandchild).spec.title, "Owned");
    assert_eq!(world.status(&child), JobStatus::Completed);
    // But not the other way: a child has no say over who made it, nor over others.
    let below = runs.iter().find(|run| run.job_id == grandchild).unwrap();
    let below = inside(below, OwnDescendants);
    for above in [&root, &child, &sibling] {
        assert_eq!(
            update_as(&world, &below, &retitle(above)).unwrap_err().code,
            ErrorCode::Forbidden
        );
    }
}

#[test]
fn the_tenant_says_how_far_a_run_reaches() {
    let world = Model::new();
    let other = made(&world, &every("Water the plants", HOUR));
    let own = made(&world, &once("Read the inbox"));
    let run = started(&world);
    assert_eq!(
        run.caller.run.as_ref().unwrap().reach,
        OwnDescendants,
        "where the tenant says nothing"
    );
    let narrow = inside(&run, OwnJob);
    let error = create_as(&world, &narrow, &once("More")).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert!(error.message.contains(&own), "{}", error.message);
    update_as(&world, &narrow, &retitle(&own)).unwrap();

    let child = create_as(&world, &inside(&run, OwnDescendants), &in_an_hour("More")).unwrap();
    let error = update_as(&world, &narrow, &retitle(&child)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);

    let wide = inside(&run, All);
    for done in each_change(&world, &wide, &other) {
        done.unwrap();
    }
    assert_eq!(world.status(&other), JobStatus::Cancelled);
}

#[test]
fn no_reach_leads_to_another_user() {
    let world = Model::new();
    let eve = Caller {
        user: "eve".into(),
        ..caller()
    };
    let hers = create_as(&world, &eve, &every("Eve's diary", HOUR)).unwrap();
    made(&world, &once("Read the inbox"));
    let calling = inside(&started(&world), All);
    for refused in each_change(&world, &calling, &hers) {
        assert_eq!(refused.unwrap_err().code, ErrorCode::NotFound);
    }
    // Nor does her name in a call of this run.
    let posing = Caller {
        run: calling.run,
        ..eve
    };
    for refused in each_change(&world, &posing, &hers) {
        assert_eq!(refused.unwrap_err().code, ErrorCode::Forbidden);
    }
    assert_eq!(world.job(&hers).revision, 1);
}

#[test]
fn a_run_that_never_was_has_ended_or_lost_its_lease_can_call_no_more() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR);
    let run = started(&world);
    let live = inside(&run, All);
    let all_refused = |who: &Caller, why: &str| {
        let mut refusals: Vec<ToolError> = each_change(&world, who, &job)
            .into_iter()
            .map(Result::unwrap_err)
            .collect();
        refusals.push(create_as(&world, who, &once("More")).unwrap_err());
        let by_id = ByIdRequest {
            job_id: job.clone(),
            include_runs: None,
        };
        refusals.push(retrieve::by_id(&world, who, &by_id).unwrap_err());
        for error in refusals {
            assert_eq!(error.code, ErrorCode::Forbidden, "{why}");
            assert!(
                error.message.contains("does not execute now"),
                "{}",
                error.message
            );
        }
    };
    let forged = |id: &str, token: u64| {
        let mut forged = live.clone();
        let run = forged.run.as_mut().unwrap();
        (run.id, run.token) = (id.into(), token);
        forged
    };
    all_refused(&forged("run_00000000000000000000000000", run.token), "never was");
    all_refused(&forged(&job, run.token), "the id of a job");
    all_refused(
        &forged(&run.run_id, run.token + 1),
        "a token that is still to come",
    );
    // Its host dies, the next one takes over: the old attempt talks to the wall.
    world.pass(HOUR);
    let again = started(&world);
    assert_eq!(again.run_id, run.run_id);
    all_refused(&live, "an attempt that lost its lease");
    let second = inside(&again, All);
    update_as(&world, &second, &retitle(&job)).unwrap();
    world.settle(&again, ok("done"));
    all_refused(&second, "has ended");
}

#[test]
fn a_run_whose_job_is_cancelled_can_call_no_more_and_one_that_is_paused_still_can() {
    let world = Model::new();
    let job = made(&world, &once("Research"));
    let calling = inside(&started(&world), OwnDescendants);
    pause(&world, &job).unwrap();
    create_as(&world, &calling, &in_an_hour("Follow up")).unwrap();
    cancel(&world, &job).unwrap();
    let error = create_as(&world, &calling, &in_an_hour("And again")).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
}

#[test]
fn the_end_of_a_run_wins_over_a_call_that_it_still_makes() {
    let world = Model::new();
    made(&world, &once("Research"));
    let run = started(&world);
    let calling = inside(&run, OwnDescendants);
    let before = world.rows.borrow().jobs.len();
    world.meddle.borrow_mut().push(Box::new(move |world| {
        world.settle(&run, ok("done"));
    }));
    let error = create_as(&world, &calling, &once("Too late")).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    assert_eq!(world.rows.borrow().jobs.len(), before);
}

#[test]
fn the_end_of_a_run_wins_over_a_change_that_it_makes_elsewhere() {
    let world = Model::new();
    made(&world, &once("Research"));
    let run = started(&world);
    let calling = inside(&run, OwnDescendants);
    let child = create_as(&world, &calling, &in_an_hour("Follow up")).unwrap();
    let before = world.job(&child);
    world.meddle.borrow_mut().push(Box::new(move |world| {
        world.settle(&run, ok("done"));
    }));
    let error = cancel_as(&world, &calling, &child).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    unchanged(&world, &[before]);
}

/// The other host has not written yet; the store knows whose the job is.
#[test]
fn an_attempt_whose_job_another_host_has_claimed_changes_nothing() {
    let world = Model::new();
    made(&world, &once("Research"));
    let run = started(&world);
    world.pass(HOUR);
    let before = world.rows.borrow().jobs.len();
    world.meddle.borrow_mut().push(Box::new(|world| {
        assert_eq!(world.claim_due(1).unwrap().len(), 1);
    }));
    let late = create_as(&world, &inside(&run, OwnDescendants), &once("Too late"));
    assert_eq!(late.unwrap_err().code, ErrorCode::Unavailable);
    assert_eq!(world.rows.borrow().jobs.len(), before);
}

#[test]
fn a_run_undoes_no_decision_of_a_person() {
    let world = Model::new();
    let job = made(&world, &every("Watch", HOUR));
    world.pass(HOUR);
    let run = started(&world);
    let calling = inside(&run, OwnDescendants);
    let more = JobUpdateRequest {
        budget: Some(Some(Budget {
            max_cost_usd: Some(1e6),
            ..UNLIMITED
        })),
        ..change(&job)
    };
    let error = update_as(&world, &calling, &more).unwrap_err();
    assert_eq!(
        (error.code, error.field.as_deref()),
        (ErrorCode::Forbidden, Some("budget"))
    );
    pause(&world, &job).unwrap();
    let until_soon = JobPauseRequest {
        until: Some("2026-06-01T11:00:01".into()),
        job_id: job.clone(),
        note: None,
    };
    for refused in [
        update_as(&world, &calling, &resume(&job)),
        pause_as(&world, &calling, &job),
        stop::pause(&world, &calling, &until_soon).map(|_| ()),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(error.code, ErrorCode::Forbidden);
        assert!(
            error.message.contains("no run may resume it"),
            "{}",
            error.message
        );
    }
    assert_eq!(world.status(&job), JobStatus::Paused);
    // What it stopped itself it may start again.
    set(&world, &job, JobStatus::Active).unwrap();
    pause_as(&world, &calling, &job).unwrap();
    update_as(&world, &calling, &resume(&job)).unwrap();
    assert_eq!(world.status(&job), JobStatus::InProgress);
    // A person who pauses what a run paused makes the pause theirs.
    pause_as(&world, &calling, &job).unwrap();
    pause(&world, &job).unwrap();
    let error = update_as(&world, &calling, &resume(&job)).unwrap_err();
    assert_eq!(error.code, ErrorCode::Forbidden);
    set(&world, &job, JobStatus::Active).unwrap();
    // And one that its tenant trusts with everything acts as the user does.
    pause(&world, &job).unwrap();
    update_as(&world, &inside(&run, All), &resume(&job)).unwrap();
}

#[test]
fn a_run_is_no_person_in_the_chat() {
    let world = Model::new();
    let goal = TriggerConfig {
        interval_seconds: Some(3_600),
        end_condition: Some("the invoice is paid".into()),
        max_iterations: Some(50),
        ..meanwhile_guest::create::EMPTY_TRIGGER
    };
    let chase = made(&world, &request("Chase the ACME invoice", goal));
    made(&world, &once("Read the inbox"));
    let run = started(&world);
    let said = Utterance {
        text: "The invoice was paid, you can stop.".into(),
        in_reply_to: None,
    };
    let refused = chat::heard(&world, &inside(&run, OwnDescendants), &said);
    assert!(
        matches!(&refused, Err(ConversationError::Forbidden(why)) if why.contains("Read the inbox")),
        "{refused:?}"
    );
    assert_eq!(world.status(&chase), JobStatus::Active);
    chat::heard(&world, &inside(&run, All), &said).unwrap();
    assert_eq!(world.status(&chase), JobStatus::Completed);
}

#[test]
fn a_run_reads_what_its_user_may_read() {
    let world = Model::new();
    let other = made(&world, &every("Water the plants", HOUR));
    made(&world, &once("Read the inbox"));
    let calling = inside(&started(&world), OwnJob);
    let by_id = ByIdRequest {
        job_id: other,
        include_runs: None,
    };
    let found = retrieve::by_id(&world, &calling, &by_id).unwrap();
    assert_eq!(found.job.title, "Water the plants");
}

// What a run may create.

#[test]
fn a_job_that_a_run_creates_says_where_it_comes_from() {
    let world = Model::new();
    let root = made(&world, &once("Research"));
    let run = started(&world);
    assert_eq!(run.origin, None);
    let child = create_as(&world, &inside(&run, OwnDescendants), &once("Ask them")).unwrap();
    let by_id = ByIdRequest {
        job_id: child.clone(),
        include_runs: None,
    };
    let view = retrieve::by_id(&world, &caller(), &by_id).unwrap().job;
    assert_eq!(
        (view.parent_job_id.as_ref(), view.depth, &view.created_by),
        (Some(&root), 1, &run.run_id)
    );
    let request = started(&world);
    let origin = request.origin.unwrap();
    assert_eq!(
        (origin.parent, origin.root, origin.run),
        (root.clone(), root.clone(), run.run_id)
    );
    let by_id = ByIdRequest {
        job_id: root,
        include_runs: None,
    };
    let view = retrieve::by_id(&world, &caller(), &by_id).unwrap().job;
    assert_eq!((view.parent_job_id, view.depth, view.children), (None, 0, 1));
}

#[test]
fn jobs_that_go_on_creating_jobs_come_to_an_end() {
    let world = Model::new();
    made(&world, &once("Grow 0"));
    let mut generation = 0;
    let refused = loop {
        let run = started(&world);
        generation += 1;
        let next = create_as(&world, &inside(&run, All), &once(&format!("Grow {generation}")));
        world.settle(&run, ok("grown"));
        match next {
            Ok(child) => assert_eq!(world.job(&child).spec.origin.unwrap().depth, generation),
            Err(error) => break error,
        }
    };
    assert_eq!(generation, ORIGIN_DEPTH_MAX + 1);
    assert_eq!(refused.code, ErrorCode::QuotaExceeded);
    assert!(refused.message.contains("generation 3"), "{}", refused.message);
    assert!(world.poll().is_empty());
}

#[test]
fn a_run_creates_so_many_jobs_and_no_more_whatever_its_attempt() {
    let world = Model::new();
    let job = made(&world, &every("Spam", HOUR));
    world.pass(HOUR);
    let run = started(&world);
    let many = |run: &RunRequest, from: u32, count: u32| {
        for number in from..from + count {
            let request = in_an_hour(&format!("Job {number}"));
            create_as(&world, &inside(run, OwnDescendants), &request).unwrap();
        }
    };
    many(&run, 0, RUN_CHILDREN_MAX - 1);
    // Taken over in the middle: the same run, so the same count.
    world.pass(60);
    let run = started(&world);
    many(&run, 100, 1);
    let calling = inside(&run, OwnDescendants);
    let error = create_as(&world, &calling, &in_an_hour("One more")).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    assert!(error.message.contains("50 jobs"), "{}", error.message);
    world.settle(&run, ok("spammed"));
    assert_eq!(
        world.job(&job).state.offspring.unwrap().children,
        RUN_CHILDREN_MAX
    );
}

#[test]
fn a_repeated_request_of_a_run_finds_its_job_and_counts_nothing() {
    let world = Model::new();
    let job = made(&world, &once("Research"));
    let calling = inside(&started(&world), OwnDescendants);
    let keyed = JobCreateRequest {
        idempotency_key: Some("ask-acme".into()),
        ..in_an_hour("Ask ACME")
    };
    let first = create_as(&world, &calling, &keyed).unwrap();
    assert_eq!(create_as(&world, &calling, &keyed).unwrap(), first);
    assert_eq!(world.job(&job).state.offspring.unwrap().children, 1);
}

#[test]
fn a_repeating_job_whose_every_run_creates_one_is_stopped_by_what_is_live() {
    let world = Model::new();
    let job = made(&world, &every("Breed", HOUR));
    let mut refused = None;
    let mut runs = 0;
    while refused.is_none() {
        world.pass(HOUR);
        let run = world.poll().into_iter().find(|run| run.job_id == job).unwrap();
        let mut child = every(&format!("Child {runs}"), 366 * 24 * HOUR);
        child.confirm_new = Some(true);
        match create_as(&world, &inside(&run, OwnDescendants), &child) {
            Ok(_) => runs += 1,
            Err(error) => refused = Some(error),
        }
        world.settle(&run, ok("bred"));
    }
    assert_eq!(runs, LIVE_DESCENDANTS_MAX);
    let refused = refused.unwrap();
    assert_eq!(refused.code, ErrorCode::QuotaExceeded);
    assert!(
        refused.message.contains("Breed") && refused.message.contains("cancel"),
        "{}",
        refused.message
    );
    // Where one has ended there is room again, for one.
    let living = world.job(&job).state.offspring.unwrap().live;
    cancel(&world, &living[0]).unwrap();
    world.pass(HOUR);
    let run = world.poll().remove(0);
    let calling = inside(&run, OwnDescendants);
    create_as(&world, &calling, &in_an_hour("In its place")).unwrap();
    let error = create_as(&world, &calling, &in_an_hour("And one more")).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    // A run that brings an ended one back takes a place like a new one.
    let failed_one = living[1].clone();
    world
        .rows
        .borrow_mut()
        .jobs
        .get_mut(&failed_one)
        .unwrap()
        .state
        .status = JobStatus::Failed;
    create_as(&world, &calling, &in_an_hour("In its place, too")).unwrap();
    let error = update_as(&world, &calling, &resume(&failed_one)).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    set(&world, &failed_one, JobStatus::Active).unwrap();
}

// Counting, with others in the middle.

#[test]
fn two_runs_that_create_at_once_are_both_counted() {
    let world = Model::new();
    let root = made(&world, &once("Research"));
    let first = started(&world);
    let part = create_as(&world, &inside(&first, OwnDescendants), &once("A part of it")).unwrap();
    let second = started(&world);
    assert_eq!(second.job_id, part);
    let theirs = inside(&second, OwnDescendants);
    world.meddle.borrow_mut().push(Box::new(move |world| {
        create_as(world, &theirs, &in_an_hour("From below")).unwrap();
    }));
    let above = in_an_hour("From above");
    create_as(&world, &inside(&first, OwnDescendants), &above).unwrap();
    let offspring = world.job(&root).state.offspring.unwrap();
    assert_eq!((offspring.children, offspring.live.len()), (2, 3));
    assert_eq!(world.job(&part).state.offspring.unwrap().children, 1);
}

#[test]
fn the_last_place_is_given_once() {
    let world = Model::new();
    let root = made(&world, &once("Research"));
    let run = started(&world);
    for number in 1..RUN_CHILDREN_MAX {
        let request = in_an_hour(&format!("Job {number}"));
        create_as(&world, &inside(&run, OwnDescendants), &request).unwrap();
    }
    let calling = inside(&run, OwnDescendants);
    let theirs = calling.clone();
    world.meddle.borrow_mut().push(Box::new(move |world| {
        create_as(world, &theirs, &in_an_hour("Theirs")).unwrap();
    }));
    let error = create_as(&world, &calling, &in_an_hour("Ours")).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    assert_eq!(
        world.job(&root).state.offspring.unwrap().children,
        RUN_CHILDREN_MAX
    );
}

/// Whatever else writes the parent's row: its run's end, a failure, an update, a pause, a poll.
#[test]
fn a_write_of_the_parent_that_was_decided_before_a_child_came_does_not_undo_its_count() {
    type Write = fn(&Model, &RunRequest);
    let writes: [(&str, Write); 5] = [
        ("settle", |world, run| {
            world.settle(run, ok("done"));
        }),
        ("fail", |world, run| {
            let outcome = failed(
                meanwhile_guest::bindings::types::ErrorClass::Transient,
                "the network is down",
            );
            world.settle(run, outcome);
        }),
        ("update", |world, run| {
            update_as(world, &caller(), &retitle(&run.job_id)).unwrap();
        }),
        ("pause", |world, run| pause(world, &run.job_id).unwrap()),
        ("take over", |world, run| {
            world.pass(60);
            let again = world.poll();
            assert_eq!(again[0].run_id, run.run_id);
        }),
    ];
    for (name, write) in writes {
        let world = Model::new();
        let job = made(&world, &every("Research", HOUR));
        world.pass(HOUR);
        let run = started(&world);
        let calling = inside(&run, OwnDescendants);
        if name != "take over" {
            world.meddle.borrow_mut().push(Box::new(move |world| {
                create_as(world, &calling, &in_an_hour("In the middle")).unwrap();
            }));
        } else {
            create_as(&world, &calling, &in_an_hour("In the middle")).unwrap();
        }
        write(&world, &run);
        assert!(world.meddle.borrow().is_empty(), "{name}: it came in between");
        let row = world.job(&job);
        let offspring = row.state.offspring.unwrap();
        assert_eq!((offspring.children, offspring.live.len()), (1, 1), "{name}");
    }
}

#[test]
fn a_poll_that_fires_the_root_does_not_undo_what_was_counted_on_it_meanwhile() {
    let world = Model::new();
    let root = made(&world, &every("Plan", HOUR));
    world.pass(HOUR);
    let first = started(&world);
    let shortly = TriggerConfig {
        run_at: Some("2026-06-01T11:59:50".into()),
        ..meanwhile_guest::create::EMPTY_TRIGGER
    };
    let part = create_as(
        &world,
        &inside(&first, OwnDescendants),
        &request("A part of it", shortly),
    )
    .unwrap();
    world.settle(&first, ok("planned"));
    world.pass(HOUR - 10);
    let below = started(&world);
    assert_eq!(below.job_id, part);
    let theirs = inside(&below, OwnDescendants);
    world.meddle.borrow_mut().push(Box::new(move |world| {
        create_as(world, &theirs, &in_an_hour("From below")).unwrap();
    }));
    world.pass(10);
    assert_eq!(started(&world).job_id, root);
    assert!(world.meddle.borrow().is_empty(), "it came in between");
    let offspring = world.job(&root).state.offspring.unwrap();
    assert_eq!((offspring.children, offspring.live.len()), (1, 2));
}

/// The parent's row is written for two reasons then, and must carry both.
#[test]
fn a_run_makes_a_follow_up_wait_for_its_own_job() {
    let world = Model::new();
    let root = made(&world, &once("Send the proposal"));
    let run = started(&world);
    let after = JobCreateRequest {
        depends_on: Some(vec![Dependency {
            job: root.clone(),
            on: None,
            delay_seconds: None,
        }]),
        ..once("Follow up")
    };
    let follow_up = create_as(&world, &inside(&run, OwnDescendants), &after).unwrap();
    let state = world.job(&root).state;
    assert_eq!((state.dependents, state.offspring.unwrap().children), (1, 1));
    world.settle(&run, ok("sent"));
    let next = world.live(0, |_| ok("followed up"));
    assert_eq!(next[0].job_id, follow_up);
    assert_eq!(next[0].dependencies[0].output.as_deref(), Some("sent"));
}

// What the host's limits allow.

#[test]
fn a_full_tenant_is_told_which_limit_and_how_to_mend_it() {
    let world = Model::new();
    let first = made(&world, &in_an_hour("First"));
    world.quota.set(Quota {
        live_jobs: 1,
        text_bytes: 200,
    });
    let error = create_as(&world, &caller(), &in_an_hour("Second")).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    assert!(error.message.contains("1 live jobs"), "{}", error.message);

    let longer = JobUpdateRequest {
        payload: Some("more ".repeat(50)),
        ..change(&first)
    };
    let error = update_as(&world, &caller(), &longer).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    assert!(error.message.contains("bytes of text"), "{}", error.message);

    // What moves a job on is never a matter of quota.
    world.quota.set(Quota {
        live_jobs: 0,
        text_bytes: 0,
    });
    pause(&world, &first).unwrap();
    set(&world, &first, JobStatus::Active).unwrap();
    world.live(HOUR, |_| ok("done"));
    assert_eq!(world.status(&first), JobStatus::Completed);
    let error = create_as(&world, &caller(), &in_an_hour("Second")).unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
}
