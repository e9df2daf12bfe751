//! An import that is stopped goes on where it was.

use std::io::{Cursor, Read};

use crate::place::{BATCH_ROWS, Place, filled};

/// Some lines, and then what a broken connection gives.
fn lines_then_nothing(lines: &str, count: usize) -> impl Read {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the line went dead"))
        }
    }
    let part: String = lines.split_inclusive('\n').take(count).collect();
    Cursor::new(part.into_bytes()).chain(Broken)
}

/// Stopped at each line in turn, and begun again.
async fn goes_on_where_it_was(to: Place) {
    let from = filled(Place::sqlite()).await;
    let lines = from.export().await;
    let all = lines.lines().count();
    let mut reached = 0;
    for count in 1..all {
        let told = to.import(lines_then_nothing(&lines, count)).await.unwrap_err();
        assert!(
            told.contains("the line went dead") && told.contains("goes on where it was"),
            "{told}"
        );
        let target = to.target().await.unwrap();
        let now = target.reached().lines;
        drop(target);
        // Never behind, and never further than a batch from where it was stopped.
        let waiting = count as u64 - now.max(1);
        assert!(
            now >= reached && waiting <= BATCH_ROWS as u64,
            "{now} of {count} lines"
        );
        reached = now;
        // Until it is whole, it is no host's and nobody's source.
        if now > 0 {
            for told in [to.open().await.err().unwrap(), to.dump().await.err().unwrap()] {
                assert!(
                    told.contains("was not finished") && told.contains("meanwhile import"),
                    "{told}"
                );
            }
        }
    }
    assert!(reached > 0);
    to.import(lines.as_bytes()).await.unwrap();
    assert_eq!(to.export().await, lines);
    let (store, _) = to.open().await.unwrap();
    let undisturbed = Place::sqlite();
    undisturbed.import(lines.as_bytes()).await.unwrap();
    let (other, _) = undisturbed.open().await.unwrap();
    for tenant in [meanwhile_tests::storage_suite::TENANT, crate::place::OTHER] {
        assert_eq!(
            store.stored(tenant).await.unwrap(),
            other.stored(tenant).await.unwrap()
        );
    }
    assert_eq!(
        meanwhile_tests::differential::shown(&store).await,
        meanwhile_tests::differential::shown(&other).await
    );
}

#[tokio::test]
async fn an_import_into_sqlite_goes_on_where_it_was() {
    goes_on_where_it_was(Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn an_import_into_postgres_goes_on_where_it_was() {
    goes_on_where_it_was(Place::postgres().await).await;
}
