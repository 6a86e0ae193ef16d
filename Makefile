# Every target sets up what it needs; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
SHELL := /bin/bash
TOOLS := tests/conformance/tools
.DEFAULT_GOAL := help
NATIVE := chain_node/execution/native
NATIVE_SOURCES := $(NATIVE)/Cargo.toml $(NATIVE)/Cargo.lock $(shell find $(NATIVE)/src -name '*.rs')
.PHONY: help demo auto-trust test test-py-evm native lint-native wheel conformance sim lint bench contracts model-check soak format clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Tranchain needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/packages.stamp: requirements.lock requirements-build.lock | .venv/bin/python
	@echo "Installing the locked packages into .venv (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
	@touch $@

# Builds the native engine, too, where Rust is; without it the node runs on py-evm.
.venv/run.stamp: pyproject.toml $(NATIVE_SOURCES) .venv/packages.stamp
	@if command -v cargo >/dev/null; then echo "Building the native engine (some three minutes, once) ..."; \
		else echo "No Rust here (https://rustup.rs): without the native engine, on py-evm."; fi
	@rm -f $(NATIVE)/_native*.so
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/tranchain-node engine
	@touch $@

.venv/dev.stamp: requirements-dev.lock .venv/run.stamp
	@echo "Installing the locked development packages into .venv (once) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

.venv/train.stamp: requirements-train.lock .venv/dev.stamp
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-train.lock
	@touch $@

demo: .venv/run.stamp ## the main job on 6,069 real loans across three institutions' nodes; KEEP=1 leaves everything running
	@$(BIN)/python scripts/demo.py $(if $(KEEP),--keep)

auto-trust: .venv/run.stamp ## the whole life of a real auto trust: pack, screening, 43 months; ARGS='--months 6' for some
	@$(BIN)/python scripts/auto_trust.py $(ARGS)

test: .venv/dev.stamp ## all tests (slow ones are in soak); ARGS='-k screening' for some
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-py-evm: .venv/dev.stamp ## the tests that execute blocks, on py-evm instead of the native engine
	@TRANCHAIN_TEST_ENGINE=py-evm $(BIN)/python -m pytest -n auto --dist loadfile \
		$(or $(ARGS),tests/unit/execution tests/unit/storage tests/unit/node tests/unit/rpc tests/e2e)

conformance: .venv/dev.stamp ## web3.py's suites, and ethers, viem, web3, Hardhat and Foundry against nodes
	@cd $(TOOLS) && { [ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --loglevel=error; } \
		|| echo "npm cannot install the tools of $(TOOLS): their tests are skipped"
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow" tests/conformance/rpc tests/conformance/web3_suites $(TOOLS) $(ARGS)

native: ## build the native engine in this working copy; needs cargo
	@$(PYTHON) scripts/build_native.py

wheel: .venv/packages.stamp ## a wheel with the native engine in dist/, for docker-compose and machines without Rust; needs cargo
	@rm -rf dist build && $(BIN)/pip wheel --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .

lint-native: ## rustfmt, clippy and the tests of the crate; needs cargo
	@cd $(NATIVE) && cargo fmt --check && cargo clippy --release --locked -- -D warnings
	@cd $(NATIVE) && cargo test --release --locked --no-default-features

sim: .venv/dev.stamp ## simulate consortia with faults: SEEDS=10000 of them, from FIRST=0
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0) --jobs $$(nproc)

lint: .venv/dev.stamp ## ruff, mypy --strict, import layering, solhint, rustfmt
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/lint_contracts.py
	@if command -v rustfmt >/dev/null; then cd $(NATIVE) && cargo fmt --check; fi

format: .venv/dev.stamp ## format the Python sources
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: .venv/dev.stamp ## measure; BENCH=key for one figure; results in build/bench.json
	@$(BIN)/python scripts/bench.py $(BENCH)

contracts: .venv/dev.stamp ## compile the contracts; contracts/artifacts is reproduced byte for byte
	@$(BIN)/python scripts/build_contracts.py

model-check: .venv/train.stamp ## train the model again from DATA=loans.csv.gz and compare with the committed one
	@$(BIN)/tranchain risk model train --data $(DATA) --features examples/models/lendingclub.toml \
		--out client/model/artifacts/lendingclub_v1 --check

soak: .venv/dev.stamp ## the slow suites: exhaustive mutations, long fuzzing
	@HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -m slow --timeout 3600 $(ARGS)

clean: ## remove what was built and installed (never a node's data)
	rm -rf .venv build dist *.egg-info $(NATIVE)/target $(NATIVE)/_native*.so contracts/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
