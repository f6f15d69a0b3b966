# `make report` runs the default configuration, `make test` the tests; both create .venv first.
# CONFIG=mine.yaml runs another configuration. On Linux x86-64 the public index serves torch with
# CUDA, several gigabytes; TORCH_INDEX=URL takes a CPU build from an index of your choice, such as
# https://download.pytorch.org/whl/cpu.
PYTHON ?= python3
VERSION ?= $(TORCH:torch==%=%)
CORES ?= 4
CONFIG ?=
TORCH_INDEX ?=
MINUTES ?= 90
ENVS ?= envs
CHANGES := nothing,opset,model,added,tolerance,template
VENV := .venv
BIN := $(VENV)/bin
TORCHES := $(shell grep -E '^torch(vision)?==' envs/gallery.lock)
TORCH := $(shell grep '^torch==' envs/main.lock)

NIGHT := results/nightly
SHORT := --models 3 --repeat 1 --output $(NIGHT)/speed.jsonl

.PHONY: help report test unit nightly architectures gallery env dev lint format types schemas operators \
	pictures console rooms figures layout explained growth validate bench bench-zoo bench-chunks bench-medium \
	bench-hundred bench-thousand bench-others bench-docs bench-growth bench-install bench-commands bench-torch \
	bench-all bench-report truth compare-torch lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

report: env  ## run the workflow and print the report's path
	@$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) $(ARGS)

test: dev  ## all tests; programs that are missing are reported
	$(BIN)/python -m pytest --cov --cov-report=term $(ARGS)

unit: dev  ## tests that need no torch, in seconds
	$(BIN)/python -m pytest tests/unit $(ARGS)

architectures: $(VENV)/architectures.stamp  ## run real architectures of transformers and print the report's path
	@$(BIN)/snakemake --cores $(CORES) --configfile config/architectures.yaml $(ARGS)

gallery: $(VENV)-gallery/stamp  ## run models of twelve libraries and print the report's path
	$(VENV)-gallery/bin/snakemake --cores $(CORES) --configfile config/gallery.yaml $(ARGS)
	$(if $(ARGS),,@echo "report: $(CURDIR)/results/report/index.html")

env: $(VENV)/main.stamp  ## the environment, from envs/main.lock

dev: $(VENV)/dev.stamp  ## the environment, with the dependencies of the tests

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

# torchvision is made for one torch, so this environment has a torch of its own.
$(VENV)-gallery/stamp: envs/gallery.lock pyproject.toml
	test -x $(VENV)-gallery/bin/python || $(PYTHON) -m venv $(VENV)-gallery
	$(if $(TORCH_INDEX),$(VENV)-gallery/bin/pip install --quiet --disable-pip-version-check --index-url $(TORCH_INDEX) $(TORCHES))
	$(VENV)-gallery/bin/pip install --quiet --disable-pip-version-check -r envs/gallery.lock
	$(VENV)-gallery/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/architectures.stamp envs/dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r envs/dev.lock
	@touch $@

lint: dev  ## check style and format of Python and Snakemake code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow/Snakefile workflow/rules
	$(BIN)/snakemake --lint

format: dev  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/Snakefile workflow/rules

types: dev  ## check the types
	$(BIN)/mypy

schemas: dev  ## generate workflow/opset_atlas/schemas from the types in records.py
	$(BIN)/python tools/make_schemas.py

pictures: dev  ## the pictures of the README, from a finished run
	$(BIN)/python docs/pictures.py

console: dev  ## how much a run writes, a recording of its console and a picture
	$(BIN)/python docs/console.py $(ARGS)

bench-report: dev  ## how the report grows, from a finished run
	$(BIN)/python docs/bench_report.py $(ARGS)

layout: env  ## the layout of graphs beside graphviz's, on the pairs of a finished run
	$(BIN)/python docs/layout.py $(ARGS)

rooms: dev  ## lines by room, in CONTRIBUTING.md
	$(BIN)/python docs/rooms.py --write

operators: env  ## onnx's own tests in the runtimes, and through the converter step by step (minutes)
	$(BIN)/python docs/operators.py $(ARGS)

figures: env  ## the counts of docs/figures.md, from a finished run
	$(BIN)/python docs/figures.py

bench: env  ## the workflow against the loops that a user would write, on the default configuration
	$(BIN)/python bench/run.py --repeat 3 --then $(CHANGES) $(ARGS)

bench-zoo: env  ## the same without the straight loop: the whole zoo
	$(BIN)/python bench/run.py --config config/zoo.yaml --ways workflow,accelerated $(ARGS)

bench-chunks: env  ## the zoo with the straight loop, 30 models at a time, for MINUTES
	$(BIN)/python bench/run.py --config config/zoo.yaml --chunk 30 --minutes $(MINUTES) $(ARGS)

