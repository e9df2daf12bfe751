//! `make bench`: measures what README.md quotes and prints it, figure by figure. Every host
//! listens on loopback only; nothing is left behind. With names as arguments (`calls`, `compile`, `drain`,
//! `graphs`, `hostile`, `tenants`, `prompt`, `million`) only those are measured.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program whose output is its figures, and whose failure is its end"
)]

mod calls;
mod compile;
mod drain;
mod figures;
mod graphs;
mod hostile;
mod million;
mod prompt;
mod rows;
mod tenants;

#[tokio::main]
async fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
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
}
