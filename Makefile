# The commands of the README, `make demo` and `make test`, and what CONTRIBUTING.md names.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= 2

# One thread a process, which sleeps while it waits: tests share the cores with each other.
QUIET := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
PYTEST := -m pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: demo test check lint types suite test-full coverage mutants clean

demo: $(INSTALLED)
	$(BIN)/brainplug run recipes/demo.toml

test: lint types suite

check: test

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/mypy

suite: $(INSTALLED)
	$(QUIET) $(BIN)/python $(PYTEST)

# Alone and with all threads: a model in its full size is trained there.
test-full: $(INSTALLED)
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -m full

coverage: $(INSTALLED)
	$(BIN)/coverage erase
	$(QUIET) $(BIN)/coverage run $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

mutants: $(INSTALLED)
	$(QUIET) $(BIN)/python benchmarks/mutants.py $(MUTATE)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]' --group dev
	touch $@

clean:
	rm -rf $(VENV) build dist
