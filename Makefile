# The front door. Everything a person does here is a target with a one-line help.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR := $(TARGET_DIR)
COMPONENT := $(TARGET_DIR)/meanwhile_jobs.wasm
export JOBS_COMPONENT_WASM := $(COMPONENT)
COMPONENTIZE ?= cargo run --locked -q -p meanwhile-guest --features componentize --bin componentize --
WASM := $(TARGET_DIR)/wasm32-unknown-unknown/component/meanwhile_guest.wasm
# rustup would otherwise try to fetch a toolchain of its own.
export RUSTUP_AUTO_INSTALL ?= 0

.DEFAULT_GOAL := help
.PHONY: help run build guest toolchain test lint bench sim fuzz clean

help: ## Show what can be done here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: build ## Build everything and serve on 127.0.0.1:7803, with SQLite under ./data
	@# Without the model jobs are found by their words.
	@tests/setup/model $(TARGET_DIR)/release/meanwhile || true
	exec $(TARGET_DIR)/release/meanwhile serve

build: guest ## Build the component and the release host
	@# With the whole workspace's features, as the other programs are built: else wasmtime is compiled twice.
	cargo build --locked --release --workspace --bin meanwhile

toolchain: ## Make sure this machine can compile for wasm32-unknown-unknown
	@tests/setup/wasm-target

guest: toolchain ## Build the component: target/meanwhile_jobs.wasm
	@# The same bytes on every machine: no path of this one goes into them.
	cargo build --locked -p meanwhile-guest --lib --target wasm32-unknown-unknown --profile component \
	  --config "target.wasm32-unknown-unknown.rustflags=['--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo','--remap-path-prefix=$(CURDIR)=/meanwhile']"
	@if ! [ $(COMPONENT) -nt $(WASM) ]; then \
	  $(COMPONENTIZE) $(WASM) $(COMPONENT); fi

test: guest ## Run every test that runs offline
	tests/setup/run-tests

lint: guest ## Formatting, clippy and rustdoc with warnings as errors, licences and advisories, the contract
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features meanwhile-guest/componentize -- -D warnings
	@# With the same features, or what we depend on is checked once more.
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --features meanwhile-guest/componentize,meanwhile-tests/as-tested
	tests/setup/deny

bench: build ## Measure and print the figures that README.md quotes
	cargo build --locked --release --workspace --bin bench
	$(TARGET_DIR)/release/bench $(BENCH)

sim: guest ## Simulate 10,000 worlds natively and 500 with the component (or one: make sim SEED=7)
	cargo build --locked --release --workspace --bin sim
	$(TARGET_DIR)/release/sim $(if $(SEED),--seed $(SEED)) $(SIM)

fuzz: guest ## Fuzz every input edge for MINUTES=60 each (or one: make fuzz TARGET=words)
	tests/setup/fuzz "$(TARGET)" "$(or $(MINUTES),60)"

clean: ## Remove what was built (not ./data)
	cargo clean
