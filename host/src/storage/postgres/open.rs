//! Opening a store: of this version, whole, and of no import's.

use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::connect::Connector;
use super::failure::with_causes;
use super::nudge::Nudges;
use super::presence::{self, As};
use super::{LeaseClock, PostgresStorage, claim, fill, versions};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is none of a Postgres.
    #[error("the URL of the store: {}. It looks like postgres://user:password@host/database", with_causes(.0))]
    Url(tokio_postgres::Error),
    /// No certificates to trust.
    #[error("this machine's certificates cannot be read, which encrypted connections need: {0}")]
    Tls(rustls::Error),
    /// The pool of connections could not be made.
    #[error("no connections can be kept: {0}")]
    Pool(String),
    /// What Postgres said, or why it could not be asked.
    #[error("Postgres: {}", with_causes(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// A later version of this program has been here.
    #[error(
        "the store was written by a later version of Meanwhile (schema {found}; this one knows {known}): use that version"
    )]
    Newer {
        /// The version of the schema that is there.
        found: i64,
        /// The latest that this program knows.
        known: i64,
    },
    /// To be read as it is, and the tables are those of an earlier version.
    #[error(
        "the store was written by an earlier version of Meanwhile (schema {found}; this one has {known}): run \
         `meanwhile doctor` on it once, which brings it up to date"
    )]
    Older {
        /// The version of the schema that is there.
        found: i64,
        /// The latest that this program knows.
        known: i64,
    },
    /// To be read only, and the database has none of our tables.
    #[error("there is no store of Meanwhile in this database")]
    NoStore,
    /// An import has filled a part of it.
    #[error(
        "an import into this store was not finished, and jobs are missing: run `meanwhile import` with the same export \
         again, which goes on where it was, or begin anew in a new database"
    )]
    HalfImported,
    /// An import into it would mix two stores.
    #[error("the store is not empty, there are rows in its table {0}: import into a new database")]
    NotEmpty(&'static str),
    /// For an import, which has to be alone.
    #[error("a host, or another import, has this store open: stop it first")]
    InUse,
    /// For a host.
    #[error("an import into this store is under way: start the host when it is done")]
    Importing,
    /// What is there could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// Not every text could be stored.
    #[error("the database's encoding is {0}: make one with ENCODING 'UTF8' TEMPLATE template0")]
    Encoding(String),
}

impl PostgresStorage {
    /// Opens the store in the database of a URL, such as `postgres://user:password@host/database`, and
    /// brings its tables to the present version. Hosts that share it have to agree on the clock.
    ///
    /// # Errors
    /// When the database cannot be reached, or its tables are of a later version.
    pub async fn open(url: &str, clock: LeaseClock) -> Result<Self, OpenError> {
        let connector = Arc::new(Connector::new(url)?);
        let (mut client, mut messages) = connector.connect().await?;
        let entered = async {
            if !presence::enter(&client, As::Host).await? {
                return Err(OpenError::Importing);
            }
            versions::migrate(&mut client).await?;
            if !fill::is_whole(&client).await? {
                return Err(OpenError::HalfImported);
            }
            // What the store's clock shows is known before anybody asks.
            Ok(claim::clock_of(&client).await?)
        };
        // Nobody else drives the connection yet. Where it ends, so does what waits for it, with an error.
        let driven = messages.by_ref().for_each(|_| std::future::ready(()));
        let shown = tokio::select! {
            entered = entered => entered?,
            never = driven.then(|()| std::future::pending()) => never,
        };
        let pool = connector.pool()?;
        Ok(Self {
            nudges: Nudges::start(pool.clone(), Arc::clone(&connector), (client, messages)),
            pool,
            connector,
            clock,
            shown: Arc::new(shown),
            lanes: Arc::default(),
        })
    }
}
