# `make report` runs the default configuration, `make test` the tests; both make .venv first.
# CONFIG=mine.yaml runs another configuration. On Linux x86-64 the public index serves torch with
# CUDA, several gigabytes; TORCH_INDEX=URL takes a CPU build from an index of your choice, such as
# https://download.pytorch.org/whl/cpu.
PYTHON ?= python3
CORES ?= 4
CONFIG ?=
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
TORCH := $(shell grep '^torch==' envs/main.lock)

.PHONY: help report test architectures env dev lint format types schemas \
	pictures figures explained growth validate bench bench-report lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

report: env  ## run the workflow and print the report's path
	$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) $(ARGS)
	@echo "report: $(CURDIR)/results/report/index.html"

test: dev  ## all tests; those that need a missing program say so
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

architectures: $(VENV)/architectures.stamp  ## real architectures of transformers, then the report's path
	$(BIN)/snakemake --cores $(CORES) --configfile config/architectures.yaml $(ARGS)
	@echo "report: $(CURDIR)/results/report/index.html"

env: $(VENV)/main.stamp  ## the environment, from envs/main.lock

dev: $(VENV)/dev.stamp  ## the environment with what the tests need

$(VENV)/main.stamp: envs/main.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(0 if sys.version_info >= (3, 11) else f"opset-atlas needs Python 3.11 or later; $(PYTHON) is {v}. Try: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),$(BIN)/pip install --quiet --disable-pip-version-check --index-url $(TORCH_INDEX) $(TORCH))
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/main.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/architectures.stamp: $(VENV)/main.stamp envs/architectures.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/architectures.lock
	@touch $@

$(VENV)/dev.stamp: $(VENV)/architectures.stamp envs/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/dev.lock
	@touch $@

lint: dev  ## formats and rules of Python and Snakemake code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --lint

format: dev  ## put everything into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

types: dev  ## check the types
	$(BIN)/mypy

schemas: dev  ## workflow/schemas/records from the types of workflow/atlas/records.py
	$(BIN)/python tests/make_schemas.py

pictures: dev  ## the pictures of the README, from a finished run
	$(BIN)/python docs/pictures.py

bench-report: dev  ## how the report grows, from a finished run
	$(BIN)/python docs/bench_report.py

figures: env  ## the figures of the README, from a finished run
	$(BIN)/python docs/figures.py

bench: env  ## the workflow beside the loops that a user would write
	$(BIN)/python bench/run.py $(ARGS)

explained: env  ## the share of changes with a cause, from a finished run
	$(BIN)/python docs/explained.py $(ARGS)

validate: dev  ## the parity rule against faults that are put into files
	$(BIN)/python docs/parity/validate.py $(ARGS)

growth: env  ## the time of comparisons at 100, 1,000 and 10,000 nodes
	$(BIN)/python docs/growth.py $(ARGS)

lock:  ## resolve envs/*.in again
	envs/lock.sh $(PYTHON)

clean:  ## remove results and Snakemake's memory of them
	rm -rf results/* .snakemake
