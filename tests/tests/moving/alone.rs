//! An import is alone in its store.

use crate::place::Place;
use crate::refusals::lines;

/// Somebody writes into the store while it is filled.
async fn a_store_that_others_write_into_is_not_made_whole(to: Place) {
    let lines = lines().await;
    let part: String = lines[..lines.len() - 1].concat();
    to.import(part.as_bytes()).await.unwrap_err();
    to.execute("INSERT INTO edges VALUES ('t', 'x', 'y', 'any', 0, 'waiting', NULL)")
        .await;
    let told = to.import(lines.concat().as_bytes()).await.unwrap_err();
    assert!(
        told.contains("3 rows are in the table edges, and 2 were put there"),
        "{told}"
    );
    assert!(to.open().await.err().unwrap().contains("was not finished"));
}

#[tokio::test]
async fn a_store_in_sqlite_that_others_write_into_is_not_made_whole() {
    a_store_that_others_write_into_is_not_made_whole(Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_in_postgres_that_others_write_into_is_not_made_whole() {
    a_store_that_others_write_into_is_not_made_whole(Place::postgres().await).await;
}

/// A host comes while an import works, which is alone.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn an_import_into_postgres_is_alone() {
    let place = Place::postgres().await;
    let target = place.target().await.unwrap();
    assert!(place.target().await.err().unwrap().contains("another import"));
    assert!(place.open().await.err().unwrap().contains("is under way"));
    drop(target);
    let hosts = [place.open().await.unwrap(), place.open().await.unwrap()];
    assert!(place.dump().await.unwrap().in_use);
    assert!(place.target().await.err().unwrap().contains("stop it first"));
    for (host, _) in &hosts {
        host.close().await;
    }
    place.target().await.unwrap();
}
