//! Calls of tools that need the person's approval: asked once, answered in words, made at most once.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code)]

mod model;

use meanwhile_guest::bindings::agent_pipeline::{AnsweredCallStatus, Outcome, OutcomeStatus, RunRequest};
use meanwhile_guest::bindings::conversation::{ConversationError, Effect, Utterance};
use meanwhile_guest::bindings::tools::{ErrorCode, JobCreateRequest, JobUpdateRequest};
use meanwhile_guest::bindings::types::{
    Caller, ErrorClass, JobStatus, MessageKind, RunReach, RunStatus, ToolCall, ToolPolicy, UnansweredPolicy,
    UnapprovedPolicy,
};
use meanwhile_guest::chat::heard;
use meanwhile_guest::limits::TOOL_ARGUMENTS_BYTES_MAX;
use meanwhile_guest::{create, update};
use model::jobs::{DAY, HOUR, MINUTE, change, every, made, once, pause, set};
use model::{Model, caller, failed, ok};

const NO_POLICY: ToolPolicy = ToolPolicy {
    allowed: None,
    needs_approval: None,
    approved: None,
    unapproved: None,
    answer_seconds: None,
    unanswered: None,
};

fn mail() -> ToolCall {
    ToolCall {
        tool: "mail__send".into(),
        arguments: r#"{"to":"bob@example.com","text":"Hello"}"#.into(),
    }
}

fn asks() -> Outcome {
    Outcome {
        status: OutcomeStatus::NeedsInput,
        asks_for: Some(mail()),
        ..ok("I found the address.")
    }
}

fn say(world: &Model, text: &str) -> Vec<Effect> {
    heard(world, &caller(), &utterance(text)).unwrap()
}

fn utterance(text: &str) -> Utterance {
    Utterance {
        text: text.into(),
        in_reply_to: None,
    }
}

/// The one run that is started now.
fn next(world: &Model) -> RunRequest {
    let mut runs = world.poll();
    assert_eq!(runs.len(), 1);
    runs.remove(0)
}

/// A job whose run has asked.
fn asked(world: &Model, request: &JobCreateRequest) -> String {
    let job = made(world, request);
    world.settle(&next(world), asks());
    job
}

fn status(run: &RunRequest) -> Option<AnsweredCallStatus> {
    run.answered_call.as_ref().map(|answered| answered.status)
}

#[test]
fn a_run_that_asks_ends_and_the_person_is_told_once() {
    let world = Model::new();
    let job = asked(&world, &once("Write to Bob"));
    assert_eq!(world.runs(&job)[0].status, RunStatus::NeedsInput);
    let row = world.job(&job);
    assert_eq!(
        (row.state.status, row.state.open_run.clone()),
        (JobStatus::Blocked, None)
    );
    assert_eq!(row.state.status_reason.unwrap().code, "question_open");
    let told = world.messages(&job);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, MessageKind::Question);
    for piece in [
        "May I call mail__send",
        "bob@example.com",
        "by 2026-06-02T10:00:00+02:00",
        "counts as no",
        "I found the address.",
    ] {
        assert!(told[0].text.contains(piece), "{piece}: {}", told[0].text);
    }
    assert!(
        world.live(23 * HOUR, |_| ok("x")).is_empty(),
        "nothing runs while it is asked"
    );
    assert_eq!(world.messages(&job).len(), 1);
}

#[test]
fn a_yes_hands_the_very_call_to_the_next_run_and_to_its_first_attempt_alone() {
    let world = Model::new();
    let job = asked(&world, &once("Write to Bob"));
    let effects = say(&world, "Yes, please send the mail.");
    assert!(
        effects[0].message.starts_with("Approved:"),
        "{}",
        effects[0].message
    );
    let run = next(&world);
    let answered = run.answered_call.clone().unwrap();
    assert_eq!(
        (answered.status, answered.call),
        (AnsweredCallStatus::Approved, mail())
    );
    // It breaks off: whether the call was made, nobody knows.
    world.settle(&run, failed(ErrorClass::Transient, "cut off"));
    world.pass(2 * MINUTE);
    let again = next(&world);
    assert_eq!((again.run_id.as_str(), again.attempt), (run.run_id.as_str(), 2));
    assert_eq!(status(&again), Some(AnsweredCallStatus::HandedOver));
    world.settle(&again, ok("Sent."));
    assert_eq!(world.status(&job), JobStatus::Completed);
    assert_eq!(world.job(&job).state.approval, None);
}

