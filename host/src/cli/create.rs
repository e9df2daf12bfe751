//! Creates planned jobs on a running host, all or none.

use std::collections::HashMap;

use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, Refused, segment};
use super::remote::text;

/// What of a planned job is said back but not sent.
const SAID_BACK: [&str; 3] = ["summary", "next_runs", "warnings"];

/// A first step that is due at once is held back until all are created, so that none has begun
/// when a later one is refused. Should this program die meanwhile, it runs after this time.
const HELD_BACK: &str = "in 1 hour";

/// Creates the jobs in order and notes in each its id, status and next fires. When one is refused,
/// those before it are cancelled.
pub(super) async fn create(client: &Client, jobs: &mut [Value], confirm_new: bool) -> anyhow::Result<()> {
    let mut creation = Creation {
        client,
        confirm_new,
        ids: HashMap::new(),
        created: Vec::new(),
    };
    let done = creation.run(jobs).await;
    match done {
        Ok(()) => Ok(()),
        Err(error) => Err(creation.undo(error).await),
    }
}

struct Creation<'a> {
    client: &'a Client,
    confirm_new: bool,
    /// Ids by title: other jobs may have the titles.
    ids: HashMap<String, String>,
    created: Vec<String>,
}

impl Creation<'_> {
    async fn run(&mut self, jobs: &mut [Value]) -> anyhow::Result<()> {
        let several = jobs.len() > 1;
        let mut held = Vec::new();
        for (index, job) in jobs.iter_mut().enumerate() {
            let mut request = self.request(job);
            if several && is_due_at_once(job) {
                request["trigger_config"]["when"] = HELD_BACK.into();
                held.push(index);
            }
            let answer = self.create_one(request).await?;
            let id = text(&answer, "/job/job_id");
            self.ids.insert(text(job, "/title"), id.clone());
            self.created.push(id.clone());
            job["job_id"] = id.into();
            note(job, &answer);
        }
        for index in held {
            let job = &mut jobs[index];
            let path = format!("/api/jobs/{}", segment(&text(job, "/job_id"))?);
            let at_once = json!({ "trigger_config": { "when": null, "run_at": null } });
            let answer = self.client.ask(Method::PATCH, &path, Some(at_once)).await?;
            note(job, &answer);
        }
        Ok(())
    }

    /// The planned job as `job_create` takes it.
    fn request(&self, job: &Value) -> Value {
        let mut request = job.clone();
        if let Some(fields) = request.as_object_mut() {
            fields.retain(|field, _| !SAID_BACK.contains(&field.as_str()));
        }
        let edges = request.get_mut("depends_on").and_then(Value::as_array_mut);
        for edge in edges.into_iter().flatten() {
            if let Some(id) = self.ids.get(&text(edge, "/job")) {
                edge["job"] = id.as_str().into();
            }
        }
        if self.confirm_new {
            request["confirm_new"] = true.into();
        }
        request
    }

    async fn create_one(&self, mut request: Value) -> anyhow::Result<Value> {
        let post = |request| self.client.ask(Method::POST, "/api/jobs", Some(request));
        let answer = post(request.clone()).await;
        let refused = answer.as_ref().err().and_then(|error| error.downcast_ref());
        if refused
            .is_some_and(|Refused(refusal)| self.created.contains(&text(refusal, "/similar_job/job_id")))
        {
            // Steps of one sentence may well be alike.
            request["confirm_new"] = true.into();
            return post(request).await;
        }
        answer
    }

    /// Cancels what was created; the error says so, and how to go on.
    async fn undo(&self, error: anyhow::Error) -> anyhow::Error {
        let mut left = Vec::new();
        for id in self.created.iter().rev() {
            let note = json!({ "note": "A later job of the same sentence was refused." });
            let cancelled = match segment(id) {
                Ok(id) => {
                    let path = format!("/api/jobs/{id}/cancel");
                    self.client.ask(Method::POST, &path, Some(note)).await
                }
                Err(error) => Err(error),
            };
            if cancelled.is_err() {
                left.push(id.as_str());
            }
        }
        let mut message = format!("{error:#}");
        let mut refusal = match error.downcast() {
            Ok(Refused(refusal)) => refusal,
            Err(_) => json!({ "code": "unavailable" }),
        };
        if refusal
            .get("code")
            .is_some_and(|code| code == "needs_confirmation")
        {
            message.push_str(" On the command line that is --confirm-new.");
        }
        if !left.is_empty() {
            message.push_str(&format!(
                " These jobs of the sentence exist and could not be cancelled: {}. Use `meanwhile cancel`.",
                left.join(", ")
            ));
        } else if !self.created.is_empty() {
            let count = self.created.len();
            message.push_str(&format!(
                " Nothing is left half-done: of this sentence, {count} job{} that had been created {} cancelled.",
                if count == 1 { "" } else { "s" },
                if count == 1 { "is" } else { "are" },
            ));
        }
        refusal["message"] = message.into();
        Refused(refusal).into()
    }
}

/// A single run, as soon as possible, that waits for nothing.
fn is_due_at_once(job: &Value) -> bool {
    let waits = job.pointer("/depends_on/0").is_some();
    text(job, "/job_type") == "ONE_OFF" && job.pointer("/trigger_config/run_at").is_none() && !waits
}

/// Notes what the host answered.
fn note(job: &mut Value, answer: &Value) {
    for (field, pointer) in [("status", "/job/status"), ("next_runs", "/next_runs")] {
        job[field] = answer.pointer(pointer).cloned().unwrap_or_default();
    }
}
