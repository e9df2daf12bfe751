//! `make bench`: measures what README.md quotes and prints it, figure by figure. Every host
//! listens on loopback only; nothing is left behind. With names as arguments (`calls`, `compile`, `drain`,
//! `graphs`, `hostile`, `tenants`, `prompt`, `million`, `sqlite`, `postgres`, `retention`,
//! `search`, `llm`, `failover`) only those are measured; numbers among them are the sizes of the stores that `sqlite` and
//! `postgres` measure, or for how many seconds `failover` kills; and with `costs` these two measure what operations cost,
//! and drain nothing. All figures are kept as JSON in
//! `bench.json` in the target folder.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program whose output is its figures, and whose failure is its end"
)]

mod calls;
mod compile;
mod drain;
mod failover;
mod figures;
mod graphs;
mod hostile;
mod llm;
mod million;
mod prompt;
mod retention;
mod search;
mod stores;
mod tenants;

use crate::stores::Bed;

#[tokio::main]
async fn main() {
    let (sizes, chosen): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.parse::<usize>().is_ok());
    let sizes: Vec<usize> = sizes.iter().map(|size| size.parse().unwrap()).collect();
    let named = |name: &str| chosen.iter().any(|one| one == name);
    let wanted = |name: &str| chosen.is_empty() || named(name);
    let drains = !named("costs");
    if wanted("calls") {
        calls::measure().await;
    }
    if wanted("compile") {
        compile::measure().await;
    }
    if wanted("drain") {
        drain::measure().await;
    }
    if wanted("graphs") {
        graphs::measure().await;
    }
    if wanted("hostile") {
        hostile::measure().await;
    }
    if wanted("tenants") {
        tenants::measure().await;
    }
    if wanted("prompt") {
        prompt::measure().await;
    }
    if wanted("million") {
        million::measure().await;
    }
    if wanted("sqlite") {
        stores::measure("SQLite", Bed::sqlite, &sizes, drains).await;
    }
    if wanted("postgres") {
        stores::measure("Postgres", Bed::postgres, &sizes, drains).await;
    }
    if wanted("retention") {
        retention::measure().await;
    }
    if wanted("search") {
        search::measure().await;
    }
    if wanted("llm") {
        llm::measure().await;
    }
    if wanted("failover") {
        failover::measure(sizes.first().copied()).await;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let file = std::path::Path::new(&target).join("bench.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&figures::all()).unwrap()).unwrap();
    println!("figures kept in {}", file.display());
}
