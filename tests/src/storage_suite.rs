//! What every storage must do, one function a behaviour. Each gets an empty store.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::sync::Arc;

use meanwhile::limits::TURNS_KEPT;
use meanwhile::storage::retention::Old;
use meanwhile::storage::texts::{JobTexts, NewVector, StoredVector, Unembedded};
use meanwhile::storage::turns::{Conversation, Speaker, Turn};
use meanwhile::storage::usage::{Amounts, Booking, DayUse};
use meanwhile::storage::{Quota, Storage, Stored};
use meanwhile::wit::storage::{
    AncestorEdges, EdgeFilter, EdgeKey, Guard, JobFilter, JobRevision, JobToken, JobUpdate, MessageUpdate,
    Page, PrerequisiteEdges, Rejection, RunFilter, SearchMode, SearchQuery, StorageError, Unit, Write,
};
use meanwhile::wit::types::{
    DeliveryStatus, DependencyCondition, DependencyFailurePolicy, Edge, EdgeStatus, Instant, Job, JobSpec,
    JobState, JobStatus, JobType, Message, MessageKind, NotifyPolicy, Offspring, Origin, RetryPolicy, Run,
    RunStatus, Spending, StatusChange, StatusReason, TriggerConfig, Usage,
};

/// A store under test.
pub type Store = Arc<dyn Storage>;

/// The tenant that most behaviours work in.
pub const TENANT: &str = "t";

/// An active job of agent `agent` and user `ada`.
pub fn job(id: &str, due_at: Option<Instant>) -> Job {
    Job {
        id: id.into(),
        revision: 1,
        agent: "agent".into(),
        user: "ada".into(),
        created_by: "agent".into(),
        created_at: 1,
        updated_at: 1,
        spec: JobSpec {
            title: format!("title {id}"),
            description: "described".into(),
            payload: "do it".into(),
            job_type: JobType::Recurring,
            trigger: TriggerConfig {
                timezone: None,
                when: None,
                run_at: None,
                cron: None,
                interval_seconds: Some(60),
                every: None,
                start_at: None,
                end_at: None,
                end_condition: None,
                max_iterations: None,
                misfire: None,
                dst: None,
                jitter_seconds: None,
            },
            anchor: 0,
            retry: RetryPolicy {
                max_attempts: None,
                initial_seconds: None,
                factor: None,
                max_seconds: None,
            },
            timeout_seconds: 60,
            budget: None,
            tool_policy: None,
            notify: NotifyPolicy::Always,
            on_dependency_failure: DependencyFailurePolicy::Block,
            related_entity_id: None,
            narrative_id: None,
            conversation: None,
            idempotency_key: None,
            request_digest: 0,
            origin: None,
        },
        state: JobState {
            status: JobStatus::Active,
            status_reason: None,
            due_at,
            next_fire: due_at,
            resume_at: None,
            open_run: None,
            unmet: 0,
            has_dependencies: false,
            dependents: 0,
            untold: None,
            run_count: 0,
            failure_streak: 0,
            failed_runs: 0,
            iteration: 0,
            last_run: None,
            told_digest: None,
            hearing: None,
            spent: Spending {
                day: 0,
                runs_today: 0,
                tokens: 0,
                cost_usd: 0.0,
                tool_calls: None,
                seconds: None,
                today: None,
            },
            offspring: None,
            approval: None,
        },
    }
}

pub fn run(id: &str, job: &str, slot: Instant) -> Run {
    Run {
        id: id.into(),
        job: job.into(),
        slot,
        slots: 1,
        status: RunStatus::Executing,
        attempt: 1,
        token: 1,
        started_at: Some(slot),
        ended_at: None,
        output: None,
        report: None,
        error: None,
        usage: Usage {
            tokens_in: 0,
            tokens_out: 0,
            cost_usd: 0.0,
            tool_calls: 0,
            seconds: 0.5,
        },
        journal: Vec::new(),
        reason: None,
    }
}

pub fn change(job: &str, at: Instant) -> StatusChange {
    StatusChange {
        job: job.into(),
        at,
        from: JobStatus::Active,
        to: JobStatus::Paused,
        by: "ada".into(),
        reason: (at % 2 == 0).then(|| StatusReason {
            code: "paused_by_user".into(),
            message: "Later.".into(),
        }),
    }
}

pub fn message(id: &str, once_key: &str) -> Message {
    Message {
        id: id.into(),
        once_key: once_key.into(),
        kind: MessageKind::Result,
        job: "a".into(),
        run: None,
        agent: "agent".into(),
        user: "ada".into(),
        conversation: None,
        related_entity_id: None,
        narrative_id: None,
        title: "done".into(),
        text: format!("text of {id}"),
        delivery: DeliveryStatus::Queued,
        created_at: 1,
    }
}

/// A conversation of a person with agent `agent`.
pub fn conversation(user: &str, id: &str) -> Conversation {
    Conversation {
        agent: "agent".into(),
        user: user.into(),
        id: id.into(),
    }
}

/// What a person said there, or the agent where the instant is odd.
pub fn turn(of: &Conversation, text: &str, at: Instant) -> Turn {
    Turn {
        conversation: of.clone(),
        by: if at % 2 == 0 {
            Speaker::Person
        } else {
            Speaker::Agent
        },
        text: text.into(),
        at,
    }
}

pub fn edge(dependent: &str, prerequisite: &str) -> Edge {
    Edge {
        dependent: dependent.into(),
        prerequisite: prerequisite.into(),
        on: DependencyCondition::Success,
        delay_seconds: 0,
        status: EdgeStatus::Waiting,
        settled_at: None,
    }
}

pub fn update(job: &Job, change: impl FnOnce(&mut JobState)) -> Write {
    let mut state = job.state.clone();
    change(&mut state);
    Write::UpdateJob(JobUpdate {
        id: job.id.clone(),
        spec: None,
        state,
        updated_at: 2,
    })
}

/// Changes what a job's record says.
fn reworded(job: &Job, change: impl FnOnce(&mut JobSpec)) -> Write {
    let mut spec = job.spec.clone();
    change(&mut spec);
    Write::UpdateJob(JobUpdate {
        id: job.id.clone(),
        spec: Some(spec),
        state: job.state.clone(),
        updated_at: 2,
    })
}

pub fn unit(guards: Vec<Guard>, writes: Vec<Write>) -> Unit {
    Unit { guards, writes }
}

pub fn at_token(job: &str, token: u64) -> JobToken {
    JobToken {
        job: job.into(),
        token,
    }
}

pub fn at_revision(job: &str, revision: u64) -> Guard {
    Guard::Revision(JobRevision {
        job: job.into(),
        revision,
    })
}

/// A filter that lets every job pass that is not archived.
pub fn any_job() -> JobFilter {
    JobFilter {
        agent: None,
        user: None,
        statuses: Vec::new(),
        job_types: Vec::new(),
        include_archived: false,
        idempotency_key: None,
        title: None,
    }
}

