//! Work on a connection. Every statement runs in a transaction that says on whose behalf: row-level
//! security lets nothing else be seen (`schema.rs`).

use std::time::Duration;

use deadpool_postgres::{Object, Pool};
use futures_util::{TryStreamExt as _, join};
use tokio_postgres::{Row, RowStream};

use super::failure::Failure;
use super::value::Value;
use crate::limits::READ_BYTES_MAX;
use crate::storage::limits::{POSTGRES_ANSWER_WAIT, POSTGRES_RETRY_WAIT_FIRST, POSTGRES_TRIES_MAX};

/// On whose behalf a transaction runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope<'a> {
    /// One tenant's rows and no others.
    Tenant(&'a str),
    /// The host's own work: rows of all tenants, and who they are.
    Host,
}

/// Says whose rows a transaction sees, until its end.
pub(super) const SET_SCOPE: &str =
    "SELECT set_config('app.tenant', $1, true), set_config('app.scope', $2, true)";

impl Scope<'_> {
    pub(super) fn settings(&self) -> [Value; 2] {
        match self {
            Self::Tenant(tenant) => [Value::text(tenant), Value::Text("tenant".into())],
            Self::Host => [Value::Text(String::new()), Value::Text("host".into())],
        }
    }
}

/// A statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sql<'a> {
    /// Always the same text: prepared once a connection.
    Fixed(&'a str),
    /// Put together from what is asked: planned anew for its values, which tell how many rows match.
    Made(&'a str),
}

/// How much may be read in one go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bound {
    /// More than [`READ_BYTES_MAX`] is an error.
    Refuse,
    /// What is beyond so many bytes is left out, but for the first row.
    Cut(usize),
}

/// Rows, and whether some were left out.
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    pub(super) cut: bool,
}

async fn collect(stream: RowStream, bound: Bound) -> Result<Found, Failure> {
    let mut stream = std::pin::pin!(stream);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = stream.try_next().await? {
        bytes += row.raw_size_bytes();
        match bound {
            Bound::Refuse if bytes > READ_BYTES_MAX => return Err(Failure::TooMuch),
            Bound::Cut(most) if bytes > most && !rows.is_empty() => return Ok(Found { rows, cut: true }),
            _ => rows.push(row),
        }
    }
    Ok(Found { rows, cut: false })
}

/// Runs one statement on a connection.
async fn run(client: &Object, sql: Sql<'_>, values: &[Value], bound: Bound) -> Result<Found, Failure> {
    let stream = match sql {
        Sql::Fixed(text) => {
            let statement = client.prepare_cached(text).await?;
            client
                .query_raw(&statement, values.iter().map(Value::parameter))
                .await?
        }
        Sql::Made(text) => {
            let typed = values.iter().map(|value| (value.parameter(), value.kind()));
            client.query_typed_raw(text, typed).await?
        }
    };
    collect(stream, bound).await
}

/// Statements of one transaction, sent in one go: each is on its way before the one before is answered.
/// All are prepared before the first is sent, so that a caller who gives up leaves no open transaction.
async fn in_one_go(
    client: &Object,
    begin: &str,
    scope: Scope<'_>,
    sql: Sql<'_>,
    values: &[Value],
    bound: Bound,
) -> Result<Found, Failure> {
    let set_scope = client.prepare_cached(SET_SCOPE).await?;
    if let Sql::Fixed(text) = sql {
        client.prepare_cached(text).await?;
    }
    let settings = scope.settings();
    let (begun, set, found, ended) = join!(
        client.batch_execute(begin),
        client.execute_raw(&set_scope, settings.iter().map(Value::parameter)),
        run(client, sql, values, bound),
        client.batch_execute("COMMIT"),
    );
    begun?;
    set?;
    let found = found?;
    // Whoever only reads has his answer, whatever becomes of the connection.
    if begin == READ {
        return Ok(found);
    }
    ended.map_err(ended_how)?;
    Ok(found)
}

/// What a failed COMMIT means: Postgres answered that there is nothing, or did not answer.
pub(super) fn ended_how(error: tokio_postgres::Error) -> Failure {
    let failure = Failure::Postgres(error);
    if failure.is_undone() || failure.is_of_data() {
        failure
    } else {
        Failure::Unknown
    }
}

