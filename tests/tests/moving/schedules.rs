//! The program itself, with schedules that live: what moves goes on as if nothing had been, slot by slot.

use std::process::{Command, Stdio};

use meanwhile_tests::given::{HOUR, MINUTE, create, every, job, once, runs, slots, status, with};
use meanwhile_tests::scripted::{Scripted, WAIT};
use meanwhile_tests::served::{Served, command, run};
use serde_json::json;

use crate::place::Place;

/// A host on a store, its clock moved by hand.
fn host(place: &Place, agent: &Scripted, instant: &str) -> Served {
    let clock = format!("manual:{instant}");
    let (store, agent) = (place.setting(), agent.setting());
    Served::start(&["--store", &store, "--clock", &clock, "--agent", &agent])
}

fn program(arguments: &[&str], store: &str) -> Command {
    let mut program = command();
    program
        .args(arguments)
        .env("MEANWHILE_STORE", store)
        .stderr(Stdio::piped());
    program
}

/// `meanwhile export | meanwhile import`; answers what the export said.
fn moved(from: &Place, to: &Place) -> String {
    let mut export = program(&["export"], &from.setting());
    let mut export = export.stdout(Stdio::piped()).spawn().unwrap();
    let mut import = program(&["import"], &to.setting());
    let lines = export.stdout.take().unwrap();
    let import = import.stdin(lines).output().unwrap();
    let export = export.wait_with_output().unwrap();
    let (said, heard) = (
        String::from_utf8(export.stderr).unwrap(),
        String::from_utf8(import.stderr).unwrap(),
    );
    assert!(
        export.status.success() && import.status.success(),
        "{said}{heard}"
    );
    // Both count the same.
    let (exported, imported) = (said.split("exported ").nth(1), heard.split("imported ").nth(1));
    assert_eq!(exported, imported);
    assert!(imported.unwrap().contains("5 jobs"), "{heard}");
    said
}

