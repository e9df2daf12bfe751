//! `meanwhile runs ID --follow`: what a job's runs do, as they do it.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::client::segment;
use super::remote::{OneJob, list, text};
use crate::visible::visible;

/// How often a run is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Runs that are looked at: more are not open at once.
const RUNS: usize = 5;

/// What was shown of a run.
#[derive(Default)]
struct Shown {
    run: String,
    status: String,
    lines: Vec<String>,
    output: String,
}

impl Shown {
    /// What is new of a run, as text.
    fn news(&mut self, run: &Value) -> String {
        let mut news = String::new();
        let [status, output] = ["/status", "/output"].map(|it| text(run, it));
        if self.status != status {
            news.push_str(&format!("{}  {status}\n", self.run));
        }
        let lines: Vec<String> = list(run, "/journal").iter().map(|line| text(line, "")).collect();
        for line in &lines[known(&self.lines, &lines)..] {
            news.push_str(&format!("  {line}\n"));
        }
        match output.strip_prefix(&self.output) {
            Some(more) => news.push_str(more),
            // Another answer takes its place.
            None => news.push_str(&format!("\n{output}")),
        }
        let is_over = self.status != status && is_final(&status);
        if is_over {
            let error = text(run, "/error/message");
            news.push_str(if error.is_empty() { "\n" } else { &error });
        }
        self.status = status;
        self.lines = lines;
        self.output = output;
        news
    }
}

/// How many of the lines were shown before: all up to the last one that was. A journal loses its oldest lines when
/// it is full.
fn known(before: &[String], now: &[String]) -> usize {
    let is_end = |count: &usize| before.ends_with(&now[..*count]);
    (0..=now.len()).rev().find(is_end).unwrap_or(0)
}

fn is_final(status: &str) -> bool {
    matches!(
        status,
        "succeeded" | "failed" | "needs_input" | "cancelled" | "missed" | "skipped"
    )
}

fn has_ended(status: &str) -> bool {
    matches!(status, "COMPLETED" | "FAILED" | "CANCELLED" | "ARCHIVED")
}

/// The oldest of some runs, newest first, that is not over. At first that is the newest: those before it are not shown.
fn next(runs: Vec<String>, over: &mut Option<HashSet<String>>) -> Option<String> {
    let over = over.get_or_insert_with(|| runs.iter().skip(1).cloned().collect());
    runs.into_iter().rev().find(|run| !over.contains(run))
}

/// Shows the job's runs from the newest one on, until the job has ended.
pub(super) async fn runs(job: &OneJob) -> anyhow::Result<()> {
    let client = job.target.client()?;
    let path = format!("/api/jobs/{}", segment(&job.id)?);
    let mut shown = Shown::default();
    let mut over = None;
    loop {
        let status = text(&client.ask(Method::GET, &path, None).await?, "/job/status");
        let answer = client
            .ask(Method::GET, &format!("{path}/runs?limit={RUNS}"), None)
            .await?;
        let runs = list(&answer, "/runs")
            .iter()
            .map(|run| text(run, "/run_id"))
            .collect();
        let open = next(runs, &mut over);
        let Some(run) = open else {
            if has_ended(&status) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
            continue;
        };
        if shown.run != run {
            shown = Shown {
                run: run.clone(),
                ..Shown::default()
            };
        }
        let now = client
            .ask(Method::GET, &format!("/api/runs/{}", segment(&run)?), None)
            .await?;
        let news = shown.news(&now);
        if job.target.json {
            if !news.is_empty() {
                say!("{now}");
            }
        } else {
            say_as_is!("{}", visible(&news));
        }
        if is_final(&shown.status) {
            over.get_or_insert_with(HashSet::new).insert(run);
        } else {
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Shown, known, next};

    #[test]
    fn only_what_is_new_is_shown() {
        let mut shown = Shown {
            run: "run_1".to_owned(),
            ..Shown::default()
        };
        let mut run = json!({"status": "executing", "journal": ["one"], "output": "Two"});
        assert_eq!(shown.news(&run), "run_1  executing\n  one\nTwo");
        assert_eq!(shown.news(&run), "");
        run["journal"] = json!(["one", "two"]);
        run["output"] = json!("Two invoices");
        assert_eq!(shown.news(&run), "  two\n invoices");
        run = json!({"status": "succeeded", "journal": ["one", "two"], "output": "Done."});
        assert_eq!(shown.news(&run), "run_1  succeeded\n\nDone.\n");
    }

    #[test]
    fn runs_before_the_first_that_is_shown_stay_away() {
        let runs = |some: &[&str]| -> Vec<String> { some.iter().map(|run| (*run).to_owned()).collect() };
        let mut over = None;
        assert_eq!(next(runs(&["c", "b", "a"]), &mut over).as_deref(), Some("c"));
        over.as_mut().unwrap().insert("c".to_owned());
        assert_eq!(next(runs(&["c", "b", "a"]), &mut over), None);
        assert_eq!(next(runs(&["e", "d", "c", "b"]), &mut over).as_deref(), Some("d"));
    }

    #[test]
    fn a_full_journal_moves_on() {
        let lines = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
        assert_eq!(known(&lines("a b c"), &lines("b c d")), 2);
        assert_eq!(known(&lines("a b c"), &lines("x y")), 0);
        assert_eq!(known(&lines("a b"), &lines("a b")), 2);
        assert_eq!(known(&[], &lines("a b")), 0);
        assert_eq!(known(&lines("a b"), &[]), 0);
    }
}