const READ: &str = "BEGIN READ ONLY";
const WRITE: &str = "BEGIN";

/// Does something again, a few times, after failures of a kind.
pub(super) async fn again<T, F: Future<Output = Result<T, Failure>>>(
    after: fn(&Failure) -> bool,
    work: impl Fn() -> F,
) -> Result<T, Failure> {
    let mut retries = Retries::default();
    loop {
        match work().await {
            Err(failure) if after(&failure) && retries.again().await => {}
            result => return result,
        }
    }
}

/// Waits between tries: doubling, a few times.
struct Retries {
    left: u32,
    wait: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            left: POSTGRES_TRIES_MAX - 1,
            wait: POSTGRES_RETRY_WAIT_FIRST,
        }
    }
}

impl Retries {
    /// Waits for the next try. False: there were enough.
    async fn again(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(self.wait).await;
        self.wait *= 2;
        true
    }
}

/// A connection that is closed, not given back, unless all went well: whatever state it is in.
pub(super) struct Borrowed(Option<Object>);

impl Borrowed {
    pub(super) async fn from(pool: &Pool) -> Result<Self, Failure> {
        Ok(Self(Some(pool.get().await?)))
    }

    pub(super) fn client(&self) -> Result<&Object, Failure> {
        self.0.as_ref().ok_or(Failure::Closed)
    }

    pub(super) fn give_back(mut self) {
        self.0.take();
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

/// What Postgres answers in time; `silent` where it does not. The connection is of no use then.
pub(super) async fn answered<T>(
    asked: impl Future<Output = Result<T, Failure>>,
    silent: Failure,
) -> Result<T, Failure> {
    let answer = tokio::time::timeout(POSTGRES_ANSWER_WAIT, asked).await;
    answer.unwrap_or(Err(silent))
}

/// Reads, again where the connection was lost meanwhile.
pub(super) async fn read(
    pool: &Pool,
    scope: Scope<'_>,
    sql: Sql<'_>,
    values: &[Value],
    bound: Bound,
) -> Result<Found, Failure> {
    tried(Failure::is_transient, pool, READ, scope, sql, values, bound).await
}

/// Changes rows by one statement, in a transaction of its own; again where nothing was written for
/// certain. Where a connection is lost that is not certain: the error is [`Failure::Unknown`].
pub(super) async fn change(
    pool: &Pool,
    scope: Scope<'_>,
    sql: Sql<'_>,
    values: &[Value],
) -> Result<Vec<Row>, Failure> {
    let wrote_nothing = |failure: &Failure| {
        failure.is_undone() || matches!(failure, Failure::Pool(_)) && failure.is_transient()
    };
    let found = tried(wrote_nothing, pool, WRITE, scope, sql, values, Bound::Refuse).await?;
    Ok(found.rows)
}

/// The same for a change that, made twice, is as if it were made once.
pub(super) async fn change_again(
    pool: &Pool,
    scope: Scope<'_>,
    sql: Sql<'_>,
    values: &[Value],
) -> Result<Vec<Row>, Failure> {
    let may_pass = |failure: &Failure| failure.is_transient() || matches!(failure, Failure::Unknown);
    let found = tried(may_pass, pool, WRITE, scope, sql, values, Bound::Refuse).await?;
    Ok(found.rows)
}

/// Runs one statement in a transaction of its own, again, a few times, after failures of a kind.
async fn tried(
    again_after: fn(&Failure) -> bool,
    pool: &Pool,
    begin: &str,
    scope: Scope<'_>,
    sql: Sql<'_>,
    values: &[Value],
    bound: Bound,
) -> Result<Found, Failure> {
    again(again_after, || once(pool, begin, scope, sql, values, bound)).await
}

async fn once(
    pool: &Pool,
    begin: &str,
    scope: Scope<'_>,
    sql: Sql<'_>,
    values: &[Value],
    bound: Bound,
) -> Result<Found, Failure> {
    let borrowed = Borrowed::from(pool).await?;
    let asked = in_one_go(borrowed.client()?, begin, scope, sql, values, bound);
    let silent = if begin == READ {
        Failure::Silent
    } else {
        Failure::Unknown
    };
    let found = answered(asked, silent).await?;
    borrowed.give_back();
    Ok(found)
}
