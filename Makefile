# The two commands of a bare machine are `make table2` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
UV := .uv/bin/uv
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
# What Snakemake says goes to its log file; the terminal has a line on where the jobs are.
SNAKEMAKE := WGANLIB_PROGRESS=1 $(BIN)/snakemake --cores all
# Named, so that scratch files beside them do not count.
SOURCES := wganlib tests benchmarks
NUMERICAL_TESTS := $(addprefix tests/,methods architectures datasets training scoring measuring experiments)

.PHONY: help install table2 reports claims list publish test test-slow test-processor check baseline pilot stress lint plan lock clean

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

install: .venv/.installed ## install the locked environment into .venv

table2: install ## train, score and typeset Table 2 at the current scale (the main job)
	$(SNAKEMAKE) reports/table2.pdf

reports: install ## build every table and figure of the current scale, and reports/index.html to browse every run
	$(SNAKEMAKE) reports
	$(BIN)/snakemake --report reports/index.html reports

list: install ## list every report that the current scale makes
	$(BIN)/wganlib list

claims: install ## judge every claim of the current scale: reports/claims.pdf, results/<scale>/claims.csv
	$(SNAKEMAKE) reports/claims.pdf

publish: install ## copy the current scale's tables and reports to where git holds them, with a manifest
	$(BIN)/wganlib publish

test: install ## run the tests
	$(PYTEST) -m "not slow" tests

test-slow: install ## run the tests that take long: planted faults against the baseline, kills of the workflow
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow tests

# The oldest instructions that the libraries know stand in for another processor: other kernels, other last bits.
test-processor: install ## run the numerical tests once more as on another processor
	ONEDNN_MAX_CPU_ISA=SSE41 ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE \
	  $(PYTEST) -m "not slow" $(NUMERICAL_TESTS)

check: install ## train a few fresh seeds and compare their scores with the committed baseline
	$(SNAKEMAKE) results/demo/check/runs.csv --config scale=demo
	$(BIN)/wganlib check results/demo/check/runs.csv --baseline params/baselines/demo.json

baseline: install ## record a new baseline for `make check` from its own eight seeds
	$(SNAKEMAKE) results/demo/check_baseline/runs.csv --config scale=demo
	$(BIN)/wganlib check results/demo/check_baseline/runs.csv --baseline params/baselines/demo.json --record

pilot: install ## run the pilot that chose the demo's settings (about 15 minutes)
	$(SNAKEMAKE) reports/pilot.pdf --config scale=demo

stress: install ## kill trainings, the workflow and its warm process ten times each and compare with an undisturbed run
	$(BIN)/python benchmarks/stress.py --kills 10

lint: install ## check style, types and the workflow
	$(BIN)/ruff check $(SOURCES) && $(BIN)/ruff format --check $(SOURCES) && $(BIN)/mypy
	$(BIN)/snakefmt --check workflow && $(BIN)/snakemake --lint

plan: install ## show runs and estimated cost of every experiment
	$(BIN)/wganlib plan

lock: $(UV) ## resolve the dependencies of pyproject.toml into requirements.lock
	$(UV) pip compile --quiet --universal --generate-hashes --all-extras --python-version 3.11 \
	  --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean: ## remove the environment and the workflow's state; results and reports stay
	rm -rf .venv .uv .snakemake logs

$(UV): requirements-uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv --clear .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@touch $@

# Compiled byte code halves the start of every job where Python may not write its own.
.venv/.installed: requirements.lock pyproject.toml $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .venv
	$(UV) pip install --quiet --python .venv/bin/python --compile-bytecode --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python .venv/bin/python --no-build-isolation --no-deps -e .
	@touch $@