async fn one(store: &Store, guards: Vec<Guard>, writes: Vec<Write>) -> Result<(), Rejection> {
    let mut answers = store
        .commit(TENANT, Quota::UNLIMITED, vec![unit(guards, writes)])
        .await
        .unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

async fn put(store: &Store, jobs: &[(&str, Option<Instant>)]) {
    let writes = jobs.iter().map(|(id, due)| Write::InsertJob(job(id, *due)));
    one(store, Vec::new(), writes.collect()).await.unwrap();
}

async fn get(store: &Store, id: &str) -> Job {
    store
        .get_jobs(TENANT, vec![id.into()])
        .await
        .unwrap()
        .remove(0)
        .unwrap()
}

/// Claims at `now` with a lease of 100: ids and tokens.
async fn claim(store: &Store, owner: &str, now: Instant, limit: u32) -> Vec<(String, u64)> {
    let claims = store
        .claim_due(TENANT, owner, now, now + 100, limit)
        .await
        .unwrap();
    assert!(claims.iter().all(|claim| claim.lease_until == now + 100));
    claims
        .into_iter()
        .map(|claim| (claim.job.id, claim.token))
        .collect()
}

fn tokens(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected
        .iter()
        .map(|(id, token)| ((*id).to_owned(), *token))
        .collect()
}

macro_rules! suite {
    ($($(#[$doc:meta])* $name:ident($store:ident) $body:block)+) => {
        $($(#[$doc])* pub async fn $name($store: Store) $body)+

        /// Every behaviour, each on a store of its own.
        pub async fn run_all<F: Future<Output = Store>>(make: impl Fn() -> F) {
            $($name(make().await).await;)+
        }

        /// Makes a test of each behaviour; `$make` is an expression that makes an empty store.
        #[macro_export]
        macro_rules! storage_tests {
            ($make:expr) => {
                $(#[tokio::test]
                async fn $name() {
                    let (store, _kept) = $make;
                    $crate::storage_suite::$name(store).await;
                })+
            };
            // The same where something has to be installed.
            ($make:expr, ignore = $needs:literal) => {
                $(#[tokio::test]
                #[ignore = $needs]
                async fn $name() {
                    let (store, _kept) = $make;
                    $crate::storage_suite::$name(store).await;
                })+
            };
        }
    };
}

suite! {
    /// Earliest first, at most `limit`, only what is due.
    claims_are_earliest_first(store) {
        put(&store, &[("a", Some(30)), ("b", Some(10)), ("c", Some(20)), ("d", Some(99)), ("e", None)]).await;
        assert_eq!(claim(&store, "o", 50, 2).await, tokens(&[("b", 1), ("c", 1)]));
        assert_eq!(claim(&store, "o", 50, 9).await, tokens(&[("a", 1)]));
    }

    /// Where a job comes from, and what came of it, is kept whole and in order.
    origins_and_offspring_are_kept(store) {
        let mut born = job("b", None);
        born.spec.origin = Some(Origin { parent: "a".into(), run: "r".into(), root: "a".into(), depth: 3 });
        put(&store, &[("a", None)]).await;
        one(&store, vec![], vec![Write::InsertJob(born.clone())]).await.unwrap();
        let a = get(&store, "a").await;
        let live = vec!["b".to_owned(), "a".to_owned()];
        let offspring = Some(Offspring { children: 7, run: "r".into(), run_children: 1, live });
        let written = update(&a, |state| state.offspring.clone_from(&offspring));
        one(&store, vec![at_revision("a", 1)], vec![written]).await.unwrap();
        assert_eq!(get(&store, "b").await, born);
        assert_eq!(get(&store, "a").await.state.offspring, offspring);
    }

    /// A claim brings the job's open run.
    claim_brings_the_open_run(store) {
        let mut with_run = job("a", Some(10));
        with_run.state.open_run = Some("r".into());
        one(&store, vec![], vec![Write::InsertJob(with_run), Write::InsertRun(run("r", "a", 10))]).await.unwrap();
        let claims = store.claim_due(TENANT, "o", 10, 110, 1).await.unwrap();
        assert_eq!(claims[0].open_run, Some(run("r", "a", 10)));
    }

    /// No two owners hold a lease on one job.
    no_double_claim(store) {
        put(&store, &[("a", Some(10))]).await;
        assert_eq!(claim(&store, "o", 10, 9).await.len(), 1);
        assert!(claim(&store, "p", 109, 9).await.is_empty());
    }

    /// Callers at the same time share the jobs out.
    concurrent_claims_are_disjoint(store) {
        let ids: Vec<String> = (0..40).map(|n| format!("j{n:02}")).collect();
        let writes = ids.iter().map(|id| Write::InsertJob(job(id, Some(1)))).collect();
        one(&store, vec![], writes).await.unwrap();
        let tasks: Vec<_> = (0..8).map(|n| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { claim(&store, &format!("o{n}"), 10, 7).await })
        }).collect();
        let mut claimed = Vec::new();
        for task in tasks {
            claimed.extend(task.await.unwrap().into_iter().map(|(id, _)| id));
        }
        claimed.sort();
        assert_eq!(claimed, ids);
    }

    /// After the lease's end another owner gets the job, under a greater token.
    lapsed_lease_is_claimed_again(store) {
        put(&store, &[("a", Some(10))]).await;
        claim(&store, "o", 10, 1).await;
        assert_eq!(claim(&store, "p", 110, 1).await, tokens(&[("a", 2)]));
    }

    /// A write under an older token is refused, for ever.
    stale_token_is_refused(store) {
        put(&store, &[("a", Some(10))]).await;
        claim(&store, "o", 10, 1).await;
        claim(&store, "p", 110, 1).await;
        let a = get(&store, "a").await;
        let write = || vec![update(&a, |state| state.run_count = 1)];
        assert_eq!(one(&store, vec![Guard::Claim(at_token("a", 1))], write()).await, Err(Rejection::Stale));
        assert_eq!(get(&store, "a").await, a);
        assert_eq!(one(&store, vec![Guard::Claim(at_token("a", 2))], write()).await, Ok(()));
    }

    /// A guard of another revision, or of no job, refuses.
    stale_revision_is_refused(store) {
        put(&store, &[("a", Some(10))]).await;
        let a = get(&store, "a").await;
        let write = || vec![update(&a, |state| state.run_count += 1)];
        assert_eq!(one(&store, vec![at_revision("a", 1)], write()).await, Ok(()));
        assert_eq!(get(&store, "a").await.revision, 2);
        assert_eq!(one(&store, vec![at_revision("a", 1)], write()).await, Err(Rejection::Stale));
        assert_eq!(one(&store, vec![at_revision("a", u64::MAX)], write()).await, Err(Rejection::Stale));
        assert_eq!(one(&store, vec![at_revision("z", 1)], vec![]).await, Err(Rejection::Stale));
        assert_eq!(get(&store, "a").await.revision, 2);
    }

    /// What a unit wrote before its refusal is undone.
    unit_is_all_or_nothing(store) {
        put(&store, &[("a", Some(10))]).await;
        let a = get(&store, "a").await;
        one(&store, vec![], vec![Write::InsertRun(run("r", "a", 10)), Write::PutEdge(edge("a", "p"))]).await.unwrap();
        let key = EdgeKey { dependent: "a".into(), prerequisite: "p".into() };
        let refused = one(&store, vec![], vec![
            Write::InsertJob(job("b", Some(1))),
            update(&a, |state| state.due_at = None),
            Write::UpdateRun(Run { status: RunStatus::Failed, ..run("r", "a", 10) }),
            Write::DeleteEdge(key),
            Write::InsertMessage(message("m", "once")),
            Write::InsertRun(run("s", "a", 10)),
        ]).await;
        assert_eq!(refused, Err(Rejection::DuplicateSlot));
        assert_eq!(get(&store, "a").await, a);
        assert_eq!(store.get_jobs(TENANT, vec!["b".into()]).await.unwrap(), vec![None]);
        assert_eq!(store.get_runs(TENANT, vec!["r".into(), "s".into()]).await.unwrap(), vec![Some(run("r", "a", 10)), None]);
        assert_eq!(store.find_edges(TENANT, EdgeFilter::OfDependents(vec!["a".into()])).await.unwrap(), vec![edge("a", "p")]);
        assert!(store.inbox(TENANT, None, 0, 9).await.unwrap().is_empty());
        assert_eq!(store.last_message(TENANT).await.unwrap(), 0);
        assert_eq!(store.next_due(TENANT).await.unwrap(), Some(10));
    }

    /// A refused unit leaves its neighbours be, and answers stand in order.
    refused_unit_spares_its_neighbours(store) {
        let insert = |id: &str| unit(vec![], vec![Write::InsertJob(job(id, None))]);
        let stale = unit(vec![at_revision("z", 1)], vec![Write::InsertJob(job("x", None))]);
        let answers = store.commit(TENANT, Quota::UNLIMITED, vec![insert("a"), stale, insert("b")]).await.unwrap();
        assert_eq!(answers, vec![Ok(()), Err(Rejection::Stale), Ok(())]);
        let found = store.get_jobs(TENANT, vec!["b".into(), "x".into(), "a".into()]).await.unwrap();
        let ids: Vec<_> = found.iter().map(|job| job.as_ref().map(|job| job.id.as_str())).collect();
        assert_eq!(ids, [Some("b"), None, Some("a")]);
    }

    /// A slot runs once.
    duplicate_slot_is_refused(store) {
        one(&store, vec![], vec![Write::InsertRun(run("r", "a", 10))]).await.unwrap();
        assert_eq!(one(&store, vec![], vec![Write::InsertRun(run("s", "a", 10))]).await, Err(Rejection::DuplicateSlot));
        assert_eq!(one(&store, vec![], vec![Write::InsertRun(run("s", "b", 10))]).await, Ok(()));
        assert_eq!(one(&store, vec![], vec![Write::UpdateRun(run("none", "a", 10))]).await, Err(Rejection::Stale));
    }

    /// An idempotency key is one owner's, and its refusal names the job.
    duplicate_key_names_the_job(store) {
        let keyed = |id: &str, user: &str| {
            let mut job = job(id, None);
            job.user = user.into();
            job.spec.idempotency_key = Some("key".into());
            vec![Write::InsertJob(job)]
        };
        one(&store, vec![], keyed("a", "ada")).await.unwrap();
        assert_eq!(one(&store, vec![], keyed("b", "ada")).await, Err(Rejection::DuplicateKey("a".into())));
        assert_eq!(one(&store, vec![], keyed("b", "bob")).await, Ok(()));
    }

    /// What has ended stays ended, but for the archive and the retry of a failure.
    ended_jobs_stay_ended(store) {
        put(&store, &[("a", None), ("b", None)]).await;
        let (a, b) = (get(&store, "a").await, get(&store, "b").await);
        let to = |job: &Job, status| vec![update(job, |state| state.status = status)];
        one(&store, vec![], to(&a, JobStatus::Completed)).await.unwrap();
        assert!(matches!(one(&store, vec![], to(&a, JobStatus::Active)).await, Err(Rejection::Forbidden(_))));
        assert_eq!(one(&store, vec![], to(&a, JobStatus::Archived)).await, Ok(()));
        one(&store, vec![], to(&b, JobStatus::Failed)).await.unwrap();
        assert!(matches!(one(&store, vec![], to(&b, JobStatus::Completed)).await, Err(Rejection::Forbidden(_))));
        assert_eq!(one(&store, vec![], to(&b, JobStatus::Active)).await, Ok(()));
        assert_eq!(one(&store, vec![], to(&job("z", None), JobStatus::Active)).await, Err(Rejection::Stale));
    }

    /// Release makes the job due again at once, but only under the latest token.
    release_ends_the_lease(store) {
        put(&store, &[("a", Some(10))]).await;
        claim(&store, "o", 10, 1).await;
        one(&store, vec![], vec![Write::Release(at_token("a", 7))]).await.unwrap();
        assert!(claim(&store, "p", 11, 1).await.is_empty());
        one(&store, vec![], vec![Write::Release(at_token("a", 1))]).await.unwrap();
        assert_eq!(claim(&store, "p", 11, 1).await, tokens(&[("a", 2)]));
    }

    /// Renewing extends what is held and names what is lost.
    renew_extends_and_names_the_lost(store) {
        put(&store, &[("a", Some(10)), ("b", Some(10))]).await;
        claim(&store, "o", 10, 2).await;
        let held = || vec![at_token("a", 1), at_token("b", 1)];
        assert_eq!(store.renew(TENANT, "o", held(), 200).await.unwrap(), vec![]);
        assert!(claim(&store, "p", 199, 9).await.is_empty());
        assert_eq!(store.renew(TENANT, "p", held(), 900).await.unwrap(), held());
        assert_eq!(claim(&store, "p", 200, 9).await.len(), 2);
        assert_eq!(store.renew(TENANT, "o", held(), 900).await.unwrap(), held());
    }

    /// A job that becomes due under a lease is claimed only after the lease.
    due_at_waits_for_the_lease(store) {
        put(&store, &[("a", Some(10))]).await;
        claim(&store, "o", 10, 1).await;
        let a = get(&store, "a").await;
        one(&store, vec![], vec![update(&a, |state| state.due_at = Some(20))]).await.unwrap();
        assert_eq!(store.next_due(TENANT).await.unwrap(), Some(110));
        assert!(claim(&store, "p", 50, 1).await.is_empty());
        one(&store, vec![], vec![update(&a, |state| state.due_at = Some(20)), Write::Release(at_token("a", 1))]).await.unwrap();
        assert_eq!(store.next_due(TENANT).await.unwrap(), Some(20));
        one(&store, vec![], vec![update(&a, |state| state.due_at = None)]).await.unwrap();
        assert_eq!(store.next_due(TENANT).await.unwrap(), None);
    }

    /// One tenant neither sees nor changes another's rows.
    tenants_are_isolated(store) {
        put(&store, &[("a", Some(10))]).await;
        assert_eq!(store.get_jobs("u", vec!["a".into()]).await.unwrap(), vec![None]);
        assert!(store.claim_due("u", "o", 99, 199, 9).await.unwrap().is_empty());
        assert_eq!(store.next_due("u").await.unwrap(), None);
        assert_eq!(store.due_tenants(10).await.unwrap(), vec![TENANT.to_owned()]);
        let stolen = unit(vec![], vec![update(&job("a", None), |_| ())]);
        assert_eq!(store.commit("u", Quota::UNLIMITED, vec![stolen]).await.unwrap(), vec![Err(Rejection::Stale)]);
        let same_id = unit(vec![], vec![Write::InsertJob(job("a", None))]);
        assert_eq!(store.commit("u", Quota::UNLIMITED, vec![same_id]).await.unwrap(), vec![Ok(())]);
        assert_eq!(store.find_jobs("u", any_job(), Page { limit: 9, cursor: None, count: true }).await.unwrap().total, 1);
        assert_eq!(get(&store, "a").await.state.due_at, Some(10));
    }

    /// Above its quota a tenant inserts no job: nothing of the unit stays, and what ends makes room.
    a_quota_bounds_live_jobs(store) {
        let two = Quota { live_jobs: 2, ..Quota::UNLIMITED };
        let insert = |id: &str| unit(vec![], vec![Write::InsertRun(run(&format!("r{id}"), id, 5)), Write::InsertJob(job(id, None))]);
        let answers = store.commit(TENANT, two, vec![insert("a"), insert("b"), insert("c")]).await.unwrap();
        assert_eq!(answers[..2], [Ok(()), Ok(())]);
        assert!(matches!(&answers[2], Err(Rejection::QuotaExceeded(why)) if why.contains("at most 2 jobs")), "{answers:?}");
        assert_eq!(store.get_runs(TENANT, vec!["rc".into()]).await.unwrap(), vec![None]);
        assert_eq!(store.stored(TENANT).await.unwrap().live_jobs, 2);
        // Whatever else is written needs no room; neither does another tenant's job.
        let a = get(&store, "a").await;
        let ended = unit(vec![], vec![update(&a, |state| state.status = JobStatus::Completed), Write::InsertRun(run("r", "a", 9))]);
        assert_eq!(store.commit(TENANT, two, vec![ended, insert("c")]).await.unwrap(), vec![Ok(()), Ok(())]);
        assert_eq!(store.commit("u", two, vec![insert("a")]).await.unwrap(), vec![Ok(())]);
        // A failed job that is retried counts again.
        let b = get(&store, "b").await;
        let ended = unit(vec![], vec![update(&b, |state| state.status = JobStatus::Failed)]);
        let again = |state: &mut JobState| state.status = JobStatus::Active;
        let retried = unit(vec![], vec![update(&b, again)]);
        let answers = store.commit(TENANT, two, vec![ended, insert("d"), retried]).await.unwrap();
        assert!(matches!(answers[..], [Ok(()), Ok(()), Err(Rejection::QuotaExceeded(_))]), "{answers:?}");
        assert_eq!(store.stored(TENANT).await.unwrap().live_jobs, 2);
        assert_eq!(store.stored("nobody").await.unwrap(), Stored::default());
    }

    /// Full storage takes no new job, but the results of what runs up to a reserve.
    a_quota_bounds_bytes(store) {
        put(&store, &[("a", None)]).await;
        let bytes = store.stored(TENANT).await.unwrap().bytes;
        assert!(bytes > 0);
        let full = Quota { live_jobs: 9, bytes, bytes_hard: bytes + 10_000 };
        let insert = unit(vec![], vec![Write::InsertJob(job("b", None))]);
        let refused = store.commit(TENANT, full, vec![insert]).await.unwrap();
        assert!(matches!(&refused[0], Err(Rejection::QuotaExceeded(why)) if why.contains("storage")), "{refused:?}");
        let result = |id: &str, slot: i64, length: usize| {
            let mut run = run(id, "a", slot);
            run.output = Some("x".repeat(length));
            unit(vec![], vec![Write::InsertRun(run)])
        };
        assert_eq!(store.commit(TENANT, full, vec![result("r1", 1, 1_000)]).await.unwrap(), vec![Ok(())]);
        let refused = store.commit(TENANT, full, vec![result("r2", 2, 20_000)]).await.unwrap();
        assert!(matches!(refused[0], Err(Rejection::QuotaExceeded(_))));
        let with_result = store.stored(TENANT).await.unwrap().bytes;
        assert!(with_result > bytes && with_result < full.bytes_hard);
    }

    /// A row that takes the place of another takes its room.
    rows_put_again_take_no_more_room(store) {
        let put = vec![Write::PutEdge(edge("b", "a"))];
        one(&store, vec![], put).await.unwrap();
        let before = store.stored(TENANT).await.unwrap();
        let settled = Edge { status: EdgeStatus::Satisfied, settled_at: Some(7), ..edge("b", "a") };
        one(&store, vec![], vec![Write::PutEdge(settled)]).await.unwrap();
        assert_eq!(store.stored(TENANT).await.unwrap(), before);
    }

    /// Purging takes all rows of one tenant, a few at a time, and none of another's.
    a_purge_takes_one_tenants_rows(store) {
        for tenant in [TENANT, "u"] {
            let writes = vec![
                Write::InsertJob(job("a", Some(10))),
                Write::InsertJob(job("b", Some(10))),
                Write::InsertRun(run("r", "a", 10)),
                Write::PutEdge(edge("b", "a")),
                Write::InsertMessage(message("m", "k")),
                Write::InsertChange(change("a", 1)),
            ];
            assert_eq!(store.commit(tenant, Quota::UNLIMITED, vec![unit(vec![], writes)]).await.unwrap(), vec![Ok(())]);
            let said = [1, 2, 3].map(|at| turn(&conversation("ada", "c"), "said", at));
            store.add_turns(tenant, said.into()).await.unwrap();
        }
        assert!(store.last_message(TENANT).await.unwrap() > 0);
        let before = store.stored("u").await.unwrap();
        while store.purge(TENANT, 2).await.unwrap() > 0 {}
        assert_eq!(store.stored(TENANT).await.unwrap(), Stored::default());
        assert_eq!(store.get_jobs(TENANT, vec!["a".into()]).await.unwrap(), vec![None]);
        assert_eq!(store.get_runs(TENANT, vec!["r".into()]).await.unwrap(), vec![None]);
        assert!(store.find_changes(TENANT, "a".into(), 9).await.unwrap().is_empty());
        assert!(store.inbox(TENANT, None, 0, 9).await.unwrap().is_empty());
        assert_eq!(store.next_due(TENANT).await.unwrap(), None);
        let query = SearchQuery { filter: any_job(), terms: vec!["title".into()], mode: SearchMode::AnyTerm, best_first: false, page: Page { limit: 9, cursor: None, count: true } };
        assert_eq!(store.search_jobs(TENANT, query.clone()).await.unwrap().total, 0);
        assert_eq!(store.search_jobs("u", query).await.unwrap().total, 2);
        assert_eq!(store.stored("u").await.unwrap(), before);
        assert!(store.turns(TENANT, &conversation("ada", "c"), 9).await.unwrap().is_empty());
        assert_eq!(store.turns("u", &conversation("ada", "c"), 9).await.unwrap().len(), 3);
        assert_eq!(store.find_edges("u", EdgeFilter::OfDependents(vec!["b".into()])).await.unwrap().len(), 1);
        // The name may be given anew.
        put(&store, &[("a", None)]).await;
        assert_eq!(store.stored(TENANT).await.unwrap().live_jobs, 1);
        // So it does with a tenant that has nothing else.
        store.add_turns("talks", vec![turn(&conversation("ada", "c"), "said", 1)]).await.unwrap();
        while store.purge("talks", 2).await.unwrap() > 0 {}
        assert!(store.turns("talks", &conversation("ada", "c"), 9).await.unwrap().is_empty());
        let used = Amounts { tokens: 1, ..Amounts::default() };
        store.book("talks", 1, Booking { used, ..Booking::default() }).await.unwrap();
        while store.purge("talks", 3).await.unwrap() > 0 {}
        assert_eq!(store.day_use("talks", 1).await.unwrap(), DayUse::default());
    }

    /// Pages follow each other without gap or repetition, though rows are added meanwhile.
    pages_continue(store) {
        put(&store, &[("a", None), ("b", None), ("c", None), ("d", None), ("e", None)]).await;
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.find_jobs(TENANT, any_job(), Page { limit: 2, cursor, count: true }).await.unwrap();
            seen.extend(page.jobs.into_iter().map(|job| job.id));
            cursor = page.next_cursor;
            if seen.len() == 2 {
                assert_eq!(page.total, 5);
                put(&store, &[("f", None)]).await;
            }
            if cursor.is_none() { break; }
        }
        assert_eq!(seen, ["e", "d", "c", "b", "a"]);
        let strange = Page { limit: 2, cursor: Some("strange".into()), count: false };
        assert_eq!(store.find_jobs(TENANT, any_job(), strange).await, Err(StorageError::BadCursor));
        let uncounted = Page { limit: 2, cursor: None, count: false };
        assert_eq!(store.find_jobs(TENANT, any_job(), uncounted).await.unwrap().total, 0);
    }

    /// Archived jobs show only when asked for; the other fields narrow.
    filters_narrow(store) {
        put(&store, &[("a", None), ("b", None)]).await;
        let a = get(&store, "a").await;
        one(&store, vec![], vec![update(&a, |state| state.status = JobStatus::Archived)]).await.unwrap();
        let cases = [
            (any_job(), vec!["b"]),
            (JobFilter { include_archived: true, ..any_job() }, vec!["b", "a"]),
            (JobFilter { statuses: vec![JobStatus::Archived], ..any_job() }, vec!["a"]),
            (JobFilter { title: Some("title b".into()), ..any_job() }, vec!["b"]),
            (JobFilter { title: Some("title B".into()), ..any_job() }, vec![]),
            (JobFilter { user: Some("bob".into()), ..any_job() }, vec![]),
            (JobFilter { job_types: vec![JobType::OneOff], ..any_job() }, vec![]),
        ];
        for (filter, expected) in cases {
            let found = store.find_jobs(TENANT, filter, Page { limit: 9, cursor: None, count: true }).await.unwrap();
            let ids: Vec<_> = found.jobs.iter().map(|job| job.id.as_str()).collect();
            assert_eq!(ids, expected);
        }
    }

    /// Whichever statuses and types are asked for, of one person, of an agent's people or of all: newest first, page
    /// by page, all and only those.
    lists_of_every_class_are_in_order(store) {
        use JobStatus::{Active, Blocked, Cancelled, Completed, Paused};
        let statuses = [Active, Blocked, Paused, Completed, Cancelled];
        let types = [JobType::OneOff, JobType::Recurring, JobType::Ongoing];
        let mut stored = Vec::new();
        for n in 0..45_usize {
            let mut job = job(&format!("job-{n:02}"), None);
            job.state.status = statuses[n % 5];
            job.spec.job_type = types[n % 3];
            job.user = if n % 7 == 0 { "eve".into() } else { "ada".into() };
            job.agent = if n % 11 == 0 { "another".into() } else { "agent".into() };
            one(&store, vec![], vec![Write::InsertJob(job.clone())]).await.unwrap();
            stored.insert(0, job);
        }
        let people = [(None, None), (Some("agent"), None), (None, Some("eve")), (Some("agent"), Some("ada"))];
        let asked: [&[JobStatus]; 4] = [&[], &[Blocked], &[Paused, Completed, Paused], &[JobStatus::Pending]];
        let of_types: [&[JobType]; 3] = [&[], &[JobType::Ongoing], &[JobType::OneOff, JobType::Recurring, JobType::OneOff]];
        for (agent, user) in people {
            for (statuses, job_types) in asked.iter().flat_map(|one| of_types.map(|other| (one, other))) {
                let passes = |job: &&Job| {
                    agent.is_none_or(|agent| job.agent == agent)
                        && user.is_none_or(|user| job.user == user)
                        && (statuses.is_empty() || statuses.contains(&job.state.status))
                        && (job_types.is_empty() || job_types.contains(&job.spec.job_type))
                };
                let expected: Vec<&str> = stored.iter().filter(passes).map(|job| job.id.as_str()).collect();
                let filter = JobFilter {
                    agent: agent.map(Into::into),
                    user: user.map(Into::into),
                    statuses: statuses.to_vec(),
                    job_types: job_types.to_vec(),
                    ..any_job()
                };
                let (mut seen, mut cursor) = (Vec::new(), None);
                loop {
                    let page = Page { limit: 4, cursor, count: true };
                    let found = store.find_jobs(TENANT, filter.clone(), page).await.unwrap();
                    assert_eq!(found.total, expected.len() as u64, "{filter:?}");
                    seen.extend(found.jobs.into_iter().map(|job| job.id));
                    cursor = found.next_cursor;
                    if cursor.is_none() { break; }
                }
                assert_eq!(seen, expected, "{filter:?}");
            }
        }
    }

    /// Runs stand newest slot first, before an instant.
    runs_newest_slot_first(store) {
        let writes = [10, 30, 20].map(|slot| Write::InsertRun(run(&format!("r{slot}"), "a", slot)));
        one(&store, vec![], writes.into()).await.unwrap();
        let filter = |before, limit| RunFilter { job: "a".into(), statuses: vec![], before, limit };
        let slots = |runs: Vec<Run>| runs.into_iter().map(|run| run.slot).collect::<Vec<_>>();
        assert_eq!(slots(store.find_runs(TENANT, filter(None, 2)).await.unwrap()), [30, 20]);
        assert_eq!(slots(store.find_runs(TENANT, filter(Some(20), 2)).await.unwrap()), [10]);
    }

    /// Dependents of a job come in order of their ids and continue after one.
    edges_of_a_prerequisite(store) {
        let writes = ["c", "a", "b"].map(|id| Write::PutEdge(edge(id, "p")));
        one(&store, vec![], writes.into()).await.unwrap();
        let filter = EdgeFilter::OfPrerequisite(PrerequisiteEdges {
            prerequisite: "p".into(), statuses: vec![EdgeStatus::Waiting], after: Some("a".into()), limit: 9,
        });
        assert_eq!(store.find_edges(TENANT, filter).await.unwrap(), vec![edge("b", "p"), edge("c", "p")]);
    }

    /// No character of a search term is an operator.
    search_is_literal(store) {
        let titled = |id: &str, title: &str| {
            let mut job = job(id, None);
            job.spec.title = title.into();
            Write::InsertJob(job)
        };
        one(&store, vec![], vec![titled("a", "save 50% on coal"), titled("b", "the \"red\" NOT boat")]).await.unwrap();
        let search = async |terms: &[&str], mode| {
            let query = SearchQuery {
                terms: terms.iter().map(|term| (*term).to_owned()).collect(),
                mode,
                best_first: false,
                filter: any_job(),
                page: Page { limit: 9, cursor: None, count: true },
            };
            let page = store.search_jobs(TENANT, query).await.unwrap();
            page.hits.into_iter().map(|hit| hit.job.id).collect::<Vec<_>>()
        };
        assert!(search(&["%"], SearchMode::AllTerms).await.is_empty());
        assert!(search(&["co%"], SearchMode::AllTerms).await.is_empty());
        assert!(search(&["co*"], SearchMode::AllTerms).await.is_empty());
        assert_eq!(search(&["50%"], SearchMode::AllTerms).await, ["a"]);
        assert_eq!(search(&["\"red\" NOT boat"], SearchMode::AllTerms).await, ["b"]);
        assert_eq!(search(&["coal\0"], SearchMode::AllTerms).await, ["a"]);
        assert_eq!(search(&["coal", "RED"], SearchMode::AnyTerm).await, ["b", "a"]);
        assert!(search(&["coal", "red"], SearchMode::AllTerms).await.is_empty());
    }

    /// Texts are told in the order of their changes, those of one tenant: what is new, changed, or has a vector now.
    texts_are_told_in_the_order_of_their_changes(store) {
        put(&store, &[("a", None), ("b", None), ("c", None)]).await;
        let other = unit(vec![], vec![Write::InsertJob(job("a", None))]);
        store.commit("other", Quota::UNLIMITED, vec![other]).await.unwrap();
        let told = async |after| {
            let texts = store.texts(TENANT, after, 9).await.unwrap();
            assert!(texts.is_sorted_by(|a, b| a.revision < b.revision) && texts.iter().all(|text| text.revision > after));
            texts
        };
        let all = told(0).await;
        let titles = |texts: &[JobTexts]| texts.iter().map(|text| text.title.clone()).collect::<Vec<_>>();
        assert_eq!(titles(&all), ["title a", "title b", "title c"]);
        let first = job("a", None);
        let of_first = |text: &JobTexts| (text.agent.clone(), text.user.clone(), text.description.clone());
        assert_eq!(of_first(&all[0]), (first.agent, first.user, first.spec.description));
        assert!(all.iter().all(|text| text.vector.is_none()));
        assert_eq!(store.texts(TENANT, 0, 2).await.unwrap(), all[..2]);
        assert_eq!(told(all[1].revision).await, all[2..]);
        let last = all[2].revision;
        assert!(told(last).await.is_empty());
        assert!(store.texts("nobody", 0, 9).await.unwrap().is_empty());
        // A change of its state says nothing new; one of its texts does, also if it is undone in another unit.
        let a = job("a", None);
        one(&store, vec![], vec![update(&a, |state| state.status = JobStatus::Paused)]).await.unwrap();
        assert!(told(last).await.is_empty());
        one(&store, vec![], vec![reworded(&a, |spec| spec.title = "another".into())]).await.unwrap();
        assert_eq!(titles(&told(last).await), ["another"]);
        assert_eq!(titles(&told(0).await), ["title b", "title c", "another"]);
        assert_eq!(told(last).await[0].number, all[0].number);
        // A refused unit leaves no text behind.
        let refused = vec![Write::InsertJob(job("d", None)), Write::InsertJob(job("d", None))];
        assert!(one(&store, vec![], refused).await.is_err());
        assert_eq!(told(0).await.len(), 3);
        // What is deleted is not told of.
        one(&store, vec![], vec![update(&a, |state| state.status = JobStatus::Archived)]).await.unwrap();
        store.forget(TENANT, Old::Jobs(vec!["a".into()])).await.unwrap();
        assert_eq!(titles(&told(0).await), ["title b", "title c"]);
        while store.purge(TENANT, 1).await.unwrap() > 0 {}
        assert!(told(0).await.is_empty());
        assert_eq!(store.texts("other", 0, 9).await.unwrap().len(), 1);
        // A name that is given anew goes on behind all that was told of it.
        put(&store, &[("e", None)]).await;
        assert_eq!(titles(&told(last + 1).await), ["title e"]);
    }

    /// A vector is kept for the texts that it was made from, and for no others.
    vectors_belong_to_their_texts(store) {
        put(&store, &[("a", None), ("b", None)]).await;
        let other = unit(vec![], vec![Write::InsertJob(job("z", None))]);
        store.commit("other", Quota::UNLIMITED, vec![other]).await.unwrap();
        let left = async |model: &str| {
            let mut texts = store.unembedded(model, 9).await.unwrap();
            texts.sort_by(|a, b| (&a.tenant, a.number).cmp(&(&b.tenant, b.number)));
            texts
        };
        let all = left("m").await;
        let mut tenants: Vec<&str> = all.iter().map(|text| text.tenant.as_str()).collect();
        tenants.sort_unstable();
        let mut expected = vec!["other", TENANT, TENANT];
        expected.sort_unstable();
        assert_eq!(tenants, expected);
        assert_eq!(store.unembedded("m", 1).await.unwrap().len(), 1);
        let (a, b) = {
            let ours: Vec<_> = all.iter().filter(|text| text.tenant == TENANT).collect();
            (ours[0].clone(), ours[1].clone())
        };
        assert_eq!((a.title.as_str(), b.title.as_str()), ("title a", "title b"));
        let vector = |of: &Unembedded, bytes: &[u8]| NewVector { number: of.number, revision: of.revision, bytes: Some(bytes.to_vec()) };
        store.put_vectors(TENANT, "m", vec![vector(&a, b"first")]).await.unwrap();
        let told = store.texts(TENANT, b.revision, 9).await.unwrap();
        let stored = StoredVector { model: "m".into(), bytes: Some(b"first".to_vec()) };
        assert_eq!((told.len(), &told[0].vector, told[0].number), (1, &Some(stored), a.number));
        assert!(left("m").await.iter().all(|text| (&*text.tenant, text.number) != (TENANT, a.number)));
        // Another model has seen nothing yet, whether its name is before or after.
        assert_eq!((left("l").await.len(), left("n").await.len(), left("m").await.len()), (3, 3, 2));
        // Texts of another revision, of another tenant, of nobody.
        store.put_vectors(TENANT, "m", vec![vector(&a, b"late")]).await.unwrap();
        store.put_vectors("other", "m", vec![vector(&b, b"wrong")]).await.unwrap();
        store.put_vectors("nobody", "m", vec![vector(&b, b"wrong")]).await.unwrap();
        assert_eq!(store.texts(TENANT, b.revision, 9).await.unwrap(), told);
        assert_eq!(left("m").await.len(), 2);
        // Seen, without a vector.
        let none = NewVector { bytes: None, ..vector(&b, b"") };
        store.put_vectors(TENANT, "m", vec![none]).await.unwrap();
        assert_eq!(left("m").await.len(), 1);
        let told = store.texts(TENANT, told[0].revision, 9).await.unwrap();
        assert_eq!(told[0].vector, Some(StoredVector { model: "m".into(), bytes: None }));
        // Texts that change have none any more.
        let another = reworded(&job("a", None), |spec| spec.description = "another".into());
        one(&store, vec![], vec![another]).await.unwrap();
        let told = store.texts(TENANT, told[0].revision, 9).await.unwrap();
        assert_eq!((told.len(), told[0].description.as_str(), &told[0].vector), (1, "another", &None));
        assert_eq!(left("m").await.len(), 2);
    }

    /// Jobs are picked by number, in the order asked for, as far as a filter lets them pass.
    jobs_are_picked_by_number(store) {
        put(&store, &[("a", None), ("b", None), ("c", None)]).await;
        let other = unit(vec![], vec![Write::InsertJob(job("z", None))]);
        store.commit("other", Quota::UNLIMITED, vec![other]).await.unwrap();
        let numbers: Vec<u64> = store.texts(TENANT, 0, 9).await.unwrap().iter().map(|text| text.number).collect();
        let theirs = store.texts("other", 0, 9).await.unwrap()[0].number;
        let pause = update(&job("b", None), |state| state.status = JobStatus::Paused);
        one(&store, vec![], vec![pause]).await.unwrap();
        let asked = vec![numbers[2], theirs, numbers[1], 1 << 40, numbers[0]];
        let picked = async |filter: JobFilter| {
            let picked = store.pick_jobs(TENANT, asked.clone(), filter).await.unwrap();
            picked.jobs.into_iter().map(|(number, job)| (number, job.id)).collect::<Vec<_>>()
        };
        let found = async |filter: JobFilter, limit| {
            let mut found = store.job_numbers(TENANT, filter, limit).await.unwrap();
            found.sort_unstable();
            found
        };
        let of = |places: &[usize]| places.iter().map(|at| (numbers[*at], ["a", "b", "c"][*at].to_owned())).collect::<Vec<_>>();
        assert_eq!(picked(any_job()).await, of(&[2, 1, 0]));
        assert_eq!(found(any_job(), 9).await, numbers);
        assert_eq!(found(any_job(), 2).await.len(), 2);
        let is_paused = JobFilter { statuses: vec![JobStatus::Paused], ..any_job() };
        assert_eq!(picked(is_paused.clone()).await, of(&[1]));
        assert_eq!(found(is_paused, 9).await, [numbers[1]]);
        let title = JobFilter { title: Some("title c".into()), ..any_job() };
        assert_eq!(picked(title.clone()).await, of(&[2]));
        assert_eq!(found(title, 9).await, [numbers[2]]);
        let stranger = JobFilter { user: Some("nobody".into()), ..any_job() };
        assert_eq!((picked(stranger.clone()).await, found(stranger, 9).await), (vec![], vec![]));
    }

    /// A message is sent once per key.
    once_key_holds(store) {
        one(&store, vec![], vec![Write::InsertMessage(message("m", "k"))]).await.unwrap();
        one(&store, vec![], vec![Write::InsertMessage(message("n", "k"))]).await.unwrap();
        let inbox = store.inbox(TENANT, None, 0, 9).await.unwrap();
        assert_eq!(inbox.into_iter().map(|entry| entry.message.id).collect::<Vec<_>>(), ["m"]);
    }

    /// What was read stays read.
    read_is_never_taken_back(store) {
        one(&store, vec![], vec![Write::InsertMessage(message("m", "k")), Write::InsertMessage(message("n", "l"))]).await.unwrap();
        let ids = || vec!["m".to_owned(), "unknown".to_owned()];
        assert_eq!(store.undelivered(TENANT, 9).await.unwrap().len(), 2);
        assert_eq!(store.set_delivery(TENANT, ids(), DeliveryStatus::Read).await.unwrap(), 1);
        assert_eq!(store.set_delivery(TENANT, ids(), DeliveryStatus::Failed).await.unwrap(), 0);
        let back = MessageUpdate { id: "m".into(), delivery: DeliveryStatus::Queued };
        one(&store, vec![], vec![Write::UpdateMessage(back)]).await.unwrap();
        let queued = store.undelivered(TENANT, 9).await.unwrap();
        assert_eq!(queued.into_iter().map(|entry| entry.message.id).collect::<Vec<_>>(), ["n"]);
    }

    /// Each tenant's queued messages are its own, replies are none, and only tenants that have some are named.
    undelivered_by_tenant(store) {
        let sent = Message { delivery: DeliveryStatus::Delivered, ..message("s", "s") };
        let reply = Message { kind: MessageKind::Reply, ..message("r", "r") };
        for (tenant, messages) in [("c", vec![message("m", "m"), message("n", "n")]), ("b", vec![sent, reply.clone()]),
            ("a", vec![reply, message("o", "o")])] {
            let writes = messages.into_iter().map(Write::InsertMessage).collect();
            let unit = Unit { guards: vec![], writes };
            store.commit(tenant, Quota::UNLIMITED, vec![unit]).await.unwrap()[0].clone().unwrap();
        }
        let mut tenants = store.undelivered_tenants().await.unwrap();
        tenants.sort();
        assert_eq!(tenants, ["a", "c"]);
        for (tenant, limit, ids) in [("a", 9, vec!["o"]), ("b", 9, vec![]), ("c", 9, vec!["m", "n"]), ("c", 1, vec!["m"])] {
            let queued = store.undelivered(tenant, limit).await.unwrap();
            assert_eq!(queued.into_iter().map(|entry| entry.message.id).collect::<Vec<_>>(), ids);
        }
    }

    /// The inbox continues after a position and leaves replies out.
    inbox_continues(store) {
        let reply = Message { kind: MessageKind::Reply, ..message("r", "r") };
        let bobs = Message { user: "bob".into(), ..message("b", "b") };
        let writes = [message("m", "m"), reply, bobs, message("n", "n")].map(Write::InsertMessage);
        one(&store, vec![], writes.into()).await.unwrap();
        let first = store.inbox(TENANT, Some("ada".into()), 0, 1).await.unwrap();
        assert_eq!(first[0].message, message("m", "m"));
        let rest = store.inbox(TENANT, Some("ada".into()), first[0].position, 9).await.unwrap();
        assert_eq!(rest.into_iter().map(|entry| entry.message.id).collect::<Vec<_>>(), ["n"]);
        assert_eq!(store.inbox(TENANT, None, 0, 9).await.unwrap().len(), 3);
    }

    /// Taking over ends the leases of others; releasing an owner ends its own.
    owners_end(store) {
        put(&store, &[("a", Some(10)), ("b", Some(11))]).await;
        claim(&store, "dead", 10, 1).await;
        claim(&store, "me", 11, 1).await;
        // Where others may live, nothing is taken over: what is dead is released by its name.
        let freed = store.take_over("me").await.unwrap();
        assert_eq!(freed + if freed == 0 { store.release_owner("dead").await.unwrap() } else { 0 }, 1);
        assert_eq!(claim(&store, "me", 12, 9).await, tokens(&[("a", 2)]));
        assert_eq!(store.release_owner("me").await.unwrap(), 2);
        assert_eq!(claim(&store, "next", 12, 9).await, tokens(&[("a", 3), ("b", 2)]));
    }

    /// The next instant of something to claim takes leases into account.
    next_due_knows_leases(store) {
        assert_eq!(store.next_due(TENANT).await.unwrap(), None);
        put(&store, &[("a", Some(10)), ("b", Some(500))]).await;
        assert_eq!(store.next_due(TENANT).await.unwrap(), Some(10));
        claim(&store, "o", 10, 1).await;
        assert_eq!(store.next_due(TENANT).await.unwrap(), Some(110));
        assert!(store.due_tenants(109).await.unwrap().is_empty());
        assert_eq!(store.due_tenants(110).await.unwrap(), vec![TENANT.to_owned()]);
    }

    /// All that jobs wait for, through any number of others; each edge once, also around a diamond.
    ancestors_of_jobs(store) {
        let pairs = [("e", "c"), ("e", "d"), ("c", "b"), ("d", "b"), ("b", "a"), ("x", "a")];
        let writes = pairs.map(|(dependent, prerequisite)| Write::PutEdge(edge(dependent, prerequisite)));
        one(&store, vec![], writes.into()).await.unwrap();
        let above = async |of: &[&str], limit| {
            let dependents = of.iter().map(|id| (*id).to_owned()).collect();
            let filter = EdgeFilter::Ancestors(AncestorEdges { dependents, limit });
            let mut found: Vec<String> =
                store.find_edges(TENANT, filter).await.unwrap().iter().map(|edge| format!("{}{}", edge.dependent, edge.prerequisite)).collect();
            found.sort();
            found.join(" ")
        };
        assert_eq!(above(&["e"], 9).await, "ba cb db ec ed");
        assert_eq!(above(&["c", "x"], 9).await, "ba cb xa");
        assert_eq!(above(&["a"], 9).await, "");
        assert_eq!(above(&["e"], 2).await.split(' ').count(), 2);
    }

    /// A job's history is read newest first, and undone with its unit.
    history_is_newest_first(store) {
        put(&store, &[("a", None), ("b", None)]).await;
        let [first, second, other] = [change("a", 1), change("a", 2), change("b", 3)];
        let writes = [&first, &other, &second].map(|change| Write::InsertChange(change.clone()));
        one(&store, vec![], writes.into()).await.unwrap();
        let refused = one(&store, vec![], vec![Write::InsertChange(change("a", 4)), update(&job("none", None), |_| {})]).await;
        assert_eq!(refused, Err(Rejection::Stale));
        assert_eq!(store.find_changes(TENANT, "a".into(), 9).await.unwrap(), vec![second.clone(), first]);
        assert_eq!(store.find_changes(TENANT, "a".into(), 1).await.unwrap(), vec![second]);
        assert!(store.find_changes("other", "a".into(), 9).await.unwrap().is_empty());
    }

    /// Retention goes through a tenant's jobs in the order of their creation, a page at a time.
    sweeps_go_on_behind_a_number(store) {
        put(&store, &[("b", None), ("a", Some(10)), ("c", None)]).await;
        let mut once = job("d", None);
        once.spec.job_type = JobType::OneOff;
        once.state.status = JobStatus::Completed;
        once.updated_at = 7;
        one(&store, vec![], vec![Write::InsertJob(once)]).await.unwrap();
        let (mut after, mut swept) = (0, Vec::new());
        loop {
            let page = store.sweep(TENANT, after, 3).await.unwrap();
            let Some(last) = page.last() else { break };
            after = last.number;
            swept.extend(page.into_iter().map(|job| (job.id, job.status, job.repeats, job.updated_at)));
        }
        let active = |id: &str| (id.to_owned(), Some(JobStatus::Active), true, 1);
        let last = ("d".to_owned(), Some(JobStatus::Completed), false, 7);
        assert_eq!(swept, [active("b"), active("a"), active("c"), last]);
        assert!(store.sweep("other", 0, 9).await.unwrap().is_empty());
    }

    /// It does so with messages, also of others and with what persons said.
    sweeps_of_messages_go_on_behind_a_position(store) {
        put(&store, &[("a", None)]).await;
        let told = |id: &str, user: &str, kind| Message {
            job: "a".into(), user: user.into(), kind, ..message(id, id)
        };
        let writes = vec![
            Write::InsertMessage(told("1", "ada", MessageKind::Reply)),
            Write::InsertMessage(told("2", "bob", MessageKind::Result)),
            Write::InsertMessage(told("3", "ada", MessageKind::Question)),
        ];
        one(&store, vec![], writes).await.unwrap();
        let first = store.sweep_messages(TENANT, 0, 2).await.unwrap();
        let rest = store.sweep_messages(TENANT, first[1].position, 2).await.unwrap();
        let ids: Vec<&str> = first.iter().chain(&rest).map(|entry| entry.message.id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "3"]);
        assert!(store.sweep_messages(TENANT, rest[0].position, 2).await.unwrap().is_empty());
        assert!(store.sweep_messages("other", 0, 2).await.unwrap().is_empty());
    }

    /// An archived job goes with all that is its own, unless a job that is not archived depends on it; what
    /// was not delivered stays.
    archived_jobs_are_forgotten(store) {
        let of = |job: &str, name: &str, delivery| Message {
            job: job.into(), delivery, ..message(&format!("{job} {name}"), &format!("{job} {name}"))
        };
        put(&store, &[("z", None)]).await;
        let before = store.stored(TENANT).await.unwrap();
        let whole = async || {
            let writes = ["a", "b"].into_iter().flat_map(|id| [
                Write::InsertJob(job(id, None)),
                Write::InsertRun(run(&format!("run of {id}"), id, 10)),
                Write::InsertChange(change(id, 1)),
                Write::InsertMessage(of(id, "told", DeliveryStatus::Delivered)),
            ]);
            let edges = [Write::PutEdge(edge("b", "a")), Write::PutEdge(edge("a", "z"))];
            one(&store, vec![], writes.chain(edges).collect()).await.unwrap();
        };
        let archive = async |id: &str| {
            let write = update(&get(&store, id).await, |state| state.status = JobStatus::Archived);
            one(&store, vec![], vec![write]).await.unwrap();
        };
        let forget = async |ids: &[&str]| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            store.forget(TENANT, Old::Jobs(ids)).await.unwrap()
        };
        whole().await;
        assert_eq!(forget(&["a", "b", "none"]).await, 0, "they live");
        archive("a").await;
        assert_eq!(forget(&["a"]).await, 0, "b depends on it");
        assert_eq!(store.forget("other", Old::Jobs(vec!["a".into()])).await.unwrap(), 0);
        archive("b").await;
        // Job, run, change, message, and its edges: the one between them goes with the first.
        assert_eq!(forget(&["a", "b"]).await, 6 + 4);
        assert_eq!(store.stored(TENANT).await.unwrap(), before);
        assert_eq!(store.get_jobs(TENANT, vec!["a".into(), "b".into()]).await.unwrap(), [None, None]);
        assert!(store.find_changes(TENANT, "a".into(), 9).await.unwrap().is_empty());
        let words = SearchQuery { terms: vec!["title".into()], mode: SearchMode::AllTerms, best_first: false, filter: any_job(),
            page: Page { limit: 9, cursor: None, count: true } };
        let hits = store.search_jobs(TENANT, words).await.unwrap();
        assert_eq!((hits.hits.len(), hits.total), (1, 1), "only z is left");
        // A job of the same name may come again, and what waits for its delivery is not lost.
        whole().await;
        archive("a").await;
        archive("b").await;
        one(&store, vec![], vec![Write::InsertMessage(of("a", "waits", DeliveryStatus::Queued))]).await.unwrap();
        assert_eq!(forget(&["a", "b"]).await, 6 + 4);
        let left = store.inbox(TENANT, None, 0, 9).await.unwrap();
        assert_eq!(left.iter().map(|entry| entry.message.id.as_str()).collect::<Vec<_>>(), ["a waits"]);
        assert_eq!(store.forget(TENANT, Old::Messages(vec!["a waits".into()])).await.unwrap(), 0);
        store.set_delivery(TENANT, vec!["a waits".into()], DeliveryStatus::Delivered).await.unwrap();
        assert_eq!(store.forget(TENANT, Old::Messages(vec!["a waits".into()])).await.unwrap(), 1);
        assert_eq!(store.stored(TENANT).await.unwrap(), before);
    }

    /// Of a job's history what is old goes, the oldest first, but for the newest rows and what is open.
    old_history_is_forgotten(store) {
        put(&store, &[("a", None), ("b", None)]).await;
        let runs = (1..=10).map(|slot| Run {
            status: if slot == 3 { RunStatus::Waiting } else { RunStatus::Succeeded },
            ..run(&format!("r{slot}"), "a", slot)
        });
        let mut writes: Vec<Write> = runs.map(Write::InsertRun).collect();
        writes.push(Write::InsertRun(run("other", "b", 1)));
        writes.extend((1..=6).map(|at| Write::InsertChange(change("a", at))));
        one(&store, vec![], writes).await.unwrap();
        let forget = async |limit| {
            let old = Old::History { job: "a".into(), kept: 3, before: 6, limit };
            store.forget(TENANT, old).await.unwrap()
        };
        let slots = async |job: &str| {
            let filter = RunFilter { job: job.into(), statuses: vec![], before: None, limit: 99 };
            store.find_runs(TENANT, filter).await.unwrap().iter().map(|run| run.slot).collect::<Vec<_>>()
        };
        let times = async || {
            store.find_changes(TENANT, "a".into(), 99).await.unwrap().iter().map(|change| change.at).collect::<Vec<_>>()
        };
        assert_eq!(forget(2).await, 2 + 2);
        assert_eq!(slots("a").await, [10, 9, 8, 7, 6, 5, 4, 3]);
        assert_eq!(times().await, [6, 5, 4, 3]);
        assert_eq!(forget(9).await, 2 + 1);
        assert_eq!(slots("a").await, [10, 9, 8, 7, 6, 3]);
        assert_eq!(times().await, [6, 5, 4]);
        assert_eq!(forget(9).await, 0);
        let all = Old::History { job: "a".into(), kept: 1, before: 99, limit: 99 };
        store.forget(TENANT, all).await.unwrap();
        assert_eq!((slots("a").await, times().await), (vec![10, 3], vec![6]));
        // What a job looks back at is its newest success, however often it failed since.
        let failed = (11..=15).map(|slot| Run { status: RunStatus::Failed, ..run(&format!("r{slot}"), "a", slot) });
        one(&store, vec![], failed.map(Write::InsertRun).collect()).await.unwrap();
        let old = Old::History { job: "a".into(), kept: 2, before: 99, limit: 99 };
        assert_eq!(store.forget(TENANT, old.clone()).await.unwrap(), 3);
        assert_eq!(slots("a").await, [15, 14, 10, 3]);
        assert_eq!(store.forget(TENANT, old).await.unwrap(), 0);
        assert_eq!(slots("b").await, [1]);
        assert_eq!(store.get_runs(TENANT, vec!["r1".into()]).await.unwrap(), [None]);
    }

    /// The latest turns of a conversation, in the order in which they were said: of no other conversation, person,
    /// agent or tenant, and beside what a tenant's rows come to.
    turns_are_those_of_their_conversation(store) {
        let here = conversation("ada", "c");
        let others = [
            conversation("ada", "d"),
            conversation("bob", "c"),
            Conversation { agent: "another".into(), ..here.clone() },
        ];
        let said: Vec<Turn> = (1..=6).map(|at| turn(&here, &format!("NUL \0, \u{1}0, \"{at}\"\nä"), at)).collect();
        // The clock of the host that wrote them was set back meanwhile.
        let last = turn(&here, "", -5);
        for (n, few) in said.chunks(2).enumerate() {
            store.add_turns(TENANT, few.to_vec()).await.unwrap();
            let elsewhere = turn(&others[n], &format!("other {n}"), 9);
            store.add_turns(TENANT, vec![elsewhere]).await.unwrap();
        }
        store.add_turns(TENANT, vec![last.clone()]).await.unwrap();
        store.add_turns("u", vec![turn(&here, "another tenant", 9)]).await.unwrap();
        store.add_turns(TENANT, vec![]).await.unwrap();
        let all: Vec<Turn> = said.into_iter().chain([last]).collect();
        assert_eq!(store.turns(TENANT, &here, 99).await.unwrap(), all);
        assert_eq!(store.turns(TENANT, &here, 2).await.unwrap(), all[5..]);
        assert!(store.turns(TENANT, &here, 0).await.unwrap().is_empty());
        for (n, other) in others.iter().enumerate() {
            assert_eq!(store.turns(TENANT, other, 9).await.unwrap(), [turn(other, &format!("other {n}"), 9)]);
        }
        assert_eq!(store.turns("u", &here, 9).await.unwrap(), [turn(&here, "another tenant", 9)]);
        assert!(store.turns(TENANT, &conversation("ada", "e"), 9).await.unwrap().is_empty());
        assert!(store.turns("nobody", &here, 9).await.unwrap().is_empty());
        assert_eq!(store.stored(TENANT).await.unwrap(), Stored::default());
    }

    /// So many turns of a person with an agent are kept, in whatever conversations, and the latest.
    a_persons_oldest_turns_are_forgotten(store) {
        let (first, second, bobs) = (conversation("ada", "c"), conversation("ada", "d"), conversation("bob", "c"));
        let kept = i64::from(TURNS_KEPT);
        let times = async |of: &Conversation| {
            let turns = store.turns(TENANT, of, 1_000).await.unwrap();
            turns.iter().map(|turn| turn.at).collect::<Vec<_>>()
        };
        store.add_turns(TENANT, vec![turn(&first, "first", 0), turn(&first, "first", 1), turn(&bobs, "bob", 1)]).await.unwrap();
        store.add_turns("u", vec![turn(&first, "another tenant", 0)]).await.unwrap();
        // With those of another conversation she has as many as are kept; then one more.
        let many = (2..kept).map(|at| turn(&second, "second", at));
        store.add_turns(TENANT, many.collect()).await.unwrap();
        assert_eq!(times(&first).await, [0, 1]);
        store.add_turns(TENANT, vec![turn(&second, "second", kept), turn(&bobs, "bob", 2)]).await.unwrap();
        assert_eq!(times(&first).await, [1]);
        assert_eq!(times(&bobs).await, [1, 2]);
        store.add_turns(TENANT, vec![turn(&first, "first", 3), turn(&first, "first", 4)]).await.unwrap();
        assert_eq!(times(&first).await, [3, 4], "the oldest go first: that of this conversation, and one of the other");
        assert_eq!(store.forget_turns(TENANT, 3, 9).await.unwrap(), 2, "two of bob's: hers of 2 is gone");
        // More at once than are kept.
        let many = (0..kept + 3).map(|at| turn(&second, "again", at));
        let some_of_bobs = [turn(&bobs, "bob", 7)];
        store.add_turns(TENANT, some_of_bobs.into_iter().chain(many).collect()).await.unwrap();
        assert!(times(&first).await.is_empty());
        assert_eq!(times(&bobs).await, [7]);
        assert_eq!(times(&second).await, (kept - 997..kept + 3).collect::<Vec<_>>());
        assert_eq!(store.forget_turns(TENANT, 3, 9).await.unwrap(), 0);
        assert_eq!(store.forget_turns(TENANT, Instant::MAX, 9_999).await.unwrap(), u64::from(TURNS_KEPT) + 1);
        assert_eq!(store.turns("u", &first, 9).await.unwrap().len(), 1);
    }

    /// Turns before an instant go, the oldest first, so many at once: of all persons of one tenant.
    old_turns_are_forgotten(store) {
        let (adas, bobs) = (conversation("ada", "c"), conversation("bob", "d"));
        let of = |of: &Conversation, times: &[Instant]| times.iter().map(|at| turn(of, "said", *at)).collect::<Vec<_>>();
        store.add_turns(TENANT, of(&adas, &[30, 10, 50])).await.unwrap();
        store.add_turns(TENANT, of(&bobs, &[20, 40])).await.unwrap();
        store.add_turns("u", of(&adas, &[1])).await.unwrap();
        let times = async |of: &Conversation| {
            let turns = store.turns(TENANT, of, 9).await.unwrap();
            turns.iter().map(|turn| turn.at).collect::<Vec<_>>()
        };
        assert_eq!(store.forget_turns(TENANT, 10, 9).await.unwrap(), 0);
        assert_eq!(store.forget_turns(TENANT, 41, 2).await.unwrap(), 2);
        assert_eq!((times(&adas).await, times(&bobs).await), (vec![30, 50], vec![40]));
        assert_eq!(store.forget_turns(TENANT, 41, 2).await.unwrap(), 2);
        assert_eq!((times(&adas).await, times(&bobs).await), (vec![50], vec![]));
        assert_eq!(store.forget_turns(TENANT, 41, 2).await.unwrap(), 0);
        assert_eq!(store.forget_turns("nobody", 41, 2).await.unwrap(), 0);
        assert_eq!(store.turns("u", &adas, 9).await.unwrap().len(), 1);
    }

    /// What is booked on a day adds up, for each tenant and day by itself; what does not fit changes nothing.
    a_days_use_adds_up_within_its_limit(store) {
        let tokens = |tokens| Amounts { tokens, ..Amounts::default() };
        let limit = Some(Amounts { tokens: 100, ..Amounts::UNLIMITED });
        let reserve = |amount| Booking { reserved: tokens(amount), within: limit, ..Booking::default() };
        assert_eq!(store.day_use(TENANT, 7).await.unwrap(), DayUse::default());
        assert!(store.book(TENANT, 7, reserve(60)).await.unwrap());
        assert!(!store.book(TENANT, 7, reserve(41)).await.unwrap());
        assert!(store.book(TENANT, 7, reserve(40)).await.unwrap());
        assert!(store.book(TENANT, 8, reserve(100)).await.unwrap(), "another day");
        assert!(store.book("u", 7, reserve(100)).await.unwrap(), "another tenant");
        let used = Amounts { tokens: 70, cost_micros: 5, tool_calls: 2, milliseconds: 900 };
        let settled = Booking { used, reserved: tokens(-60), within: None };
        assert!(store.book(TENANT, 7, settled).await.unwrap(), "what was used is booked beyond the limit, too");
        assert!(!store.book(TENANT, 7, reserve(1)).await.unwrap());
        let of_day = store.day_use(TENANT, 7).await.unwrap();
        assert_eq!(of_day, DayUse { used, reserved: tokens(40) });
    }

    /// Who books at once gets no more than there is.
    bookings_at_once_stay_within_the_limit(store) {
        let limit = Some(Amounts { tool_calls: 25, ..Amounts::UNLIMITED });
        let one = Booking { reserved: Amounts { tool_calls: 1, ..Amounts::default() }, within: limit, ..Booking::default() };
        let bookings = (0..40).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.book(TENANT, 7, one).await.unwrap() })
        });
        let bookings: Vec<_> = bookings.collect();
        let mut booked = 0;
        for booking in bookings {
            booked += i64::from(booking.await.unwrap());
        }
        assert_eq!(booked, 25);
        assert_eq!(store.day_use(TENANT, 7).await.unwrap().reserved.tool_calls, 25);
    }

    /// A closed store writes no more.
    closed_store_refuses_writes(store) {
        store.close().await;
        assert!(store.commit(TENANT, Quota::UNLIMITED, vec![]).await.is_err());
        assert!(store.add_turns(TENANT, vec![turn(&conversation("ada", "c"), "said", 1)]).await.is_err());
        assert!(store.book(TENANT, 1, Booking::default()).await.is_err());
    }
}
