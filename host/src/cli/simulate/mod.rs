//! `meanwhile simulate`: flags in, a table or JSON out.

mod flags;
mod shown;

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::json;

pub(super) use self::flags::{AFTER_HELP, LONG_ABOUT, SimulateArgs};
use self::shown::shown;
use crate::host::LOCAL_TENANT;
use crate::limits::{
    SIMULATED_DAYS_DEFAULT, SIMULATED_DAYS_MAX, SIMULATED_INPUT_BYTES_MAX, SIMULATED_JOBS_MAX,
    SIMULATED_OUTAGES_MAX, SIMULATED_USAGE_RUNS,
};
use crate::simulate::{Faults, Jobs, Plan, Runs, SimulateError, read_requests, simulate};
use crate::storage::sqlite::Snapshot;
use crate::wit::types::Instant;

const DAY_MS: i64 = 86_400_000;

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
        Ok(report) if as_json => say!("{}", serde_json::to_string_pretty(&report)?),
        Ok(report) => say_as_is!("{}", shown(&report)),
        Err(error) => {
            let Some(SimulateError::Input { field, message }) = error.downcast_ref() else {
                return Err(error);
            };
            if as_json {
                let mut told = json!({ "code": "invalid_argument", "message": message });
                if let Some(field) = field {
                    told["field"] = field.as_str().into();
                }
                say!("{:#}", json!({ "error": told }));
            } else {
                eprintln!("meanwhile: {message}");
            }
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
