//! What people say to their running work, and what becomes of it.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code)]

mod model;

use meanwhile_guest::bindings::agent_pipeline::{Outcome, OutcomeStatus, Task};
use meanwhile_guest::bindings::conversation::{Effect, EffectKind, Utterance};
use meanwhile_guest::bindings::tools::JobCreateRequest;
use meanwhile_guest::bindings::types::{
    Caller, DependencyFailurePolicy, ErrorClass, JobStatus, RunStatus, TriggerConfig, Verdict,
};
use meanwhile_guest::chat;
use meanwhile_guest::create::EMPTY_TRIGGER;
use model::jobs::{DAY, HOUR, after, made, once, pause, request, set};
use model::{Model, caller, failed, ok, reported};

fn until(title: &str, goal: &str) -> JobCreateRequest {
    let trigger = TriggerConfig {
        interval_seconds: Some(3_600),
        end_condition: Some(goal.into()),
        max_iterations: Some(50),
        ..EMPTY_TRIGGER
    };
    request(title, trigger)
}

fn say_as(world: &Model, who: &Caller, text: &str) -> Vec<Effect> {
    let said = Utterance {
        text: text.into(),
        in_reply_to: None,
    };
    chat::heard(world, who, &said).unwrap()
}

fn say(world: &Model, text: &str) -> Vec<Effect> {
    say_as(world, &caller(), text)
}

fn asks(question: &str) -> Outcome {
    Outcome {
        status: OutcomeStatus::NeedsInput,
        ..ok(question)
    }
}

fn eve() -> Caller {
    Caller {
        user: "eve".into(),
        ..caller()
    }
}

#[test]
fn a_goal_that_is_said_to_be_met_ends_the_job_it_is_of() {
    let world = Model::new();
    let invoice = made(&world, &until("Chase the invoice of ACME", "the invoice is paid"));
    let offer = made(
        &world,
        &until("Wait for the offer of Globex", "the offer arrived"),
    );
    world.live(2 * HOUR, |_| ok("nothing yet"));
    let effects = say(&world, "Good news: the invoice was paid, you can stop.");
    assert_eq!(effects.len(), 1);
    assert_eq!(
        (effects[0].kind, &effects[0].job_id),
        (EffectKind::Resolved, &invoice)
    );
    assert_eq!(world.status(&invoice), JobStatus::Completed);
    assert_eq!(world.status(&offer), JobStatus::Active);
    let reason = world.job(&invoice).state.status_reason.unwrap();
    assert_eq!(reason.code, "goal_met");
    assert!(
        reason.message.contains("the invoice was paid"),
        "{}",
        reason.message
    );
    let last = world.messages(&invoice).pop().unwrap();
    assert!(last.text.contains("the invoice was paid"), "{}", last.text);
    assert!(
        world
            .live(5 * HOUR, |_| ok("x"))
            .iter()
            .all(|run| run.job_id == offer)
    );
    let change = world.rows.borrow().changes.last().cloned().unwrap();
    assert_eq!(
        (change.from, change.to, change.by.as_str()),
        (JobStatus::Active, JobStatus::Completed, "ada")
    );
}

/// Sentences about the goal "the invoice is paid", and whether they end the job.
#[test]
fn only_a_plain_statement_ends_a_job() {
    for (text, ends) in [
        ("The invoice was paid", true),
        ("the invoice has been paid.", true),
        ("They paid the invoice yesterday!", true),
        ("FYI, ACME's invoice got paid", true),
        ("You can stop chasing the invoice", true),
        ("Please stop, the invoice is settled", true),
        ("no need to chase the invoice any more", true),
        ("stop chasing the invoice", true),
        ("never mind the invoice", true),
        ("Was the invoice paid?", false),
        ("Has the invoice been paid", false),
        ("was the invoice paid? I think so", false),
        ("The invoice was not paid", false),
        ("The invoice wasn't paid yet", false),
        ("The invoice isn't paid", false),
        ("The invoice will be paid tomorrow", false),
        ("If the invoice was paid, you can stop", false),
        ("When the invoice is paid you can stop", false),
        ("You can stop once the invoice is paid", false),
        ("I hope the invoice is paid", false),
        ("Maybe the invoice was paid", false),
        ("Do not stop chasing the invoice", false),
        ("don't stop chasing the invoice", false),
        ("Please don't stop, the invoice is still open", false),
        ("Can you stop by the office?", false),
        ("The offer was paid", false),
        ("the invoice", false),
        ("Thanks!", false),
        ("You can stop", false),
        ("paid", false),
        ("Nobody paid the invoice", false),
        ("发票已付", false),
    ] {
        let world = Model::new();
        let job = made(&world, &until("Chase ACME", "the invoice is paid"));
        let effects = say(&world, text);
        assert_eq!(world.status(&job) == JobStatus::Completed, ends, "{text}");
        assert_eq!(effects.len(), usize::from(ends), "{text}");
    }
}

