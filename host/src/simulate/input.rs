//! Where simulated jobs come from.

use std::collections::HashMap;

use serde_json::Value;

use super::{RunUsage, SimulateError};
use crate::limits::SIMULATED_JOBS_MAX;
use crate::storage::sqlite::Snapshot;

/// Reads `job_create` requests: a JSON list, `{"jobs": [...]}`, or one request a line.
///
/// # Errors
/// When it is neither, or there are none or too many; the sentence names the line or job.
pub fn read_requests(text: &str) -> Result<Vec<Value>, SimulateError> {
    let requests = match serde_json::from_str(text) {
        Ok(Value::Array(requests)) => requests,
        Ok(Value::Object(mut one)) => match one.remove("jobs") {
            Some(Value::Array(requests)) => requests,
            Some(_) => return Err(SimulateError::input("`jobs` is no list of job_create requests.")),
            None => vec![Value::Object(one)],
        },
        Ok(_) => {
            return Err(SimulateError::input(
                "The jobs are a JSON list of job_create requests, {\"jobs\": [...]}, or one request a line.",
            ));
        }
        Err(error) => lines(text, &error)?,
    };
    if requests.is_empty() {
        return Err(SimulateError::input("There are no jobs in it."));
    }
    if requests.len() > SIMULATED_JOBS_MAX {
        return Err(SimulateError::input(format!(
            "There are {} jobs in it; at most {SIMULATED_JOBS_MAX} are simulated at once.",
            requests.len()
        )));
    }
    if let Some(at) = requests.iter().position(|request| !request.is_object()) {
        return Err(SimulateError::input(format!(
            "Job {} is no JSON object: give a job_create request.",
            at + 1
        )));
    }
    Ok(requests)
}

/// One request a line. `whole` is why the text is no single JSON value.
fn lines(text: &str, whole: &serde_json::Error) -> Result<Vec<Value>, SimulateError> {
    let mut requests = Vec::new();
    for (at, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        match serde_json::from_str(line) {
            Ok(request) => requests.push(request),
            // The first line alone is no JSON either: it is not meant as lines.
            Err(_) if requests.is_empty() => {
                return Err(SimulateError::input(format!("The jobs are no JSON: {whole}.")));
            }
            Err(error) => {
                return Err(SimulateError::input(format!(
                    "Line {} is no JSON: {error}.",
                    at + 1
                )));
            }
        }
    }
    Ok(requests)
}

/// What a run of each job used, in the mean of its latest runs.
pub(super) fn mean_usage(snapshot: &Snapshot) -> HashMap<String, RunUsage> {
    let mean = |job: &crate::storage::sqlite::StoredJob| {
        let count = job.usage.len() as f64;
        let tokens: u64 = job
            .usage
            .iter()
            .map(|usage| usage.tokens_in + usage.tokens_out)
            .sum();
        let cost: f64 = job.usage.iter().map(|usage| usage.cost_usd).sum();
        RunUsage {
            tokens: (tokens as f64 / count).round() as u64,
            cost_usd: cost / count,
        }
    };
    let used = snapshot.jobs.iter().filter(|job| !job.usage.is_empty());
    used.map(|job| (job.job.id.clone(), mean(job))).collect()
}
