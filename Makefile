# Everything a person or a machine does with this checkout. Needs python3 (>= 3.11) with venv, and make; uses uv where it is.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=
TESTS ?= tests
export READPOINT_MATERIAL ?= $(abspath ../shared/material)

.PHONY: help setup demo test check bench soak clean format

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

$(VENV)/.run: pyproject.toml
	@scripts/venv run $(PYTHON)
	@touch $@

$(VENV)/.dev: pyproject.toml uv.lock
	@scripts/venv dev $(PYTHON)
	@touch $(VENV)/.run $@

setup: $(VENV)/.dev  ## make .venv with everything for development

demo: $(VENV)/.run  ## the whole path on simulators, with faults: reader to subscriber
	@$(BIN)/readpoint demo $(DEMO)

check: $(VENV)/.dev  ## ruff, mypy --strict, import rules, formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.dev  ## all tests; installs the Debian packages they need, where it may
	@scripts/debian-packages
	$(BIN)/python -m pytest $(TESTS) -m "not soak" --durations=20

bench: $(VENV)/.dev  ## every figure of docs/performance.md
	@scripts/debian-packages
	$(BIN)/python -m tests.bench

soak: $(VENV)/.dev  ## the long runs
	@scripts/debian-packages
	@scripts/fuzz-packages
	$(BIN)/python -m pytest $(TESTS) -m soak --durations=20 -rP

format:  ## put ruff's formatting and fixes in place
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove all that make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .readpoint .debian demo build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
