//! A random story of writes, claims, renewals and things that are said, told to several storages: the same answers, the same rows.

#![allow(clippy::unwrap_used)]

use meanwhile::storage::Quota;
use meanwhile::storage::turns::{Conversation, Turn};
use meanwhile::storage::usage::{Amounts, Booking};
use meanwhile::wit::storage::{
    EdgeFilter, EdgeKey, Guard, JobFilter, Page, Rejection, RunFilter, SearchMode, SearchQuery, Unit, Write,
};
use meanwhile::wit::types::{JobStatus, Run, RunStatus};

use crate::storage_suite::{
    Store, TENANT, any_job, at_revision, at_token, change, conversation, edge, job, message, run, turn, unit,
    update,
};

/// Steps of a story.
const STEPS: u64 = 120;
/// Days that it lasts, of 100 instants.
const DAYS: i64 = 6;

/// A small generator of numbers: the same seed, the same story.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

fn any_write(random: &mut Random, step: u64) -> Write {
    const STATUSES: [JobStatus; 5] = [
        JobStatus::Active,
        JobStatus::Paused,
        JobStatus::Failed,
        JobStatus::Completed,
        JobStatus::Archived,
    ];
    let mut made = job(&format!("j{}", random.below(12)), None);
    let instant = i64::try_from(random.below(500)).unwrap();
    let key = || format!("k{}", step % 5);
    match random.below(12) {
        0..=2 => {
            made.state.due_at = Some(instant);
            made.spec.idempotency_key = (random.below(3) == 0).then(key);
            Write::InsertJob(made)
        }
        3 | 4 => {
            let status = STATUSES[usize::try_from(random.below(5)).unwrap()];
            let due = (random.below(4) > 0).then_some(instant);
            update(&made, |state| (state.status, state.due_at) = (status, due))
        }
        5 => Write::InsertRun(run(&format!("r{}", random.below(40)), &made.id, instant % 7)),
        6 => Write::UpdateRun(Run {
            status: RunStatus::Succeeded,
            ..run(&format!("r{}", random.below(40)), &made.id, instant % 7)
        }),
        7 => Write::PutEdge(edge(&made.id, &format!("j{}", random.below(12)))),
        8 => Write::DeleteEdge(EdgeKey {
            dependent: made.id,
            prerequisite: format!("j{}", random.below(12)),
        }),
        9 => Write::InsertMessage(message(
            &format!("m{}", random.below(20)),
            &format!("o{}", random.below(20)),
        )),
        10 => Write::InsertChange(change(&made.id, instant)),
        _ => Write::Release(at_token(&made.id, random.below(4))),
    }
}

fn any_unit(random: &mut Random, step: u64) -> Unit {
    let id = format!("j{}", random.below(12));
    let guards = match random.below(4) {
        0 => vec![at_revision(&id, 1 + random.below(3))],
        1 => vec![Guard::Claim(at_token(&id, random.below(3)))],
        _ => Vec::new(),
    };
    let writes = (0..=random.below(3)).map(|_| any_write(random, step)).collect();
    unit(guards, writes)
}

/// The conversations of the story.
fn conversations() -> Vec<Conversation> {
    let of = |user: &'static str| ["c", "d"].map(|id| conversation(user, id));
    ["ada", "bob", ""].into_iter().flat_map(of).collect()
}

fn any_turns(random: &mut Random, now: i64) -> Vec<Turn> {
    let all = conversations();
    let turn = |n: u64| {
        let of = &all[usize::try_from(random.below(all.len() as u64)).unwrap()];
        let at = now - i64::try_from(random.below(9)).unwrap();
        turn(of, &format!("{n}\0 of {now}"), at)
    };
    (0..4).map(turn).collect()
}

/// Of a day that has room for some of them.
fn any_booking(random: &mut Random) -> Booking {
    let mut amounts = || Amounts {
        tokens: i64::try_from(random.below(9)).unwrap(),
        tool_calls: i64::try_from(random.below(3)).unwrap(),
        ..Amounts::default()
    };
    let (used, reserved) = (amounts(), amounts());
    let within = Amounts {
        tokens: 60,
        ..Amounts::UNLIMITED
    };
    Booking {
        used,
        reserved,
        within: (random.below(4) > 0).then_some(within),
    }
}

