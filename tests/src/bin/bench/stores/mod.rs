//! What operations cost, and how much a second, with many jobs in the store: on SQLite, and on Postgres
//! with one to four hosts. Beside them what the database gives without a component, in the same run.

mod bed;
mod costs;

use std::time::Duration;

use meanwhile::clock::{Clock, SystemClock};
use meanwhile::wit::types::{Job, NotifyPolicy};
use meanwhile_tests::rows;

pub(crate) use self::bed::Bed;
use self::costs::Costs;
use crate::drain;
use crate::figures::{heading, print};
use crate::prompt;

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Jobs that are drained each time.
const DRAINED: usize = 30_000;
const PROMPT_JOBS: usize = 200;
const PROMPT_STRETCH: Duration = Duration::from_secs(20);
const COMMITS: u32 = 1_000;

/// Numbers for jobs that nobody else has.
struct Numbers(usize);

impl Numbers {
    fn next(&mut self, count: usize) -> std::ops::Range<usize> {
        self.0 += count;
        self.0 - count..self.0
    }
}

/// `drains`: whether to measure also how fast jobs are drained.
pub(crate) async fn measure(name: &str, bed: fn() -> Bed, sizes: &[usize], drains: bool) {
    let sizes = if sizes.is_empty() { &SIZES } else { sizes };
    let mut template = rows::template().await;
    template.spec.notify = NotifyPolicy::OnFailure;
    let mut least: Option<Costs> = None;
    for size in sizes {
        heading(&format!("{name} with {size} jobs"));
        let costs = one(&bed(), &template, *size, drains).await;
        for (what, cost, bound) in costs.compared(least.as_ref()) {
            print(what, &cost, bound);
        }
        least.get_or_insert(costs);
    }
}

async fn one(bed: &Bed, template: &Job, size: usize, drains: bool) -> Costs {
    let storage = bed.open().await;
    let mut numbers = Numbers(0);
    let began = std::time::Instant::now();
    rows::fill(
        &*storage,
        template,
        numbers.next(size),
        rows::some_day(SystemClock.now()),
    )
    .await;
    let rate = size as f64 / began.elapsed().as_secs_f64();
    print("filling it: jobs/s", &format!("{rate:.0}"), "");

    let commits = bed.commits_a_second(COMMITS).await;
    print(
        "limit: commits of one row/s, one after the other",
        &format!("{commits:.0}"),
        "",
    );

    storage.close().await;
    // The lock of SQLite's file goes with the value.
    drop(storage);
    let costs = Costs::measure(bed.open().await, template, &mut numbers).await;

    if !drains {
        return costs;
    }
    let mut example = None;
    let mut best: f64 = 0.0;
    for count in 1..=bed.hosts() {
        let hosts = bed.open_times(count).await;
        let (rate, left) = drain::through_the_component(hosts, template, numbers.next(DRAINED)).await;
        best = best.max(rate);
        example.get_or_insert(left);
        let what = format!(
            "drained by {count} host{}: jobs/s",
            if count == 1 { "" } else { "s" }
        );
        print(
            &what,
            &format!("{rate:.0}"),
            if count == 1 { bed.drain_bound() } else { "" },
        );
        let stretch = i64::try_from(PROMPT_STRETCH.as_millis()).unwrap();
        let hosts = bed.open_times(count).await;
        let mut late = prompt::lateness(hosts, template, numbers.next(PROMPT_JOBS), stretch).await;
        let figure = format!(
            "{:.1} / {:.1} / {:.1} ms",
            late.quantile(0.5),
            late.quantile(0.99),
            late.quantile(1.0)
        );
        print("due to started, p50 / p99 / max", &figure, "");
    }
    if let Some(example) = example {
        let limit = drain::by_storage_alone(bed.open().await, template, example, numbers.next(DRAINED)).await;
        print(
            "limit: the same rows without a component, jobs/s",
            &format!("{limit:.0}"),
            "",
        );
        print("of that limit", &format!("{:.0} %", best / limit * 100.0), "50 %");
    }
    costs
}