bench-medium: env  ## models of 40 to 436 MB
	$(BIN)/python bench/run.py --config bench/medium.yaml --repeat 3 $(ARGS)

bench-hundred: env  ## a hundred models, and then changes
	$(BIN)/python bench/run.py --config config/zoo.yaml --models 100 --ways workflow,accelerated \
		--then $(CHANGES) $(ARGS)

bench-thousand: env  ## a thousand models at two opsets, and then nothing to do
	$(BIN)/python bench/run.py --config config/zoo.yaml --models 1000 --opsets 17,18 \
		--ways workflow --then nothing $(ARGS)

bench-torch: env  ## two models, with and without the memory of sweeps; ARGS="--python PATH": another torch
	$(BIN)/python bench/run.py --config bench/two.yaml --repeat 3 --ways workflow,plain,straight $(ARGS)

bench-others: $(VENV)-bench/stamp  ## other tools on the same files
	$(VENV)-bench/bin/python bench/others.py $(ARGS)

bench-docs: $(VENV)-bench/stamp  ## tables and plot of docs/speed.md from what was measured
	$(VENV)-bench/bin/python bench/write_docs.py

bench-all: bench bench-medium bench-zoo bench-hundred bench-thousand bench-others bench-chunks bench-docs  ## all benchmarks; takes hours on an otherwise idle machine

$(VENV)-bench/stamp: envs/main.lock envs/bench.lock pyproject.toml
	test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	$(if $(TORCH_INDEX),$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check --index-url $(TORCH_INDEX) $(TORCH))
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check -r envs/main.lock -r envs/bench.lock
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

bench-install: env  ## from a clone to the first comparison, without a cache
	$(BIN)/python bench/install.py

bench-commands: env  ## CPU seconds and memory of the commands about files, from cold
	$(BIN)/python bench/commands.py $(ARGS)

bench-growth: env  ## jobs, time, memory and disk at 10 to 10,000 models
	$(BIN)/python bench/growth.py $(ARGS)

truth: dev  ## compare cells of a run with those of fresh processes, on the whole zoo (hours)
	PYTHONPATH=workflow $(BIN)/python tools/truth.py --alone 61 --output truth.jsonl $(ARGS)

compare-torch: dev  ## may sweeps use their memory under torch VERSION? prints the entry to add
	$(BIN)/python tools/compare_torch.py $(if $(TORCH_INDEX),--index $(TORCH_INDEX)) $(ARGS) $(VERSION)

explained: env  ## the share of changes with a cause, from a finished run
	$(BIN)/python docs/explained.py $(ARGS)

validate: dev  ## test the parity rule on faults injected into files
	$(BIN)/python docs/parity/validate.py $(ARGS)

growth: env  ## the time of comparisons at 100, 1,000 and 10,000 nodes
	$(BIN)/python docs/growth.py $(ARGS)

lock:  ## resolve envs/*.in into lock files
	$(ENVS)/lock.sh $(PYTHON)

# Runs once everything that the tests do not; measurements cover three models and have their own folder.
nightly: test  ## all tests, every program in docs/ and short versions of every measurement (hours)
	mkdir -p $(NIGHT)
	$(MAKE) report architectures
	$(MAKE) gallery
	$(VENV)-gallery/bin/python docs/gallery.py --check
	$(VENV)-gallery/bin/python docs/gallery_unfold.py
	$(MAKE) report CONFIG=config/zoo.yaml
	$(MAKE) unit pictures console explained figures operators validate growth bench-report bench-commands
	$(BIN)/python docs/outcomes.py >$(NIGHT)/outcomes.md
	$(BIN)/python docs/silently_wrong.py >$(NIGHT)/silently-wrong.md
	$(BIN)/python docs/large.py >$(NIGHT)/large.md
	if $(BIN)/python -c 'import netron'; then $(BIN)/python docs/pictures_netron.py; fi
	$(MAKE) truth ARGS="--output $(NIGHT)/truth.jsonl"
	$(MAKE) compare-torch ARGS="--environment $(VENV) --sample 4"
	$(MAKE) bench bench-medium bench-zoo bench-hundred bench-thousand bench-torch ARGS="$(SHORT)"
	$(MAKE) bench-chunks MINUTES=5 ARGS="$(SHORT)"
	$(MAKE) bench-growth ARGS="--run 10 --copy 100 --graph 10 100 --output $(NIGHT)/growth.jsonl"
	$(MAKE) bench-others ARGS="--output $(NIGHT)/others.jsonl"
	$(MAKE) bench-docs bench-install
	cp -R envs $(NIGHT)
	$(MAKE) lock ENVS=$(NIGHT)/envs

clean:  ## remove results and Snakemake's metadata
	rm -rf results/* .snakemake