#[test]
fn an_approval_is_for_one_run() {
    let world = Model::new();
    let job = made(&world, &every("Write to Bob", HOUR));
    world.pass(HOUR);
    world.settle(&next(&world), asks());
    say(&world, "ok");
    let run = next(&world);
    assert_eq!(status(&run), Some(AnsweredCallStatus::Approved));
    // It asks anew: an approval is used up by its run.
    world.settle(&run, asks());
    assert_eq!(
        world
            .messages(&job)
            .iter()
            .filter(|told| told.kind == MessageKind::Question)
            .count(),
        2
    );
    say(&world, "approved");
    world.settle(&next(&world), ok("Sent."));
    let later = world.live(HOUR, |_| ok("x"));
    assert_eq!(status(&later[0]), None);
}

#[test]
fn only_a_plain_yes_approves() {
    use AnsweredCallStatus::{Approved, Denied};
    for (text, expected) in [
        ("yes", Some(Approved)),
        ("Yes please!", Some(Approved)),
        ("ok, go ahead", Some(Approved)),
        ("Sure, send the mail", Some(Approved)),
        ("Approved.", Some(Approved)),
        ("no", Some(Denied)),
        ("No, write to Anna instead", Some(Denied)),
        ("Please don't", Some(Denied)),
        ("do not send it", Some(Denied)),
        ("don't", Some(Denied)),
        ("yes, but not to Bob", None),
        ("yes, if Anna agrees", None),
        ("yes, to anna@example.com", None),
        ("ok wait", None),
        ("Use a friendlier tone for mail to Bob", None),
    ] {
        let world = Model::new();
        let job = asked(&world, &once("Write to Bob"));
        let effects = heard(
            &world,
            &caller(),
            &Utterance {
                in_reply_to: Some(world.messages(&job)[0].id.clone()),
                ..utterance(text)
            },
        )
        .unwrap();
        assert_eq!(effects.len(), 1, "{text}");
        let run = next(&world);
        assert_eq!(status(&run), expected, "{text}");
        assert_eq!(run.unread_replies, [text], "what was said is handed over");
    }
}

#[test]
fn silence_is_taken_for_what_the_policy_says() {
    for (unanswered, expected, code) in [
        (None, AnsweredCallStatus::Unanswered, "no"),
        (
            Some(UnansweredPolicy::Approve),
            AnsweredCallStatus::Approved,
            "yes",
        ),
    ] {
        let world = Model::new();
        let policy = ToolPolicy {
            answer_seconds: Some(3_600),
            unanswered,
            ..NO_POLICY
        };
        let job = asked(
            &world,
            &JobCreateRequest {
                tool_policy: Some(policy),
                ..once("Write to Bob")
            },
        );
        assert!(
            world.messages(&job)[0]
                .text
                .contains(&format!("counts as {code}"))
        );
        assert!(world.live(59 * MINUTE, |_| ok("x")).is_empty());
        world.pass(MINUTE);
        let run = next(&world);
        assert_eq!(status(&run), Some(expected));
        world.settle(&run, ok("Done."));
        assert_eq!(world.status(&job), JobStatus::Completed);
    }
}

#[test]
fn who_resumes_a_job_by_hand_approves_nothing() {
    let world = Model::new();
    let job = asked(&world, &once("Write to Bob"));
    set(&world, &job, JobStatus::Active).unwrap();
    assert_eq!(world.job(&job).state.approval, None);
    let run = next(&world);
    assert_eq!(status(&run), None);
    // Nor does a word that comes too late.
    assert!(say(&world, "yes").is_empty());
}

