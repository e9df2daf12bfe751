//! `make sim`: worlds by the thousand, each through 30 days; see `meanwhile_tests::sim`.
#![allow(clippy::print_stdout, reason = "a program whose output is what it found")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use meanwhile_tests::sim::component::Built;
use meanwhile_tests::sim::{self, Break, Finding, Logic, Native, Options, Summary};

const HELP: &str = "\
sim [--seeds N] [--component-seeds N] [--from SEED] [--days D] [--threads T] [--broken NAME]
sim --seed SEED [--component] [--days D] [--broken NAME]

NAME: fencing, slot-uniqueness, terminal-guard, pause-ignored, fold-doubled, calls-unguarded, approval-repeated";

/// Findings that are shown in full.
const SHOWN_MAX: usize = 3;

struct Wanted {
    seeds: u64,
    component_seeds: u64,
    from: u64,
    days: u32,
    threads: usize,
    broken: Option<Break>,
    seed: Option<u64>,
    component: bool,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        seeds: 10_000,
        component_seeds: 500,
        from: 1,
        days: 30,
        threads: std::thread::available_parallelism().map_or(2, usize::from),
        broken: Break::built_in(),
        seed: None,
        component: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--component" {
            wanted.component = true;
            continue;
        }
        let value = words
            .next()
            .ok_or_else(|| format!("{word} needs a value\n\n{HELP}"))?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{word} needs a number, not {value}"))
        };
        match word.as_str() {
            "--seeds" => wanted.seeds = number()?,
            "--component-seeds" => wanted.component_seeds = number()?,
            "--from" => wanted.from = number()?,
            // Fewer days leave no room for the change of the clocks.
            "--days" => wanted.days = number()?.clamp(5, 365) as u32,
            "--threads" => wanted.threads = number()?.clamp(1, 64) as usize,
            "--seed" => wanted.seed = Some(number()?),
            "--broken" => {
                let known =
                    Break::named(&value).ok_or_else(|| format!("no safeguard is called {value}\n\n{HELP}"));
                wanted.broken = Some(known?);
            }
            _ => return Err(format!("{word} is no option\n\n{HELP}")),
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(why) => {
            println!("{why}");
            return ExitCode::from(2);
        }
    };
    // A panic of the logic is a finding like others, told with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    let options = Options {
        days: wanted.days,
        broken: wanted.broken,
    };
    let native: Arc<dyn Logic> = Arc::new(Native);
    let built = || -> Arc<dyn Logic> {
        Arc::new(Built::load(meanwhile::COMPONENT).expect("the component that was built loads"))
    };
    if let Some(seed) = wanted.seed {
        let logic = if wanted.component { built() } else { native };
        return match sim::run(seed, &logic, options) {
            Ok(summary) => {
                println!("seed {seed}: no broken invariant. {summary:?}");
                ExitCode::SUCCESS
            }
            Err(finding) => {
                println!("seed {seed}: {}", finding.text);
                ExitCode::FAILURE
            }
        };
    }
    let mut good = many("native", &native, wanted.seeds, &wanted, options);
    if wanted.component_seeds > 0 {
        good &= many("component", &built(), wanted.component_seeds, &wanted, options);
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What many worlds came to.
#[derive(Default)]
struct Total {
    jobs: usize,
    jobs_of_runs: usize,
    runs: usize,
    starts: u64,
    steps: u64,
    imports: u64,
    findings: Vec<Finding>,
}

impl Total {
    fn add(&mut self, result: Result<Summary, Box<Finding>>) {
        match result {
            Ok(summary) => {
                self.jobs += summary.jobs;
                self.jobs_of_runs += summary.jobs_of_runs;
                self.runs += summary.runs;
                self.starts += summary.starts;
                self.steps += summary.steps;
                self.imports += summary.imports;
            }
            Err(finding) => self.findings.push(*finding),
        }
    }
}

fn many(name: &str, logic: &Arc<dyn Logic>, seeds: u64, wanted: &Wanted, options: Options) -> bool {
    let began = Instant::now();
    let next = AtomicU64::new(wanted.from);
    let end = wanted.from + seeds;
    let total = Mutex::new(Total::default());
    std::thread::scope(|scope| {
        for _ in 0..wanted.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Relaxed);
                    if seed >= end {
                        return;
                    }
                    let result = sim::run(seed, logic, options);
                    total.lock().unwrap_or_else(PoisonError::into_inner).add(result);
                }
            });
        }
    });
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let took = began.elapsed();
    println!(
        "{name}: seeds {} to {}, {} days each: {} jobs, {} of them created by runs, {} runs, {} starts, {} steps, {} calls of imports; {:.1} s, {:.1} ms a seed and thread",
        wanted.from,
        end - 1,
        wanted.days,
        total.jobs,
        total.jobs_of_runs,
        total.runs,
        total.starts,
        total.steps,
        total.imports,
        took.as_secs_f64(),
        took.as_secs_f64() * 1_000.0 * wanted.threads as f64 / seeds.max(1) as f64
    );
    total.findings.sort_by_key(|finding| finding.seed);
    let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for finding in &total.findings {
        kinds.entry(finding.invariant).or_default().push(finding.seed);
    }
    for finding in total.findings.iter().take(SHOWN_MAX) {
        let flag = if name == "component" {
            " SIM=--component"
        } else {
            ""
        };
        println!(
            "\nseed {}: {}  again: make sim SEED={}{flag}",
            finding.seed, finding.text, finding.seed
        );
    }
    for (kind, seeds) in &kinds {
        println!(
            "{name}: {kind} is broken in {} seeds, first in {}",
            seeds.len(),
            seeds[0]
        );
    }
    if kinds.is_empty() {
        println!("{name}: no broken invariant");
    }
    kinds.is_empty()
}
