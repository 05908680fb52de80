# make demo    set up, run the pipeline on the mini-survey that it simulates itself
# make test    set up, run the tests
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup setup-test demo test test-graph test-cluster test-data assess benchmarks schema pictures lint clean

setup: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

setup-test: .venv/.installed-test

.venv/.installed-test: .venv/.installed requirements-test.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-test.lock
	touch $@

demo: setup
	$(BIN)/snakemake --cores all

test: setup-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not graph" --ignore tests/workflow --ignore tests/cluster --numprocesses 2 --dist loadfile
	$(BIN)/python -m pytest -m "not graph" tests/workflow

test-graph: setup-test
	$(BIN)/python -m pytest -m graph tests/workflow

test-cluster: setup-test
	$(BIN)/python -m pytest -m cluster tests/cluster

test-data: setup-test
	@test -d "$${SKYSIEVE_DATA:-}" || { echo "set SKYSIEVE_DATA to the folder of real survey files" >&2; exit 2; }
	$(BIN)/python -m pytest -m realdata

assess: setup
	$(BIN)/snakemake --cores all --configfile config/study.yaml
	$(BIN)/skysieve results study --out docs/results.md

benchmarks: setup-test
	$(BIN)/python benchmarks/road.py
	$(BIN)/python benchmarks/compression.py

schema: setup
	$(BIN)/skysieve schema --write

pictures: setup
	$(BIN)/skysieve pictures demo --out docs/pictures

lint: setup-test
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports

clean:
	rm -rf .venv results work .snakemake