/// Everything a caller can see; positions and cursors are each storage's own.
async fn seen(store: &Store) -> String {
    let filter = JobFilter {
        include_archived: true,
        ..any_job()
    };
    let jobs = store
        .find_jobs(
            TENANT,
            filter,
            Page {
                limit: 1_000,
                cursor: None,
                count: false,
            },
        )
        .await
        .unwrap();
    let ids: Vec<String> = jobs.jobs.iter().map(|job| job.id.clone()).collect();
    let mut text = format!("{jobs:#?}");
    for id in &ids {
        let filter = RunFilter {
            job: id.clone(),
            statuses: vec![],
            before: None,
            limit: 1_000,
        };
        text += &format!("{:#?}", store.find_runs(TENANT, filter).await.unwrap());
    }
    text += &format!(
        "{:#?}",
        store
            .find_edges(TENANT, EdgeFilter::OfDependents(ids.clone()))
            .await
            .unwrap()
    );
    for id in &ids {
        text += &format!(
            "{:#?}",
            store.find_changes(TENANT, id.clone(), 1_000).await.unwrap()
        );
    }
    let inbox = store.inbox(TENANT, None, 0, 1_000).await.unwrap();
    text += &format!(
        "{:#?}",
        inbox.into_iter().map(|entry| entry.message).collect::<Vec<_>>()
    );
    for of in conversations() {
        text += &format!("{:#?}", store.turns(TENANT, &of, 1_000).await.unwrap());
    }
    for day in 0..DAYS {
        text += &format!("{:?}", store.day_use(TENANT, day).await.unwrap());
    }
    text += &format!(
        "{:?} {:?} {}",
        store.next_due(TENANT).await.unwrap(),
        store.count_jobs(TENANT).await.unwrap(),
        store.stored(TENANT).await.unwrap().live_jobs
    );
    text
}

/// Everything that a caller sees of a store, and what searches find in it.
pub async fn shown(store: &Store) -> String {
    seen(store).await + &found(store).await
}

/// A refusal without its prose.
fn kind(answer: &Result<(), Rejection>) -> Result<(), Rejection> {
    match answer {
        Err(Rejection::Forbidden(_)) => Err(Rejection::Forbidden(String::new())),
        Err(Rejection::QuotaExceeded(_)) => Err(Rejection::QuotaExceeded(String::new())),
        other => other.clone(),
    }
}

/// Asks all storages the same; answers what they agree on.
macro_rules! all {
    ($stores:expr, $told:expr, |$store:ident| $ask:expr) => {{
        let mut answers = Vec::new();
        for $store in $stores {
            answers.push($ask);
        }
        let first = answers.remove(0);
        for answer in answers {
            assert_eq!(first, answer, "{}", $told);
        }
    }};
}

/// Tells the story of a seed.
///
/// # Panics
/// When two storages do not agree.
pub async fn tell(seed: u64, stores: &[Store]) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
    let mut said = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed + 1));
    for step in 0..STEPS {
        let told = format!("seed {seed}, step {step}");
        let now = i64::try_from(step).unwrap() * 5;
        if step % 5 == 0 {
            let turns = any_turns(&mut said, now);
            all!(stores, told, |store| store
                .add_turns(TENANT, turns.clone())
                .await
                .unwrap());
            let booking = any_booking(&mut said);
            all!(stores, told, |store| store
                .book(TENANT, now / 100, booking)
                .await
                .unwrap());
            let limit = u32::try_from(said.below(4)).unwrap();
            all!(stores, told, |store| store
                .forget_turns(TENANT, now - 40, limit)
                .await
                .unwrap());
        }
        if random.below(4) == 0 {
            let owner = format!("o{}", random.below(2));
            let limit = 1 + u32::try_from(random.below(4)).unwrap();
            all!(stores, told, |store| store
                .claim_due(TENANT, &owner, now, now + 40, limit)
                .await
                .unwrap());
            let leases = || vec![at_token("j1", 1), at_token("j2", 2)];
            all!(stores, told, |store| store
                .renew(TENANT, &owner, leases(), now + 60)
                .await
                .unwrap());
        } else {
            let units: Vec<Unit> = (0..=random.below(2))
                .map(|_| any_unit(&mut random, step))
                .collect();
            let told = format!("{told}: {units:#?}");
            all!(stores, told, |store| {
                let answers = store
                    .commit(TENANT, Quota::UNLIMITED, units.clone())
                    .await
                    .unwrap();
                answers.iter().map(kind).collect::<Vec<_>>()
            });
        }
    }
    all!(stores, format!("seed {seed}"), |store| seen(store).await);
    all!(stores, format!("seed {seed}"), |store| found(store).await);
}

/// What searches find, and in which order.
async fn found(store: &Store) -> String {
    let mut text = String::new();
    let asked: [&[&str]; 6] = [
        &["title"],
        &["Title j1"],
        &["j1", "j2", "nothing"],
        &["do it", "j3"],
        &["it do"],
        &["described", "DO"],
    ];
    for terms in asked {
        for mode in [SearchMode::AllTerms, SearchMode::AnyTerm] {
            let query = SearchQuery {
                terms: terms.iter().map(|term| (*term).to_owned()).collect(),
                mode,
                best_first: false,
                filter: any_job(),
                page: Page {
                    limit: 5,
                    cursor: None,
                    count: true,
                },
            };
            let page = store.search_jobs(TENANT, query).await.unwrap();
            text += &format!("{terms:?} {mode:?} {} {:#?}", page.total, page.hits);
        }
    }
    text
}