#[test]
fn nobody_elses_words_count() {
    let world = Model::new();
    let job = made(&world, &until("Chase ACME", "the invoice is paid"));
    assert!(say_as(&world, &eve(), "The invoice was paid, you can stop.").is_empty());
    assert_eq!(world.status(&job), JobStatus::Active);
}

#[test]
fn a_job_that_never_ran_or_that_is_paused_or_runs_can_end_by_words() {
    let words = "the invoice was paid";
    let world = Model::new();
    let never_ran = made(&world, &until("Chase ACME", "the invoice is paid"));
    say(&world, words);
    assert_eq!(world.status(&never_ran), JobStatus::Completed);
    let paused = made(&world, &until("Chase ACME again", "the invoice is paid"));
    pause(&world, &paused).unwrap();
    say(&world, words);
    assert_eq!(world.status(&paused), JobStatus::Completed);
    let running = made(&world, &until("Chase ACME once more", "the invoice is paid"));
    world.pass(HOUR);
    let run = world.poll().remove(0);
    say(&world, words);
    assert_eq!(world.status(&running), JobStatus::Completed);
    let told = world.cancelled.borrow().clone();
    assert_eq!(told, [run.run_id.as_str()], "its run is told to stop");
    world.settle(&run, ok("late"));
    assert_eq!(world.status(&running), JobStatus::Completed);
    assert_eq!(
        world.runs(&running)[0].output.as_deref(),
        Some("late"),
        "the result is kept"
    );
    assert!(world.live(DAY, |_| ok("")).is_empty());
}

#[test]
fn what_depended_on_the_goal_is_released() {
    let world = Model::new();
    let job = made(&world, &until("Chase ACME", "the invoice is paid"));
    let thanks = made(&world, &after("Say thanks", &job, 0));
    say(&world, "The invoice was paid.");
    let runs = world.live(HOUR, |_| ok("thanked"));
    assert_eq!(runs.len(), 1);
    assert_eq!(world.status(&thanks), JobStatus::Completed);
}

#[test]
fn words_that_fit_two_jobs_alike_end_neither() {
    let world = Model::new();
    let jobs = ["First", "Second"].map(|title| made(&world, &until(title, "the invoice is paid")));
    assert!(say(&world, "the invoice was paid").is_empty());
    assert!(jobs.iter().all(|job| world.status(job) == JobStatus::Active));
    let acme = made(&world, &until("Third", "the invoice of ACME is paid"));
    say(&world, "the invoice of ACME was paid");
    assert_eq!(world.status(&acme), JobStatus::Completed);
}

#[test]
fn a_check_on_outputs_is_not_met_by_words_but_they_may_stop_it() {
    let world = Model::new();
    let job = made(&world, &until("Watch the build", "output contains \"green\""));
    assert!(say(&world, "The output contains green").is_empty());
    assert_eq!(say(&world, "You can stop watching the build").len(), 1);
    assert_eq!(world.status(&job), JobStatus::Completed);
}

/// "They transferred the money" says it in other words: the pipeline judges, on evidence.
#[test]
fn what_is_not_plain_is_judged_by_the_pipeline() {
    let world = Model::new();
    world.judges.set(true);
    let job = made(&world, &until("Chase the invoice of ACME", "the invoice is paid"));
    let verdict = |evidence: &str, verdict: Verdict| Outcome {
        output: evidence.into(),
        ..reported(verdict, "judged", true)
    };
    for (outcome, ends) in [
        (verdict("money", Verdict::Continue), false),
        (verdict("not said", Verdict::Done), false),
        (failed(ErrorClass::Transient, "no model"), false),
        (verdict("transferred the money", Verdict::Done), true),
    ] {
        let effects = say(&world, "ACME transferred the money");
        assert_eq!(effects[0].kind, EffectKind::Considered);
        let before = world.job(&job).state;
        let judgements = world.poll();
        assert_eq!(judgements.len(), 1);
        assert_eq!(judgements[0].task, Task::Judge);
        assert_eq!(judgements[0].goal.as_deref(), Some("the invoice is paid"));
        assert_eq!(
            judgements[0].previous_runs[0].output.as_deref(),
            Some("ACME transferred the money")
        );
        assert_eq!(world.settle(&judgements[0], outcome), (1, 0));
        assert_eq!(world.status(&job) == JobStatus::Completed, ends);
        let after = world.job(&job).state;
        assert_eq!(
            (after.run_count, after.iteration, after.hearing),
            (before.run_count, before.iteration, None)
        );
        assert!(
            ends || after.due_at == after.next_fire,
            "it goes on by its schedule"
        );
    }
    assert!(world.runs(&job).is_empty(), "a sentence is no run");
    assert_eq!(world.next_due(), None);
}

