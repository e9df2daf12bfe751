//! The flags of `meanwhile simulate`, what its help says of them, and how they are read.

use std::path::PathBuf;

use chrono::DateTime;
use chrono_tz::Tz;
use clap::{ArgGroup, Args};

use crate::limits::{CLAIM_JOBS_MAX, SIMULATED_DAYS_MAX, SIMULATED_OUTAGES_MAX, SIMULATED_RUN_SECONDS_MAX};
use crate::simulate::Outage;
use crate::wit::types::Instant;

pub(in crate::cli) const LONG_ABOUT: &str = "Run jobs through months in seconds, and say what happens.

The jobs component itself runs them, in memory and on a clock of its own: nothing is carried out, \
sent or written. A simulated run takes --run-seconds and ends well unless --fail-rate says \
otherwise; its output is always the same, and it never reports a goal as met. The same jobs, flags \
and seed give the same report, to the last byte (give --start, which is the present otherwise).

The table has a line a job; `fires` are slots for which a run was started, `missed` are slots that \
passed without one. What deserves a look stands below it: fires that a change of the clocks moves, \
late and missed slots and why, spent budgets, jobs that ended or stopped, jobs that never fire.";

pub(in crate::cli) const AFTER_HELP: &str = "Examples:
  meanwhile simulate --jobs jobs.json --tz Europe/Berlin
  meanwhile simulate --store sqlite:data/meanwhile.db --days 30 --outages 3 --seed 7
  echo '{\"title\": \"Report\", \"payload\": \"Write it.\", \"trigger_config\": {\"when\": \"every weekday at 9am\"}}' \\
    | meanwhile simulate --jobs - --tz Europe/Berlin --tokens-per-run 4000 --cost-per-run 0.02 --json

JSON:
  seed, start, end, timezone, fail_rate, outages [{from, until}], run_seconds, parallel_runs
  jobs [{title, job_type, schedule_summary, timezone, fires, succeeded, failed, retries, missed, messages,
         tokens, cost_usd, first_fire?, last_fire?, status, status_reason? {code, message}, next_run_at?}]
  totals {jobs, fires, succeeded, failed, retries, missed, messages, tokens, cost_usd}
  noteworthy [{kind, title, at?, count, message}]; kind is one of
         clock_change, late, missed, budget_spent, ended, stopped, never_fires
  fires [{title, scheduled_for, started_at, status, attempt}], with --fires
  A refusal is {error: {code, field?, message}} with exit status 2.";

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["jobs", "store"]))]
pub(in crate::cli) struct SimulateArgs {
    /// `job_create` requests: a JSON list, {"jobs": [...]}, or one a line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) jobs: Option<PathBuf>,
    /// `sqlite:PATH`: the live jobs of a store, which is only read, also while a host has it open
    #[arg(long, value_name = "STORE", value_parser = store)]
    pub(super) store: Option<PathBuf>,
    /// When it begins, such as 2026-01-01T00:00:00+01:00 [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(super) start: Option<Instant>,
    /// How long it takes, in days of 24 hours [default: 365]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(SIMULATED_DAYS_MAX)))]
    pub(super) days: Option<u32>,
    /// When it ends, instead of a length
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "days")]
    pub(super) until: Option<Instant>,
    /// IANA zone of the caller: for triggers that name none, and for the report
    #[arg(long, value_name = "ZONE", value_parser = zone, default_value = "UTC")]
    pub(super) tz: Tz,
    /// What chance depends on: another seed, another course
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) seed: u64,
    /// Share of attempts that fail as transient errors, from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0")]
    pub(super) fail_rate: f64,
    /// No host from FROM on for DURATION (90s, 15m, 8h, 2d), such as 2026-03-01T22:00:00Z/8h; may be given several times
    #[arg(long, value_name = "FROM/DURATION", value_parser = outage)]
    pub(super) outage: Vec<Outage>,
    /// So many outages more, of ten minutes to a day, made up from the seed
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(SIMULATED_OUTAGES_MAX)))]
    pub(super) outages: u32,
    /// How long a run takes
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(SIMULATED_RUN_SECONDS_MAX)))]
    pub(super) run_seconds: u32,
    /// Runs that may execute at the same time
    #[arg(long, value_name = "RUNS", default_value_t = CLAIM_JOBS_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLAIM_JOBS_MAX)))]
    pub(super) parallel_runs: u32,
    /// Tokens that an attempt uses [default: with --store the mean of the job's latest runs, else 0]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(0..=TOKENS_MAX))]
    pub(super) tokens_per_run: Option<u64>,
    /// US dollars that an attempt costs [default: as for tokens]
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    pub(super) cost_per_run: Option<f64>,
    /// List each fire with its local time
    #[arg(long)]
    pub(super) fires: bool,
    /// The report as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Keeps a sum over all attempts within 64 bits.
const TOKENS_MAX: u64 = 1_000_000_000;
const DOLLARS_MAX: f64 = 1e6;

fn store(text: &str) -> Result<PathBuf, String> {
    match text.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err("expected `sqlite:PATH`".to_owned()),
    }
}

fn instant(text: &str) -> Result<Instant, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.timestamp_millis())
        .map_err(|_| {
            "expected an instant such as 2026-06-01T09:00:00Z or 2026-06-01T09:00:00+02:00".to_owned()
        })
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse()
        .map_err(|_| "expected an IANA name such as Europe/Berlin".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1, such as 0.05".to_owned())
}

fn dollars(text: &str) -> Result<f64, String> {
    let dollars = text.parse().ok().filter(|it| (0.0..=DOLLARS_MAX).contains(it));
    dollars.ok_or_else(|| format!("expected a number from 0 to {DOLLARS_MAX}, such as 0.02"))
}

fn outage(text: &str) -> Result<Outage, String> {
    let expected = "expected FROM/DURATION, such as 2026-03-01T22:00:00Z/8h";
    let (from, length) = text.split_once('/').ok_or(expected)?;
    let from = instant(from).map_err(|why| format!("FROM: {why}"))?;
    let seconds =
        seconds(length).ok_or("DURATION: expected a number above 0 with s, m, h or d, such as 8h")?;
    let until = from.checked_add(seconds * 1_000).ok_or(expected)?;
    Ok(Outage { from, until })
}

fn seconds(length: &str) -> Option<i64> {
    let (at, unit) = length.char_indices().next_back()?;
    let unit = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let count: i64 = length.get(..at)?.parse().ok()?;
    let seconds = count.checked_mul(unit)?;
    (1..=i64::from(SIMULATED_DAYS_MAX) * 86_400)
        .contains(&seconds)
        .then_some(seconds)
}

#[cfg(test)]
mod tests {
    use super::{Outage, outage};

    #[test]
    fn an_outage_is_an_instant_and_a_duration() {
        let from = 1_767_225_600_000;
        for (length, seconds) in [("90s", 90), ("15m", 900), ("8h", 28_800), ("2d", 172_800)] {
            let until = from + seconds * 1_000;
            assert_eq!(
                outage(&format!("2026-01-01T00:00:00Z/{length}")),
                Ok(Outage { from, until })
            );
        }
        for length in ["", "h", "0h", "-1h", "8", "8w", "1.5h", "99999999999d", "8é"] {
            let refused = outage(&format!("2026-01-01T00:00:00Z/{length}"));
            assert!(refused.is_err_and(|why| why.contains("such as 8h")), "{length}");
        }
    }
}
