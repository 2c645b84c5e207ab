# The commands of the README, `make demo` and `make test`, and what CONTRIBUTING.md names.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= 2

# One thread a process, which sleeps while it waits: tests share the cores with each other.
QUIET := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE
PYTEST := -m pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: demo test check lint types docs suite test-full test-wheel coverage mutants clean

demo: $(INSTALLED)
	$(BIN)/brainplug run recipes/demo.toml

# Types take one core for long, beside tests that often wait.
test: lint docs
	$(MAKE) --jobs 2 types suite

check: test

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED)
	$(BIN)/mypy

# A link to nothing, or a page that nobody links to, is an error.
docs: $(INSTALLED)
	$(QUIET) $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/site

suite: $(INSTALLED)
	$(QUIET) $(BIN)/python $(PYTEST)

# Alone and with all threads: a model in its full size is trained there.
test-full: $(INSTALLED)
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -m full

# What is published, as its users get it: built, installed beside no clone, and tried by what
# strangers wrote. The tests come from the clone; brainplug itself must not.
WHEEL_VENV := build/wheel-venv
STRANGERS := tests/test_third_party.py tests/test_faulty_plugins.py tests/test_testing.py tests/test_wheel.py
test-wheel: $(INSTALLED)
	rm -rf dist $(WHEEL_VENV)
	$(BIN)/python -m build --outdir dist
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(WHEEL_VENV)/bin/python -m pip install --quiet --constraint constraints.txt torch
	$(WHEEL_VENV)/bin/python -m pip install --quiet --constraint constraints.txt \
	    "$$(ls dist/brainplug-*.whl)[demo,excel]" --group test --group lint
	cd $(WHEEL_VENV) && bin/python -c "import brainplug, sys; assert brainplug.__file__.startswith(sys.prefix), brainplug.__file__"
	$(QUIET) $(WHEEL_VENV)/bin/python -m pytest -p no:cacheprovider $(STRANGERS)

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
