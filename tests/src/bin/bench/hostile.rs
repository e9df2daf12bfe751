//! What well-behaved tenants feel of a hostile one in the same host.

use std::collections::BTreeMap;
use std::time::{Duration, Instant as Timer};

use futures_util::future::join_all;
use meanwhile_tests::hostile::neighbours::{Neighbour, compare};
use meanwhile_tests::hostile::pressure::{Crowd, PRESSES};

use crate::figures::{Samples, heading, print};

/// Ten tenants, one of whom is hostile.
const NEIGHBOURS: usize = 9;
/// Each way to press is measured so often, for so long, with as long a stretch of quiet before.
const TIMES: usize = 2;
const STRETCH: Duration = Duration::from_secs(5);
/// What a well-behaved tenant waits between two rounds.
const THINK: Duration = Duration::from_millis(50);

/// Milliseconds by what was done, and of everything.
#[derive(Default)]
struct Felt {
    each: BTreeMap<&'static str, Samples>,
    all: Samples,
}

impl Felt {
    /// What the tenants feel in a stretch of time.
    async fn add(&mut self, neighbours: &mut [Neighbour]) {
        let began = Timer::now();
        let rounds = join_all(neighbours.iter_mut().map(|neighbour| async {
            let mut taken = Vec::new();
            while began.elapsed() < STRETCH {
                taken.extend(neighbour.round().await);
                tokio::time::sleep(THINK).await;
            }
            taken
        }));
        for (what, time) in rounds.await.concat() {
            let millis = time.as_secs_f64() * 1e3;
            self.each.entry(what).or_default().push(millis);
            self.all.push(millis);
        }
    }

    fn figure(&mut self) -> String {
        let (p50, p99) = (self.all.quantile(0.5), self.all.quantile(0.99));
        format!("{p50:.1} / {p99:.1} ms")
    }
}

pub(crate) async fn measure() {
    heading(&format!(
        "{NEIGHBOURS} tenants under load beside a hostile one, SQLite: all calls and starts of runs, p50 / p99"
    ));
    let detailed = std::env::var_os("BENCH_DETAILS").is_some();
    let only = std::env::var("BENCH_PRESS").ok();
    let mut crowd = Crowd::new(NEIGHBOURS).await;
    // Caches are filled, statements are compiled.
    Felt::default().add(&mut crowd.neighbours).await;
    for press in PRESSES {
        if only.as_ref().is_some_and(|only| only != press.what) {
            continue;
        }
        let (mut quiet, mut pressed) = (Felt::default(), Felt::default());
        let mut calls = 0;
        for _ in 0..TIMES {
            quiet.add(&mut crowd.neighbours).await;
            let pressure = crowd.press(press).await;
            pressed.add(&mut crowd.neighbours).await;
            calls += crowd.release(pressure).await;
        }
        let ratio = pressed.all.quantile(0.99) / quiet.all.quantile(0.99);
        let figure = format!("{} → {} ({ratio:.2}×)", quiet.figure(), pressed.figure());
        print(&format!("{} ({calls} calls)", press.what), &figure, "p99 2×");
        if detailed {
            for (what, samples) in &mut pressed.each {
                let before = quiet.each.get_mut(what).unwrap();
                println!(
                    "      {what:<28} {:.1} / {:.1} → {:.1} / {:.1} ms ({} samples)",
                    before.quantile(0.5),
                    before.quantile(0.99),
                    samples.quantile(0.5),
                    samples.quantile(0.99),
                    samples.len()
                );
            }
        }
    }
    crowd.host.shutdown().await;
    compare(&crowd.file(), &crowd.neighbours);
    println!("  every row of the {NEIGHBOURS} tenants is as they left it");
}
