//! `meanwhile simulate`: flags in, a table or JSON out.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use chrono::DateTime;
use chrono_tz::Tz;
use clap::{ArgGroup, Args};
use serde_json::json;

use super::table::table;
use crate::host::LOCAL_TENANT;
use crate::limits::{
    CLAIM_JOBS_MAX, NOTEWORTHY_SHOWN_MAX, SIMULATED_DAYS_DEFAULT, SIMULATED_DAYS_MAX,
    SIMULATED_INPUT_BYTES_MAX, SIMULATED_JOBS_MAX, SIMULATED_OUTAGES_MAX, SIMULATED_RUN_SECONDS_MAX,
    SIMULATED_USAGE_RUNS,
};
use crate::simulate::{Faults, Jobs, Outage, Plan, Report, Runs, SimulateError, read_requests, simulate};
use crate::storage::sqlite::Snapshot;
use crate::wit::types::Instant;

const DAY_MS: i64 = 86_400_000;

pub(super) const LONG_ABOUT: &str = "Run jobs through months in seconds, and say what happens.

The jobs component itself runs them, in memory and on a clock of its own: nothing is carried out, \
sent or written. A simulated run takes --run-seconds and ends well unless --fail-rate says \
otherwise; its output is always the same, and it never reports a goal as met. The same jobs, flags \
and seed give the same report, to the last byte (give --start, which is the present otherwise).

The table has a line a job; `fires` are slots for which a run was started, `missed` are slots that \
passed without one. What deserves a look stands below it: fires that a change of the clocks moves, \
late and missed slots and why, spent budgets, jobs that ended or stopped, jobs that never fire.";

pub(super) const AFTER_HELP: &str = "Examples:
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
pub(super) struct SimulateArgs {
    /// `job_create` requests: a JSON list, {"jobs": [...]}, or one a line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    jobs: Option<PathBuf>,
    /// `sqlite:PATH`: the live jobs of a store, which is only read, also while a host has it open
    #[arg(long, value_name = "STORE", value_parser = store)]
    store: Option<PathBuf>,
    /// When it begins, such as 2026-01-01T00:00:00+01:00 [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    start: Option<Instant>,
    /// How long it takes, in days of 24 hours [default: 365]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(SIMULATED_DAYS_MAX)))]
    days: Option<u32>,
    /// When it ends, instead of a length
    #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "days")]
    until: Option<Instant>,
    /// IANA zone of the caller: for triggers that name none, and for the report
    #[arg(long, value_name = "ZONE", value_parser = zone, default_value = "UTC")]
    tz: Tz,
    /// What chance depends on: another seed, another course
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Share of attempts that fail as transient errors, from 0 to 1
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = "0")]
    fail_rate: f64,
    /// No host from FROM on for DURATION (90s, 15m, 8h, 2d), such as 2026-03-01T22:00:00Z/8h; may be given several times
    #[arg(long, value_name = "FROM/DURATION", value_parser = outage)]
    outage: Vec<Outage>,
    /// So many outages more, of ten minutes to a day, made up from the seed
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(SIMULATED_OUTAGES_MAX)))]
    outages: u32,
    /// How long a run takes
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(SIMULATED_RUN_SECONDS_MAX)))]
    run_seconds: u32,
    /// Runs that may execute at the same time
    #[arg(long, value_name = "RUNS", default_value_t = CLAIM_JOBS_MAX, value_parser = clap::value_parser!(u32).range(1..=i64::from(CLAIM_JOBS_MAX)))]
    parallel_runs: u32,
    /// Tokens that an attempt uses [default: with --store the mean of the job's latest runs, else 0]
    #[arg(long, value_name = "TOKENS", value_parser = clap::value_parser!(u64).range(0..=TOKENS_MAX))]
    tokens_per_run: Option<u64>,
    /// US dollars that an attempt costs [default: as for tokens]
    #[arg(long, value_name = "DOLLARS", value_parser = dollars)]
    cost_per_run: Option<f64>,
    /// List each fire with its local time
    #[arg(long)]
    fires: bool,
    /// The report as JSON
    #[arg(long)]
    json: bool,
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

