# `make` says what there is to make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
# The first Python that is new enough; name another with PYTHON=...
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

.PHONY: help run test check bench docs clean browser

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runs ## Start Dibs with its sample workspace; Ctrl-C stops it (PORT=8000)
	@exec $(BIN)/dibs up --port $(PORT)

test: $(VENV)/.develops browser ## Run all tests, each kind on the real PostgreSQL
	$(BIN)/python -m pytest -q -n logical --maxprocesses 4 --dist loadgroup $(ARGS)

check: $(VENV)/.develops ## Look for mistakes without running: format, lint, types, who imports whom
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=dibs.config.settings $(BIN)/mypy
	DJANGO_SETTINGS_MODULE=dibs.config.settings $(BIN)/python -W ignore::RuntimeWarning -m django makemigrations --check --dry-run

bench: $(VENV)/.develops ## Measure what the README says, as ratios on this machine
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.develops ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

clean: ## Remove what was made here; the data folder stays
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

browser: $(VENV)/.develops
	@$(BIN)/python -m tests.chromium

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Dibs needs Python 3.11 or newer, and none was found. Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runs: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.develops: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.runs
