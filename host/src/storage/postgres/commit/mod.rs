//! Applying units of work. The commits of a tenant take turns anyway, at the lock of its row in `stored`:
//! so those of one host queue here instead, and all that wait share the next transaction. Tenants do not
//! wait for each other.

mod load;
mod statements;
mod texts;
mod write;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deadpool_postgres::{Object, Pool};
use tokio::sync::{Notify, oneshot};

pub(super) use self::load::lock_of_tenant;
pub(super) use self::texts::put_texts;
use super::failure::Failure;
use super::session::{Borrowed, again, answered, ended_how};
use super::terms::Terms;
use crate::storage::Quota;
use crate::storage::limits::{GROUP_TASKS_MAX, GROUP_WORK_MAX};
use crate::storage::units::{self, Sums};
use crate::wit::storage::{Rejection, StorageError, Unit};
use crate::wit::types::Instant;

type Prepared = units::Prepared<Terms>;
type Rows = units::Rows<Terms>;
type Answers = Vec<Result<(), Rejection>>;

/// Units of one call.
struct Call {
    quota: Quota,
    units: Vec<Result<Prepared, Rejection>>,
    answer: oneshot::Sender<Result<Answers, StorageError>>,
}

/// What waits, by tenant. A tenant has an entry as long as a task works for it.
#[derive(Default)]
pub(super) struct Lanes {
    waiting: Mutex<Queues>,
    empty: Notify,
}

#[derive(Default)]
struct Queues {
    of_tenant: HashMap<String, VecDeque<Call>>,
    closed: bool,
}

impl Lanes {
    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.queues().closed
    }

    /// Takes nothing more, and waits until all that was taken is answered.
    pub(super) async fn close(&self) {
        loop {
            let emptied = self.empty.notified();
            {
                let mut queues = self.queues();
                queues.closed = true;
                if queues.of_tenant.is_empty() {
                    return;
                }
            }
            emptied.await;
        }
    }

    /// Applies units in the next transaction of their tenant.
    pub(super) async fn commit(
        self: &Arc<Self>,
        pool: &Pool,
        tenant: &str,
        quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Answers, StorageError> {
        let prepare =
            |unit| Prepared::of(tenant, unit).map_err(|error| Rejection::Forbidden(error.to_string()));
        let units = units.into_iter().map(prepare).collect();
        let (answer, answered) = oneshot::channel();
        let call = Call { quota, units, answer };
        {
            let mut queues = self.queues();
            if queues.closed {
                return Err(Failure::Closed.into());
            }
            match queues.of_tenant.get_mut(tenant) {
                Some(waiting) => waiting.push_back(call),
                None => {
                    queues.of_tenant.insert(tenant.to_owned(), VecDeque::from([call]));
                    // A task of its own: no caller who gives up may leave a transaction half done.
                    let (lanes, pool, tenant) = (Arc::clone(self), pool.clone(), tenant.to_owned());
                    tokio::spawn(async move { lanes.work(&pool, &tenant).await });
                }
            }
        }
        match answered.await {
            Ok(result) => result,
            Err(_) => Err(Failure::Closed.into()),
        }
    }

    /// Works for a tenant until nothing waits.
    async fn work(&self, pool: &Pool, tenant: &str) {
        loop {
            let group = {
                let mut queues = self.queues();
                let group = queues
                    .of_tenant
                    .get_mut(tenant)
                    .map(next_group)
                    .unwrap_or_default();
                if group.is_empty() {
                    queues.of_tenant.remove(tenant);
                    self.empty.notify_waiters();
                    return;
                }
                group
            };
            answer(pool, tenant, group).await;
        }
    }
}

/// The calls that share the next transaction: so many that the first need not wait long for the last.
fn next_group(waiting: &mut VecDeque<Call>) -> Vec<Call> {
    let (mut group, mut work) = (Vec::new(), 0);
    while group.len() < GROUP_TASKS_MAX && (group.is_empty() || work < GROUP_WORK_MAX) {
        let Some(call) = waiting.pop_front() else { break };
        work += call.units.iter().flatten().map(|unit| unit.work).sum::<usize>();
        group.push(call);
    }
    group
}

