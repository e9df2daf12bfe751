//! What an import or an export refuses, and what it says then.

use crate::place::{Place, filled};

/// The lines of a store with all sorts of rows.
pub(crate) async fn lines() -> Vec<String> {
    let from = filled(Place::sqlite()).await;
    from.export()
        .await
        .split_inclusive('\n')
        .map(String::from)
        .collect()
}

/// Where a row of a table is, from 0.
fn row_of(lines: &[String], table: &str) -> usize {
    let begin = format!("{{\"{table}\":");
    lines.iter().position(|line| line.starts_with(&begin)).unwrap()
}

/// Each change of an export, and what is said then.
#[tokio::test]
async fn an_export_that_is_not_whole_is_refused_with_its_line() {
    let lines = lines().await;
    let last = lines.len();
    let (job, message) = (row_of(&lines, "jobs"), row_of(&lines, "messages"));
    let changed = |at: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[at].contains(from), "{}", lines[at]);
        lines[at] = lines[at].replacen(from, to, 1);
        lines.concat()
    };
    let without = |at: usize| {
        let mut lines = lines.clone();
        lines.remove(at);
        lines.concat()
    };
    let with = |at: usize, line: &str| {
        let mut lines = lines.clone();
        lines.insert(at, line.to_owned());
        lines.concat()
    };
    let half = lines.concat();
    let half = &half[..half.floor_char_boundary(half.len() / 2)];
    let cut_in = half.lines().count() - 1;
    let cases: Vec<(String, String)> = vec![
        (String::new(), "line 1 is not the first line of an export".into()),
        (
            "hello\n".into(),
            "line 1 is not the first line of an export".into(),
        ),
        (without(0), "line 1 is not the first line of an export".into()),
        (
            changed(0, "\"format\":1", "\"format\":2"),
            "line 1: the export has format 2, and this version of Meanwhile reads 1: use version 0.1.0"
                .into(),
        ),
        (
            half.into(),
            format!("was cut off after line {cut_in}. Get all of it. Run the import again"),
        ),
        (without(last - 1), format!("was cut off after line {}.", last - 1)),
        (
            changed(last - 2, "\n", ""),
            format!("line {} is no row: no JSON object", last - 1),
        ),
        (
            changed(job, "{", "["),
            format!("line {} is no row: no JSON object", job + 1),
        ),
        (
            changed(job, "\"jobs\"", "\"ghosts\""),
            format!("line {} is no row: `ghosts` is no table", job + 1),
        ),
        (
            changed(job, "\"title\"", "\"ghost\""),
            format!("line {} is no row: jobs has no `title`", job + 1),
        ),
        (
            changed(job, "\"lease_token\":", "\"lease_token\":1."),
            format!(
                "line {} is no row: `lease_token` of jobs is no whole number",
                job + 1
            ),
        ),
        (
            changed(message, "\"created_at\":1", "\"created_at\":2"),
            format!("line {last}: the digest of the lines before is another one"),
        ),
        (
            without(message),
            format!("line {}: there are 1 rows of messages, and should be 2", last - 1),
        ),
        (
            with(job + 1, &lines[job]),
            format!("line {}: the store does not take this row", job + 2),
        ),
        (
            with(last, &lines[job]),
            format!("line {} follows on the last line", last + 1),
        ),
        (
            with(last, "\n"),
            format!("line {} follows on the last line", last + 1),
        ),
        (with(1, &lines[0]), "line 2 is no row".into()),
    ];
    for (export, why) in cases {
        let to = Place::sqlite();
        let told = to.import(export.as_bytes()).await.unwrap_err();
        assert!(told.contains(&why), "{why}\n{told}");
        // What is not whole, no host has. Where nothing was begun, nothing was made.
        if to.file().exists() {
            let refused = to.open().await.err();
            assert!(refused.is_none_or(|told| told.contains("was not finished")));
        }
    }
}