#[test]
fn a_job_that_was_paused_meanwhile_asks_when_it_goes_on() {
    let world = Model::new();
    let job = made(&world, &once("Write to Bob"));
    let run = next(&world);
    pause(&world, &job).unwrap();
    world.settle(&run, asks());
    assert_eq!(
        (world.status(&job), world.job(&job).state.approval),
        (JobStatus::Paused, None)
    );
    let told = world.messages(&job);
    assert!(
        told[0].text.contains("It wants to call mail__send"),
        "{}",
        told[0].text
    );
    assert!(world.live(2 * DAY, |_| ok("x")).is_empty(), "a pause holds");
    set(&world, &job, JobStatus::Active).unwrap();
    let run = next(&world);
    assert_eq!(status(&run), None);
    world.settle(&run, asks());
    assert_eq!(world.status(&job), JobStatus::Blocked);
}

#[test]
fn no_run_approves_whatever_its_reach() {
    let world = Model::new();
    let asking = asked(&world, &once("Write to Bob"));
    made(&world, &once("Helper"));
    let helper = next(&world);
    let mut as_run = helper.caller.clone();
    as_run.run.as_mut().unwrap().reach = RunReach::All;
    let refused = heard(&world, &as_run, &utterance("yes")).unwrap_err();
    assert!(matches!(refused, ConversationError::Forbidden(_)), "{refused:?}");
    assert_eq!(world.job(&asking).state.approval.unwrap().decision, None);
}

#[test]
fn runs_hand_their_policy_on_and_change_none() {
    let world = Model::new();
    let policy = ToolPolicy {
        allowed: Some(vec!["fetch".into()]),
        unapproved: Some(UnapprovedPolicy::Deny),
        ..NO_POLICY
    };
    let parent = made(
        &world,
        &JobCreateRequest {
            tool_policy: Some(policy.clone()),
            ..once("Parent")
        },
    );
    let run = next(&world);
    assert_eq!(run.tool_policy.as_ref(), Some(&policy));
    let calling: Caller = Caller {
        run: run.caller.run.clone(),
        ..run.caller.clone()
    };
    let child = create::create(&world, &calling, &once("Child")).unwrap();
    assert_eq!(child.job.tool_policy, Some(policy.clone()));
    let wide = JobCreateRequest {
        tool_policy: Some(NO_POLICY),
        ..once("Wide")
    };
    let refused = create::create(&world, &calling, &wide).unwrap_err();
    assert_eq!(
        (refused.code, refused.field.as_deref()),
        (ErrorCode::Forbidden, Some("tool_policy"))
    );
    let widen = JobUpdateRequest {
        tool_policy: Some(None),
        ..change(&parent)
    };
    let refused = update::update(&world, &calling, &widen).unwrap_err();
    assert_eq!(
        (refused.code, refused.field.as_deref()),
        (ErrorCode::Forbidden, Some("tool_policy"))
    );
    update::update(&world, &caller(), &widen).unwrap();
    assert_eq!(world.job(&parent).spec.tool_policy, None);
}

#[test]
fn what_cannot_be_asked_about_fails_and_says_why() {
    let world = Model::new();
    let job = made(&world, &once("Write to Bob"));
    let mut outcome = asks();
    outcome.asks_for.as_mut().unwrap().arguments = "x".repeat(TOOL_ARGUMENTS_BYTES_MAX + 1);
    world.settle(&next(&world), outcome);
    assert_eq!(world.status(&job), JobStatus::Failed);
    let told = world.messages(&job);
    assert!(told[0].text.contains("16384"), "{}", told[0].text);
}

#[test]
fn a_wrong_policy_is_refused_by_its_field() {
    let world = Model::new();
    let name = "x".repeat(65);
    for (policy, field) in [
        (
            ToolPolicy {
                allowed: Some(vec!["fetch".into(), name.clone()]),
                ..NO_POLICY
            },
            "tool_policy.allowed[1]",
        ),
        (
            ToolPolicy {
                approved: Some(vec![String::new()]),
                ..NO_POLICY
            },
            "tool_policy.approved[0]",
        ),
        (
            ToolPolicy {
                needs_approval: Some(vec!["fetch".into(); 101]),
                ..NO_POLICY
            },
            "tool_policy.needs_approval",
        ),
        (
            ToolPolicy {
                answer_seconds: Some(59),
                ..NO_POLICY
            },
            "tool_policy.answer_seconds",
        ),
    ] {
        let request = JobCreateRequest {
            tool_policy: Some(policy),
            ..once("Wrong")
        };
        let refused = create::create(&world, &caller(), &request).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field));
    }
}