async fn answer(pool: &Pool, tenant: &str, group: Vec<Call>) {
    let units: Vec<(Quota, &Prepared)> = group
        .iter()
        .flat_map(|call| call.units.iter().flatten().map(|unit| (call.quota, unit)))
        .collect();
    let mut results = apply(pool, tenant, &units).await.into_iter();
    for call in group {
        let mut failure = None;
        let mut applied = false;
        let mut answers = Answers::with_capacity(call.units.len());
        for unit in call.units {
            let result = match unit {
                Err(rejection) => Ok(Err(rejection)),
                Ok(_) => results
                    .next()
                    .unwrap_or(Err(StorageError::Unavailable(Failure::Closed.to_string()))),
            };
            match result {
                Ok(answer) => {
                    applied |= answer.is_ok();
                    answers.push(answer);
                }
                // Others of the call may be durable already: this one has to be decided again.
                Err(error) => {
                    failure = Some(error);
                    answers.push(Err(Rejection::Stale));
                }
            }
        }
        let answer = match failure {
            Some(error) if !applied => Err(error),
            _ => Ok(answers),
        };
        // Nobody waiting any more is no reason to undo what is durable.
        let _ = call.answer.send(answer);
    }
}

/// Applies units in order, one answer each. Where a value among them cannot be stored, the halves are
/// applied one after the other, until only the unit that has it is refused.
async fn apply(
    pool: &Pool,
    tenant: &str,
    units: &[(Quota, &Prepared)],
) -> Vec<Result<Result<(), Rejection>, StorageError>> {
    let mut results = Vec::with_capacity(units.len());
    let mut pieces = vec![units];
    while let Some(piece) = pieces.pop() {
        if piece.is_empty() {
            continue;
        }
        match transaction(pool, tenant, piece).await {
            Ok(answers) => results.extend(answers.into_iter().map(Ok)),
            Err(failure) if failure.is_of_data() && piece.len() == 1 => {
                results.push(Ok(Err(Rejection::Forbidden(failure.to_string()))));
            }
            Err(failure) if failure.is_of_data() => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
            Err(failure) => {
                let error = StorageError::from(failure);
                results.extend(piece.iter().map(|_| Err(error.clone())));
            }
        }
    }
    results
}

/// Again as long as nothing was written for certain: until COMMIT is sent.
async fn transaction(pool: &Pool, tenant: &str, units: &[(Quota, &Prepared)]) -> Result<Answers, Failure> {
    again(Failure::is_transient, || once(pool, tenant, units)).await
}

async fn once(pool: &Pool, tenant: &str, units: &[(Quota, &Prepared)]) -> Result<Answers, Failure> {
    let borrowed = Borrowed::from(pool).await?;
    let client = borrowed.client()?;
    let named: Vec<&Prepared> = units.iter().map(|(_, unit)| *unit).collect();
    let decided = async {
        let mut rows = load::begin(client, tenant, &named).await?;
        let answers: Answers = units
            .iter()
            .map(|(quota, unit)| rows.unit(unit, *quota))
            .collect();
        if answers.iter().any(Result::is_ok) {
            write::all(client, tenant, &rows).await?;
        }
        Ok(answers)
    };
    let answers = answered(decided, Failure::Silent).await?;
    let ended = async { client.batch_execute("COMMIT").await.map_err(ended_how) };
    answered(ended, Failure::Unknown).await?;
    borrowed.give_back();
    Ok(answers)
}

/// The instants from which a unit gives something to claim. What stays under the claim that it is written with is
/// nobody else's.
pub(super) fn dues(unit: &Unit) -> impl Iterator<Item = Instant> {
    use crate::wit::storage::{Guard, Write};
    let held = |job: &str| {
        let claims = |guard: &Guard| matches!(guard, Guard::Claim(claim) if claim.job == job);
        let releases = |write: &Write| matches!(write, Write::Release(claim) if claim.job == job);
        unit.guards.iter().any(claims) && !unit.writes.iter().any(releases)
    };
    unit.writes.iter().filter_map(move |write| match write {
        Write::InsertJob(job) => job.state.due_at,
        Write::UpdateJob(update) if held(&update.id) => None,
        Write::UpdateJob(update) => update.state.due_at,
        _ => None,
    })
}

/// Writes what the rows of a tenant come to, whose row in `stored` is locked.
pub(super) async fn put_sums(client: &Object, tenant: &str, sums: &Sums) -> Result<(), Failure> {
    let statement = client.prepare_cached(statements::STORED).await?;
    write::write(client, &statement, Some(tenant), Some(write::sums(sums))).await
}