/// What the flags and the input ask for.
fn plan(args: SimulateArgs) -> anyhow::Result<Plan> {
    let start = args.start.map_or_else(now, Ok)?;
    let most = i64::from(SIMULATED_DAYS_MAX) * DAY_MS;
    let days = i64::from(args.days.unwrap_or(SIMULATED_DAYS_DEFAULT));
    let end = args.until.unwrap_or_else(|| start.saturating_add(days * DAY_MS));
    if end <= start {
        return Err(wrong("--until has to be later than the start"));
    }
    if end.saturating_sub(start) > most {
        return Err(wrong(format!(
            "--until is more than {SIMULATED_DAYS_MAX} days after the start: simulate a shorter time"
        )));
    }
    if args.outage.len() > SIMULATED_OUTAGES_MAX as usize {
        return Err(wrong(format!(
            "--outage is given more than {SIMULATED_OUTAGES_MAX} times"
        )));
    }
    let outside = args.outage.iter().any(|it| !(start..end).contains(&it.from));
    if outside {
        return Err(wrong(
            "--outage begins outside of the time that is simulated: see --start, --days and --until",
        ));
    }
    let jobs = match (&args.jobs, &args.store) {
        (Some(file), _) => Jobs::Requests(read_requests(&read(file)?)?),
        (None, Some(store)) => Jobs::Snapshot(copied(store)?),
        (None, None) => return Err(wrong("either --jobs FILE or --store sqlite:PATH is needed")),
    };
    Ok(Plan {
        jobs,
        start,
        end,
        time_zone: args.tz,
        seed: args.seed,
        faults: Faults {
            fail_rate: args.fail_rate,
            outages: args.outage,
            random_outages: args.outages,
        },
        runs: Runs {
            seconds: args.run_seconds,
            tokens: args.tokens_per_run,
            cost_usd: args.cost_per_run,
            parallel: args.parallel_runs,
        },
        list_fires: args.fires,
    })
}

fn wrong(message: impl Into<String>) -> anyhow::Error {
    SimulateError::input(message).into()
}

fn now() -> anyhow::Result<Instant> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the machine's clock is before 1970: give --start")?;
    // Whole seconds: what is printed is where it began.
    Ok(i64::try_from(since.as_secs())? * 1_000)
}

fn read(file: &Path) -> anyhow::Result<String> {
    let (mut source, name): (Box<dyn std::io::Read>, _) = if file == Path::new("-") {
        (Box::new(std::io::stdin()), "standard input".to_owned())
    } else {
        let opened = std::fs::File::open(file);
        let opened = opened.map_err(|error| wrong(format!("--jobs {}: {error}", file.display())))?;
        (Box::new(opened), file.display().to_string())
    };
    let mut bytes = Vec::new();
    source
        .by_ref()
        .take(SIMULATED_INPUT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong(format!("--jobs {name}: {error}")))?;
    if bytes.len() as u64 > SIMULATED_INPUT_BYTES_MAX {
        let mib = SIMULATED_INPUT_BYTES_MAX >> 20;
        return Err(wrong(format!("--jobs {name} is larger than {mib} MiB")));
    }
    String::from_utf8(bytes).map_err(|_| wrong(format!("--jobs {name} is no UTF-8 text")))
}

fn copied(store: &Path) -> anyhow::Result<Snapshot> {
    let snapshot = Snapshot::read(store, LOCAL_TENANT, SIMULATED_JOBS_MAX + 1, SIMULATED_USAGE_RUNS)
        .map_err(|error| wrong(format!("--store: {error}")))?;
    if snapshot.jobs.is_empty() {
        return Err(wrong(format!("--store: {} has no live jobs", store.display())));
    }
    if snapshot.jobs.len() > SIMULATED_JOBS_MAX {
        return Err(wrong(format!(
            "--store: {} has more than {SIMULATED_JOBS_MAX} live jobs, as many as are simulated at once",
            store.display()
        )));
    }
    Ok(snapshot)
}