/// Three hosts, one after the other, on three stores.
async fn schedules_go_on(places: [Place; 3]) {
    let [first, second, third] = places;
    let mut agent = Scripted::new();
    agent.answers("Long", &[WAIT, "done at last"]);
    let mut served = host(&first, &agent, "2026-06-01T10:00:00+08:00");
    let client = served.client.clone();
    let tick = create(&client, every("Tick", 10 * MINUTE)).await;
    let cron = json!({"title": "Quarters", "payload": "Look", "trigger_config": {"cron": "*/15 * * * *", "timezone": "Asia/Shanghai"}});
    let quarters = create(&client, cron).await;
    let goal = json!({"trigger_config": {"end_condition": "output contains \"sold\"", "max_iterations": 50}});
    let ongoing = create(&client, with(every("Ongoing", HOUR), goal)).await;
    let long = create(&client, once("Long")).await;
    let after =
        json!({"title": "After", "payload": "Do it.", "job_type": "ONE_OFF", "depends_on": [{"job": long}]});
    let after = create(&client, after).await;
    agent.begun().await;
    client.advance_to("2026-06-01T10:32:00+08:00").await;
    assert_eq!(slots(&client, &tick).await.len(), 3);
    // It dies with a run under way.
    served.kill();
    assert!(!moved(&first, &second).contains("a host has this store open"));

    let mut served = host(&second, &agent, "2026-06-01T10:32:00+08:00");
    let client = served.client.clone();
    // The host was away over two slots of one job, and one of another.
    client.advance_to("2026-06-01T11:32:00+08:00").await;
    assert_eq!(status(&client, &long).await, "COMPLETED");
    assert_eq!(status(&client, &after).await, "COMPLETED");
    let [run] = &runs(&client, &long).await[..] else {
        panic!("one slot, one run");
    };
    assert_eq!(
        (&run["attempt"], &run["status"]),
        (&json!(2), &json!("succeeded"))
    );
    let to = Place::sqlite();
    assert!(moved(&second, &to).contains("a host has this store open"));
    served.terminate();
    assert!(served.ended().success());
    moved(&second, &third);

    let served = host(&third, &agent, "2026-06-01T11:32:00+08:00");
    let client = served.client.clone();
    agent.answers("Ongoing", &["sold"]);
    client.advance_to("2026-06-01T12:32:00+08:00").await;
    let every_minutes = |minutes: usize| -> Vec<String> {
        let all = (minutes..=152).step_by(minutes);
        all.map(|minute| format!("2026-06-01T{}:{:02}:00+08:00", 10 + minute / 60, minute % 60))
            .collect()
    };
    assert_eq!(slots(&client, &tick).await, every_minutes(10));
    let at_once = vec!["2026-06-01T10:00:00+08:00".to_owned()];
    assert_eq!(
        slots(&client, &quarters).await,
        [at_once, every_minutes(15)].concat()
    );
    assert_eq!(slots(&client, &ongoing).await, every_minutes(60));
    assert_eq!(status(&client, &ongoing).await, "COMPLETED");
    assert_eq!(
        job(&client, &tick).await["next_run_at"],
        "2026-06-01T12:40:00+08:00"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_go_on_in_another_file() {
    schedules_go_on([Place::sqlite(), Place::sqlite(), Place::sqlite()]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn schedules_go_on_in_postgres_and_back_in_sqlite() {
    schedules_go_on([Place::sqlite(), Place::postgres().await, Place::sqlite()]).await;
}

/// `kill -9` in the middle: what it has read and what it has done is anybody's guess.
async fn a_killed_import_goes_on(to: Place) {
    use std::io::Write as _;
    let from = crate::place::filled(Place::sqlite()).await;
    let export = from.export().await;
    let mut child = program(&["import", "-"], &to.setting());
    let mut child = child.stdin(Stdio::piped()).spawn().unwrap();
    // More than fits into a pipe: it has read some of that when all is written.
    let half = export.len() * 3 / 4;
    child
        .stdin
        .as_mut()
        .unwrap()
        .write_all(&export.as_bytes()[..half])
        .unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let (told, _, ended) = run(&["doctor", "--store", &to.setting()]);
    assert!(
        !ended.success() && told.contains("FAIL  store") && told.contains("was not finished"),
        "{told}"
    );
    if let Place::Sqlite(_) = &to {
        let (_, told, ended) = run(&["simulate", "--store", &to.setting()]);
        assert!(!ended.success() && told.contains("was not finished"), "{told}");
    }
    let file = from.file().with_extension("jsonl");
    std::fs::write(&file, &export).unwrap();
    let (_, told, ended) = run(&["import", "--store", &to.setting(), file.to_str().unwrap()]);
    assert!(ended.success() && told.contains("going on after line "), "{told}");
    assert_eq!(to.export().await, export);
}

#[tokio::test]
async fn a_killed_import_into_sqlite_goes_on() {
    a_killed_import_goes_on(Place::sqlite()).await;
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_killed_import_into_postgres_goes_on() {
    a_killed_import_goes_on(Place::postgres().await).await;
}

#[tokio::test]
async fn a_file_is_written_once_and_for_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let from = crate::place::filled(Place::sqlite()).await;
    let file = from.file().with_extension("jsonl");
    let arguments = [
        "export",
        "--store",
        &from.setting(),
        "--out",
        file.to_str().unwrap(),
    ];
    let (output, told, ended) = run(&arguments);
    assert!(ended.success() && output.is_empty(), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), from.export().await);
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let (_, told, ended) = run(&arguments);
    assert!(!ended.success() && told.contains("exists"), "{told}");
    assert!(file.exists());
    let (_, told, ended) = run(&["export", "--store", "memory"]);
    assert!(
        !ended.success() && told.contains("name a store that is kept"),
        "{told}"
    );
    let (_, told, ended) = run(&["import", "--store", "elsewhere:x"]);
    assert!(
        !ended.success() && told.contains("expected `sqlite:PATH`"),
        "{told}"
    );
}
