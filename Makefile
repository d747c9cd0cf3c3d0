# Two commands: `make results` and `make test`. Each sets up what it needs.
# CORES=8 make results uses eight; PYTHON=python3.12 make results another interpreter.

PYTHON ?= python3
CORES ?= $(shell $(PYTHON) -c "import os; print(len(os.sched_getaffinity(0)))" 2>/dev/null || echo 2)
# Memory for all jobs together, in MB: nine tenths of the machine's.
MEMORY ?= $(shell $(PYTHON) -c "import os; print(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') * 9 // 10 // 10**6)" 2>/dev/null || echo 8000)
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE = $(BIN)/python -m lstm_units.runtime.stale_lock && $(BIN)/snakemake --cores $(CORES) --resources mem_mb=$(MEMORY)

.PHONY: results quick paper test test-all lint benchmark clean

results: $(VENV)/installed
	$(SNAKEMAKE)
	@$(BIN)/python -m lstm_units.runtime.show_results

quick: $(VENV)/installed
	$(SNAKEMAKE) --configfile presets/quick.yaml
	@$(BIN)/python -m lstm_units.runtime.show_results results/quick

paper: $(VENV)/installed
	$(SNAKEMAKE) --configfile presets/paper.yaml
	@$(BIN)/python -m lstm_units.runtime.show_results results/paper

PYTEST = $(BIN)/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder

test: $(VENV)/installed-dev
	$(PYTEST) -m "not extended"

# The same and what takes long: SLURM, kills, browser, notebook, environments, training.
test-all: test
	$(PYTEST) -m extended

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check -l 100 Snakefile rules
	$(BIN)/snakemake --lint

benchmark: $(VENV)/installed
	$(BIN)/python -m lstm_units.benchmarks.sweep

$(VENV)/bin/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'lstm-units needs Python 3.11 or later: PYTHON=python3.11 make results')"
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@ $(VENV)/installed

clean:
	rm -rf $(VENV) .snakemake
