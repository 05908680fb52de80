# make demo    set up, run the pipeline on the mini-survey that it simulates itself
# make test    set up, run the tests
# make setup-gpu    set up for a machine with GPUs; all other targets then use that
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup setup-gpu setup-test demo test test-graph test-cluster test-data assess benchmarks schema pictures scaling \
        lint clean

# `make setup-gpu` leaves .venv/.gpu behind, so that no later target installs faiss-cpu over faiss-gpu.
LOCK := $(if $(wildcard .venv/.gpu),requirements-gpu.lock,requirements.lock)

setup: .venv/.installed
	@test -e slurm/config.yaml || echo "use --profile profiles/slurm (this checkout has no symbolic links)"

setup-gpu:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip uninstall --quiet --yes faiss-cpu
	touch .venv/.gpu
	rm -f .venv/.installed
	$(MAKE) setup

.venv/.installed: $(LOCK) pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement $(LOCK)
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

setup-test: .venv/.installed-test

.venv/.installed-test: .venv/.installed requirements-test.lock
	$(BIN)/python -m pip install --quiet --requirement requirements-test.lock
	touch $@

demo: setup
	$(BIN)/snakemake --cores all

test: setup-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not graph and not cluster" --ignore tests/workflow --numprocesses 2 --dist loadfile
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
	$(BIN)/skysieve results study --redshifts --out docs/results-redshifts.md

benchmarks: setup-test
	$(BIN)/python benchmarks/road.py
	$(BIN)/python benchmarks/compression.py
	$(BIN)/python benchmarks/graph.py
	$(BIN)/python benchmarks/redshift.py

schema: setup
	$(BIN)/skysieve schema --write

pictures: setup
	$(BIN)/skysieve pictures demo --out docs/pictures

scaling: setup
	$(BIN)/python benchmarks/scaling.py

lint: setup-test
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports

clean:
	rm -rf .venv results work .snakemake