#[test]
fn a_verdict_outlives_the_host_that_asked_for_it() {
    let world = Model::new();
    world.judges.set(true);
    let job = made(&world, &until("Chase the invoice of ACME", "the invoice is paid"));
    say(&world, "ACME transferred the money");
    let lost = world.poll().remove(0);
    world.pass(HOUR);
    let again = world.poll().remove(0);
    assert_eq!(again.run_id, lost.run_id);
    assert!(again.token > lost.token);
    let done = |evidence: &str| Outcome {
        output: evidence.into(),
        ..reported(Verdict::Done, "paid", true)
    };
    world.settle(&again, done("the money"));
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.settle(&lost, done("the money")), (0, 1));
}

#[test]
fn an_answer_finds_the_question_it_answers() {
    let world = Model::new();
    let flight = made(&world, &once("Book the flight"));
    let table = made(&world, &once("Reserve a table"));
    for run in world.poll() {
        let question = if run.job_id == flight {
            "Window or aisle seat?"
        } else {
            "How many guests are coming?"
        };
        world.settle(&run, asks(question));
    }
    assert!(
        say(&world, "What is the weather like?").is_empty(),
        "a question is no answer"
    );
    assert!(say(&world, "yes").is_empty(), "two are open: it may mean either");
    let effects = say(&world, "We are six guests");
    assert_eq!(
        (effects[0].kind, &effects[0].job_id),
        (EffectKind::Answered, &table)
    );
    let effects = say(&world, "yes");
    assert_eq!(effects[0].job_id, flight, "one alone is open");
    let runs = world.live(0, |_| ok("done"));
    let replies: Vec<_> = runs.iter().flat_map(|run| &run.unread_replies).collect();
    assert_eq!(replies.len(), 2, "{replies:?}");
    assert_eq!(world.status(&flight), JobStatus::Completed);
    assert_eq!(world.status(&table), JobStatus::Completed);
}

#[test]
fn to_choose_one_is_an_answer() {
    for (text, is_answer) in [
        ("The second one", true),
        ("second, please", true),
        ("The latter.", true),
        ("The first thing I want is coffee", false),
        ("The other letters are in the drawer", false),
    ] {
        let world = Model::new();
        made(&world, &once("Book a hotel"));
        let run = world.poll().remove(0);
        world.settle(&run, asks("Which hotel shall I book?"));
        assert_eq!(!say(&world, text).is_empty(), is_answer, "{text}");
    }
}

#[test]
fn a_question_asked_twice_can_be_answered_twice() {
    let world = Model::new();
    let job = made(&world, &once("Book the flight"));
    world.settle(&world.poll()[0], asks("Which day?"));
    say(&world, "yes, on the 3rd");
    let run = world.poll().remove(0);
    assert_eq!(run.unread_replies, ["yes, on the 3rd"]);
    world.settle(&run, asks("Which seat?"));
    say(&world, "ok, by the window");
    let run = world.poll().remove(0);
    assert_eq!(run.unread_replies, ["ok, by the window"]);
    world.settle(&run, ok("booked"));
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_blocked_job_is_released_by_name() {
    let world = Model::new();
    let first = made(&world, &once("Collect the numbers"));
    let report = made(
        &world,
        &JobCreateRequest {
            on_dependency_failure: Some(DependencyFailurePolicy::Block),
            ..after("Write the report", &first, 0)
        },
    );
    world.live(0, |_| failed(ErrorClass::Permanent, "no access"));
    assert_eq!(world.status(&report), JobStatus::Blocked);
    assert!(say(&world, "Do not go ahead with the report").is_empty());
    assert!(say(&world, "Go ahead with the party").is_empty());
    let effects = say(&world, "Go ahead with the report anyway");
    assert_eq!(
        (effects[0].kind, &effects[0].job_id),
        (EffectKind::Released, &report)
    );
    assert_eq!(world.live(0, |_| ok("written")).len(), 1);
    assert_eq!(world.status(&report), JobStatus::Completed);
}

#[test]
fn a_reply_to_a_result_is_about_its_job() {
    let world = Model::new();
    let job = made(&world, &until("Chase ACME", "the invoice is paid"));
    let other = made(&world, &until("Chase Globex", "the invoice is paid"));
    world.live(HOUR, |_| ok("nothing yet"));
    let told = world.messages(&job).remove(0);
    let said = Utterance {
        text: "They paid, you can stop".into(),
        in_reply_to: Some(told.id),
    };
    assert_eq!(chat::heard(&world, &caller(), &said).unwrap()[0].job_id, job);
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.status(&other), JobStatus::Active);
}