pub(super) async fn run(args: SimulateArgs) -> anyhow::Result<ExitCode> {
    let as_json = args.json;
    let report = match plan(args) {
        Ok(plan) => simulate(plan).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    match report {
        Ok(report) if as_json => println!("{}", serde_json::to_string_pretty(&report)?),
        Ok(report) => print!("{}", shown(&report)),
        Err(error) => {
            let Some(SimulateError::Input { field, message }) = error.downcast_ref() else {
                return Err(error);
            };
            if as_json {
                let mut told = json!({ "code": "invalid_argument", "message": message });
                if let Some(field) = field {
                    told["field"] = field.as_str().into();
                }
                println!("{:#}", json!({ "error": told }));
            } else {
                eprintln!("meanwhile: {message}");
            }
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A time as people read it: the zone stands in the schedule.
fn minutes(time: Option<&String>) -> String {
    time.map(|time| time.chars().take(16).collect::<String>().replace('T', " "))
        .unwrap_or_default()
}

fn dollars_shown(cost_usd: f64) -> String {
    format!("{cost_usd:.2}")
}

fn shown(report: &Report) -> String {
    let mut rows: Vec<Vec<String>> = report
        .jobs
        .iter()
        .map(|job| {
            let reason = job.status_reason.as_ref().and_then(|reason| reason.get("code"));
            let reason = reason.and_then(|code| code.as_str());
            vec![
                job.title.clone(),
                job.schedule_summary.clone(),
                job.fires.to_string(),
                job.succeeded.to_string(),
                job.failed.to_string(),
                job.retries.to_string(),
                job.missed.to_string(),
                job.messages.to_string(),
                job.tokens.to_string(),
                dollars_shown(job.cost_usd),
                minutes(job.first_fire.as_ref()),
                minutes(job.last_fire.as_ref()),
                reason.map_or_else(|| job.status.clone(), |code| format!("{} ({code})", job.status)),
            ]
        })
        .collect();
    let totals = &report.totals;
    rows.push(vec![
        "all jobs".to_owned(),
        String::new(),
        totals.fires.to_string(),
        totals.succeeded.to_string(),
        totals.failed.to_string(),
        totals.retries.to_string(),
        totals.missed.to_string(),
        totals.messages.to_string(),
        totals.tokens.to_string(),
        dollars_shown(totals.cost_usd),
    ]);
    let mut text = format!(
        "{} to {} ({}), seed {}\n\n",
        report.start, report.end, report.timezone, report.seed
    );
    text += &table(
        &[
            "TITLE",
            "SCHEDULE",
            "FIRES",
            "SUCCEEDED",
            "FAILED",
            "RETRIES",
            "MISSED",
            "MESSAGES",
            "TOKENS",
            "COST USD",
            "FIRST FIRE",
            "LAST FIRE",
            "STATUS",
        ],
        &rows,
    );
    if !report.noteworthy.is_empty() {
        text += "\nNoteworthy\n";
    }
    for thing in report.noteworthy.iter().take(NOTEWORTHY_SHOWN_MAX) {
        text += &format!("  {}: {}\n", thing.title, thing.message);
    }
    if let Some(more) = report
        .noteworthy
        .len()
        .checked_sub(NOTEWORTHY_SHOWN_MAX)
        .filter(|more| *more > 0)
    {
        text += &format!("  … and {more} more: --json has them all\n");
    }
    if let Some(fires) = &report.fires {
        let rows: Vec<Vec<String>> = fires
            .iter()
            .map(|fire| {
                vec![
                    fire.scheduled_for.clone(),
                    fire.started_at.clone(),
                    fire.status.clone(),
                    fire.attempt.to_string(),
                    fire.title.clone(),
                ]
            })
            .collect();
        text.push('\n');
        text += &table(
            &["SCHEDULED FOR", "STARTED AT", "STATUS", "ATTEMPT", "TITLE"],
            &rows,
        );
    }
    text
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
