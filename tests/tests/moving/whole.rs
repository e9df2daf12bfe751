//! What is moved is all there is, as it was, but for leases.

use meanwhile::storage::Quota;
use meanwhile::storage::moving::{Cell, Column, DERIVED, NOT_MOVED, TABLES};
use meanwhile::wit::storage::Write;
use meanwhile_tests::differential;
use meanwhile_tests::storage_suite::{TENANT, message, turn, unit};

use crate::place::{OTHER, Place, fill, filled, talk};

/// There and back again, by way of the second store; answers the lines.
async fn there_and_back(from: &Place, by: &Place, to: &Place) -> String {
    let first = from.export().await;
    let counts = by.import(first.as_bytes()).await.unwrap();
    for table in &TABLES {
        assert!(counts[table.name] > 0, "nothing to move in {}", table.name);
    }
    let second = by.export().await;
    assert_eq!(first, second);
    to.import(second.as_bytes()).await.unwrap();
    assert_eq!(to.export().await, first);
    first
}

#[tokio::test]
async fn a_store_in_sqlite_moves_whole() {
    let from = filled(Place::sqlite()).await;
    there_and_back(&from, &Place::sqlite(), &Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_moves_whole_from_sqlite_to_postgres_and_back() {
    let from = filled(Place::sqlite()).await;
    let (by, to) = (Place::postgres().await, Place::sqlite());
    let lines = there_and_back(&from, &by, &to).await;
    // What is not in the lines: leases.
    assert!(!lines.contains("lease_until") && lines.contains("\"lease_token\":2"));
    for (place, table) in [(&by, "agenda"), (&to, "jobs")] {
        let leases = format!(
            "SELECT id FROM {table} WHERE lease_owner IS NOT NULL OR lease_until IS NOT NULL \
             OR coalesce(available_at, -1) <> coalesce(due_at, -1)"
        );
        assert!(place.texts(&leases).await.is_empty());
    }
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_moves_whole_from_postgres_to_postgres() {
    let from = filled(Place::postgres().await).await;
    there_and_back(&from, &Place::postgres().await, &Place::postgres().await).await;
}

/// Rows that a host passes over travel like others.
async fn rows_that_cannot_be_read_move(place: Place, by: Place) {
    let from = filled(place).await;
    let damage = "UPDATE jobs SET spec = '{' WHERE id = 'watch'; UPDATE jobs SET state = 'null' WHERE id = 'waits'; \
                  UPDATE jobs SET status = 'LATER' WHERE id = 'odd'; UPDATE runs SET body = ''";
    from.execute(damage).await;
    let lines = there_and_back(&from, &by, &Place::sqlite()).await;
    assert!(lines.contains("\"spec\":\"{\"") && lines.contains("\"LATER\""));
    by.open().await.unwrap();
}

#[tokio::test]
async fn rows_that_cannot_be_read_move_too() {
    rows_that_cannot_be_read_move(Place::sqlite(), Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn rows_that_cannot_be_read_move_to_postgres_too() {
    rows_that_cannot_be_read_move(Place::sqlite(), Place::postgres().await).await;
}

/// Lists, searches, counts and sums of the new store are those of the old one; tokens and numbers only grow.
async fn a_moved_store_answers_as_before(from: Place, to: Place) {
    let (old, registry) = from.open().await.unwrap();
    differential::tell(31, std::slice::from_ref(&old)).await;
    fill(&old, &registry).await;
    to.import(from.export().await.as_bytes()).await.unwrap();
    // Leases do not move.
    for owner in ["o", "o0", "o1"] {
        old.release_owner(owner).await.unwrap();
    }
    let (new, their_registry) = to.open().await.unwrap();
    assert_eq!(differential::shown(&new).await, differential::shown(&old).await);
    for tenant in [TENANT, OTHER, "gone"] {
        assert_eq!(
            new.stored(tenant).await.unwrap(),
            old.stored(tenant).await.unwrap()
        );
        assert_eq!(
            new.count_jobs(tenant).await.unwrap(),
            old.count_jobs(tenant).await.unwrap()
        );
        let inbox = new.inbox(tenant, None, 0, 999).await.unwrap();
        assert_eq!(inbox, old.inbox(tenant, None, 0, 999).await.unwrap());
        assert_eq!(
            new.undelivered(tenant, 999).await.unwrap(),
            old.undelivered(tenant, 999).await.unwrap()
        );
    }
    let said = old.turns(OTHER, &talk(), 9).await.unwrap();
    assert_eq!(said.len(), 2);
    assert_eq!(new.turns(OTHER, &talk(), 9).await.unwrap(), said);
    assert_eq!(
        their_registry.tenants().await.unwrap(),
        registry.tenants().await.unwrap()
    );
    let tokens = registry.tokens(OTHER).await.unwrap();
    assert_eq!(tokens.len(), 2);
    assert_eq!(their_registry.tokens(OTHER).await.unwrap(), tokens);
    let component = registry.component("d1").await.unwrap();
    assert!(component.is_some());
    assert_eq!(their_registry.component("d1").await.unwrap(), component);

    // The run under way is taken over as after a crash, at once and under a greater token.
    for store in [&old, &new] {
        let claims = store.claim_due(TENANT, "p", 1_000, 1_100, 99).await.unwrap();
        let report = claims.iter().find(|claim| claim.job.id == "report").unwrap();
        assert_eq!(report.token, 3);
        assert_eq!(report.open_run.as_ref().unwrap().id, "run 1");
    }
    // Positions go on behind those that were given, also to rows that are gone.
    let mut positions = Vec::new();
    let mut positions_of_turns = Vec::new();
    for (store, place) in [(&old, &from), (&new, &to)] {
        let told = unit(vec![], vec![Write::InsertMessage(message("new", "new"))]);
        store.commit("next", Quota::UNLIMITED, vec![told]).await.unwrap();
        positions.push(store.inbox("next", None, 0, 1).await.unwrap()[0].position);
        store
            .add_turns("next", vec![turn(&talk(), "new", 8)])
            .await
            .unwrap();
        let position = "SELECT CAST(position AS TEXT) FROM turns WHERE tenant = 'next'";
        positions_of_turns.push(place.texts(position).await);
    }
    assert_eq!(positions[1], positions[0]);
    assert_eq!(positions_of_turns[1], positions_of_turns[0]);
    assert_eq!(positions_of_turns[1].len(), 1);
}

#[tokio::test]
async fn a_store_moved_to_sqlite_answers_as_before() {
    a_moved_store_answers_as_before(Place::sqlite(), Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_moved_to_postgres_answers_as_before() {
    a_moved_store_answers_as_before(Place::sqlite(), Place::postgres().await).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_moved_back_from_postgres_answers_as_before() {
    a_moved_store_answers_as_before(Place::postgres().await, Place::sqlite()).await;
}

#[tokio::test]
async fn an_empty_store_moves_too() {
    let (from, to) = (Place::sqlite(), Place::sqlite());
    from.open().await.unwrap().0.close().await;
    let lines = from.export().await;
    assert!(to.import(lines.as_bytes()).await.unwrap().is_empty());
    assert_eq!(to.export().await, lines);
}

/// A column that is forgotten would be lost on the way.
async fn every_column_moves_or_is_known_not_to(place: &Place, columns: &str) {
    place.open().await.unwrap().0.close().await;
    let mut there: Vec<(String, String)> = Vec::new();
    for row in place.texts(columns).await {
        let [table, column] = row.try_into().unwrap();
        if !DERIVED
            .iter()
            .any(|derived| table == *derived || table.starts_with("job_text_"))
        {
            there.push((table, column));
        }
    }
    there.sort();
    let moved = TABLES.iter().flat_map(|table| {
        let name = |column: &Column| (table.name.to_owned(), column.name.to_owned());
        table.columns.iter().map(name)
    });
    let stay = NOT_MOVED.map(|(table, column)| (table.to_owned(), column.to_owned()));
    let mut known: Vec<(String, String)> = moved.chain(stay).collect();
    known.sort();
    assert_eq!(there, known);
}

#[tokio::test]
async fn every_column_of_sqlite_moves() {
    let columns = "SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns \
                   WHERE tables.type = 'table'";
    every_column_moves_or_is_known_not_to(&Place::sqlite(), columns).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn every_column_of_postgres_moves() {
    // Jobs have their columns in two tables there, some in both.
    let columns = "SELECT DISTINCT CASE table_name WHEN 'agenda' THEN 'jobs' ELSE table_name::text END, column_name::text \
                   FROM information_schema.columns WHERE table_schema = 'public'";
    every_column_moves_or_is_known_not_to(&Place::postgres().await, columns).await;
}

/// The rows are those of one commit, whatever is written meanwhile.
async fn a_store_in_use_is_exported_as_it_was(place: Place) {
    let (store, registry) = place.open().await.unwrap();
    fill(&store, &registry).await;
    let before = place.export().await;
    let mut dump = place.dump().await.unwrap();
    assert!(dump.in_use);
    // Rows that were not read yet go.
    while store.purge(TENANT, 99).await.unwrap() > 0 {}
    let (mut rows, mut jobs) = (0, 0);
    while let Some((table, row)) = dump.next().await.unwrap() {
        rows += 1;
        jobs += u32::from(table.name == "jobs" && row.0[1] == Cell::Text(TENANT.into()));
    }
    assert_eq!((rows, jobs), (before.lines().count() - 2, 3));
    assert!(
        !place
            .export()
            .await
            .contains("\"tenant\":\"t\",\"id\":\"report\"")
    );
    store.close().await;
}

#[tokio::test]
async fn a_store_of_a_live_host_on_sqlite_is_exported_as_it_was() {
    a_store_in_use_is_exported_as_it_was(Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_of_a_live_host_on_postgres_is_exported_as_it_was() {
    a_store_in_use_is_exported_as_it_was(Place::postgres().await).await;
}

#[tokio::test]
async fn a_store_that_no_host_has_open_is_known() {
    let place = filled(Place::sqlite()).await;
    assert!(!place.dump().await.unwrap().in_use);
}