#[test]
fn what_rules_paused_goes_on_when_the_cause_is_mended() {
    use meanwhile_guest::bindings::runner::PauseCause;
    let world = Model::new();
    let [poor, locked, tired] = ["Poor", "Locked", "Tired"].map(|title| made(&world, &once(title)));
    let runs = world.live(0, |run| match run.title.as_str() {
        "Poor" => failed(ErrorClass::Quota, "balance is 0"),
        "Locked" => failed(ErrorClass::Auth, "key expired"),
        _ => ok("fine"),
    });
    assert_eq!(runs.len(), 3);
    assert_eq!(world.status(&tired), JobStatus::Completed);
    let by_hand = made(&world, &once("By hand"));
    pause(&world, &by_hand).unwrap();
    let cured = |cause, agent| meanwhile_guest::cure::cured(&world, cause, agent).unwrap();
    assert_eq!(cured(PauseCause::Quota, Some("another agent")), 0);
    assert_eq!(cured(PauseCause::Quota, None), 1);
    assert_eq!(world.status(&poor), JobStatus::Active);
    assert_eq!(world.status(&locked), JobStatus::Paused);
    assert_eq!(cured(PauseCause::Credentials, Some("agent")), 1);
    let again = world.live(0, |_| ok("done"));
    assert_eq!(again.len(), 2);
    assert!(
        again.iter().all(|run| run.attempt == 2),
        "the same runs, tried again"
    );
    assert_eq!(
        world.status(&by_hand),
        JobStatus::Paused,
        "what a person paused stays"
    );
    assert_eq!(cured(PauseCause::Quota, None), 0);
}

/// Who, when, why: what no run's row tells stands in the job's history.
#[test]
fn every_change_of_status_is_told_by_a_run_or_by_the_history() {
    let world = Model::new();
    let job = made(&world, &until("Watch", "never"));
    world.live(2 * HOUR, |_| ok("x"));
    assert!(
        world.rows.borrow().changes.is_empty(),
        "runs tell that they start and end"
    );
    pause(&world, &job).unwrap();
    set(&world, &job, JobStatus::Active).unwrap();
    world.live(HOUR, |_| failed(ErrorClass::Quota, "empty"));
    set(&world, &job, JobStatus::Active).unwrap();
    world.settle(&world.poll()[0], asks("Go on?"));
    say(&world, "yes");
    world.settle(&world.poll()[0], ok("x"));
    model::jobs::cancel(&world, &job).unwrap();
    set(&world, &job, JobStatus::Archived).unwrap();
    let told: Vec<String> = world
        .rows
        .borrow()
        .changes
        .iter()
        .map(|change| {
            assert_eq!(change.job, job);
            let why = change.reason.as_ref().map_or("", |reason| reason.code.as_str());
            format!("{:?} {:?} {} {why}", change.from, change.to, change.by)
        })
        .collect();
    let expected = [
        "JobStatus::Active JobStatus::Paused ada paused_by_user",
        "JobStatus::Paused JobStatus::Active ada resumed_by_user",
        "JobStatus::InProgress JobStatus::Paused meanwhile quota",
        "JobStatus::Paused JobStatus::Active ada resumed_by_user",
        "JobStatus::InProgress JobStatus::Blocked meanwhile question_open",
        "JobStatus::Blocked JobStatus::Active ada answered",
        "JobStatus::Active JobStatus::Cancelled ada cancelled_by_user",
        "JobStatus::Cancelled JobStatus::Archived ada cancelled_by_user",
    ];
    assert_eq!(told, expected);
    let shown = meanwhile_guest::retrieve::by_id(
        &world,
        &caller(),
        &meanwhile_guest::bindings::tools::ByIdRequest {
            job_id: job,
            include_runs: None,
        },
    )
    .unwrap();
    assert_eq!(shown.history.len(), expected.len() + 1);
    let created = shown.history.last().unwrap();
    assert_eq!(
        (created.from, created.to, created.by.as_str()),
        (None, JobStatus::Active, "ada")
    );
    assert!(shown.runs.iter().all(|run| run.status != RunStatus::Executing));
}
