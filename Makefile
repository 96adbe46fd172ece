# `make test` is what CI runs. Everything builds with the one release profile, so that nothing is built twice.
# The list of targets: `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help test needs lint format doc rules unit tables demo fuzz test-training test-faults

help: ## this list
	@sed -n 's/^\([a-z-]*\):.* ## /\1\t/p' Makefile | expand -t 14

test: ## everything: tools, format, lints, tests on a real Kafka, documentation, rules, the unit under a real systemd
	@tests/run.sh

needs: ## install what `make test` needs and this machine lacks (Debian, as root; otherwise says what is missing)
	@tests/needs.sh

lint: ## format and lints, as errors
	cargo fmt --check
	cargo clippy --release --all-targets --locked -- -D warnings

format: ## put the code into its format
	cargo fmt

doc: ## documentation, broken links as errors
	RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --locked

rules: ## check and test the alert rules
	promtool check rules --lint=all --lint-fatal dashboards/rules/noctriage.rules.yml
	cd dashboards/rules && promtool test rules noctriage.test.yml

unit: ## the unit as systemd reads it, and the proofs' own proof
	tests/systemd/check-unit.sh
	tests/systemd/run.sh --stand-in

tables: ## write the tables of README.md that are generated, and what it quotes
	NOCTRIAGE_WRITE_TABLES=1 cargo test --release --locked --test it -- --test-threads=1 readme iterate

fuzz: ## every fuzz target for ten minutes (by hand: needs nightly Rust and cargo-fuzz)
	fuzz/run.sh

PYTHON ?= .venv-training/bin/python
test-training: ## fine-tune toy encoders, check, calibrate, evaluate them (by hand: the Python wheels are gigabytes)
	cargo build --release --locked
	$(PYTHON) training/check_finetune.py target/release/noctriage

demo: ## the whole thing on simulated tickets
	cargo run --release --locked -- demo

test-faults: ## longer fault runs on a real Kafka, about two hours; prints the table of docs/reliability.md (root, Java)
	cargo bench --locked --bench faults