/// A run of a slot that has one, an id that is there: of many rows in a batch it is this one.
async fn a_row_in_anothers_place_is_named(to: [Place; 3]) {
    let lines = lines().await;
    let cases = [
        ("runs", "\"id\":\"run 1\"", "\"id\":\"run 2\""),
        ("jobs", "\"id\":\"", "\"id\":\"z"),
        ("messages", "\"position\":1", "\"position\":9"),
    ];
    for (to, (table, from, instead)) in to.into_iter().zip(cases) {
        let at = row_of(&lines, table);
        let mut twice = lines.clone();
        assert!(lines[at].contains(from));
        twice.insert(at + 1, lines[at].replacen(from, instead, 1));
        let told = to.import(twice.concat().as_bytes()).await.unwrap_err();
        let why = format!("line {}: the store does not take this row", at + 2);
        assert!(
            told.contains(&why) && told.contains("import into an empty store"),
            "{told}"
        );
        assert!(to.open().await.err().unwrap().contains("was not finished"));
    }
}

#[tokio::test]
async fn a_row_in_anothers_place_is_named_in_sqlite() {
    a_row_in_anothers_place_is_named([Place::sqlite(), Place::sqlite(), Place::sqlite()]).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_row_in_anothers_place_is_named_in_postgres() {
    let places = [
        Place::postgres().await,
        Place::postgres().await,
        Place::postgres().await,
    ];
    a_row_in_anothers_place_is_named(places).await;
}

/// A store that is somebody's, or half of another one.
async fn a_store_that_is_not_free_is_refused(place: [Place; 2]) {
    let [to, half] = place;
    let lines = lines().await;
    let export = lines.concat();
    to.import(export.as_bytes()).await.unwrap();
    let told = to.import(export.as_bytes()).await.unwrap_err();
    assert!(
        told.contains("not empty, there are rows in its table tenants: import into a new"),
        "{told}"
    );
    let (store, _) = to.open().await.unwrap();
    let told = to.import(export.as_bytes()).await.unwrap_err();
    assert!(
        told.contains("has") && told.contains("open") && told.contains("stop"),
        "{told}"
    );
    store.close().await;

    // Half of it, then of another.
    let part: String = lines[..lines.len() - 4].concat();
    half.import(part.as_bytes()).await.unwrap_err();
    let at = row_of(&lines, "tokens");
    let other = filled(Place::sqlite()).await.export().await;
    let told = half.import(other.as_bytes()).await.unwrap_err();
    assert!(
        told.contains("half filled with other rows") && told.contains("Go on with that export"),
        "{told}"
    );
    // A shorter one too.
    let empty = Place::sqlite();
    empty.open().await.unwrap().0.close().await;
    let told = half.import(empty.export().await.as_bytes()).await.unwrap_err();
    assert!(
        told.contains("line 2: the store is half filled with other rows"),
        "{told}"
    );
    // Its own goes on.
    assert!(at > 0);
    half.import(export.as_bytes()).await.unwrap();
    assert_eq!(half.export().await, export);
}

#[tokio::test]
async fn a_store_in_sqlite_that_is_not_free_is_refused() {
    a_store_that_is_not_free_is_refused([Place::sqlite(), Place::sqlite()]).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_store_in_postgres_that_is_not_free_is_refused() {
    a_store_that_is_not_free_is_refused([Place::postgres().await, Place::postgres().await]).await;
}

#[tokio::test]
async fn what_is_no_store_of_this_version_in_sqlite_is_not_exported() {
    let place = Place::sqlite();
    assert!(place.dump().await.err().unwrap().contains("store.db"));
    std::fs::write(place.file(), "").unwrap();
    assert!(
        place
            .dump()
            .await
            .err()
            .unwrap()
            .contains("is no store of Meanwhile")
    );
    place.open().await.unwrap().0.close().await;
    place.execute("PRAGMA user_version = 5").await;
    let told = place.dump().await.err().unwrap();
    assert!(
        told.contains("an earlier version") && told.contains("meanwhile doctor --store sqlite:"),
        "{told}"
    );
    place.execute("PRAGMA user_version = 1000").await;
    assert!(place.dump().await.err().unwrap().contains("a later version"));
    assert!(place.target().await.err().unwrap().contains("a later version"));
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn what_is_no_store_of_this_version_in_postgres_is_not_exported() {
    let place = Place::postgres().await;
    assert!(
        place
            .dump()
            .await
            .err()
            .unwrap()
            .contains("there is no store of Meanwhile")
    );
    place.open().await.unwrap().0.close().await;
    for (version, why) in [(1, "an earlier version"), (1_000, "a later version")] {
        place
            .execute(&format!("UPDATE schema_version SET version = {version}"))
            .await;
        assert!(place.dump().await.err().unwrap().contains(why));
    }
    assert!(place.target().await.err().unwrap().contains("a later version"));
}
