//! Finds the component that the host embeds. `make guest` builds it.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=JOBS_COMPONENT_WASM");
    println!("cargo:rerun-if-changed=../wit");
    let path = env::var_os("JOBS_COMPONENT_WASM")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let host = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
            host.join("../target/meanwhile_jobs.wasm")
        });
    println!("cargo:rerun-if-changed={}", path.display());
    let Ok(path) = path.canonicalize() else {
        println!(
            "cargo::error=the jobs component is not built yet ({}): run `make guest` first, or set \
             JOBS_COMPONENT_WASM to its file",
            path.display()
        );
        return;
    };
    println!("cargo:rustc-env=JOBS_COMPONENT_WASM={}", path.display());
}
