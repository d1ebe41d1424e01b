# Every target first makes sure that .venv is what requirements/*.lock say (see bootstrap.sh).
PYTHON_IN := .venv/bin/python
PYTEST := $(PYTHON_IN) -m pytest
WORKERS ?= 2

.PHONY: setup ui demo test check verify bench docs lock clean

setup:  ## make .venv
	@./bootstrap.sh

ui: setup  ## build the pages into the package, when a file of ui/ changed
	@ui/scripts/build.sh

demo: ui  ## 30 nights of the example project, then its pages; SERVE=no ends after the status table
	@.venv/bin/evenfall demo --path build/demo/acme-funnel $(if $(filter no,$(SERVE)),--no-serve)

test: ui  ## everything but the long statistics; what CI runs
	@$(PYTEST) -n $(WORKERS) -rs -m "not verify" tests

check: setup  ## before every commit: format, lint, types, layers, fast tests, docs
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PYTEST) -q -n $(WORKERS) -m "not verify and not slow" tests

verify: ui  ## long statistics and faults
	@$(PYTEST) -n $(WORKERS) -m verify --hypothesis-profile=verify tests

bench: ui  ## timings, as ratios within one run
	@set -e; for file in benchmarks/*.py; do echo "== $$file"; $(PYTHON_IN) "$$file"; done

docs: setup  ## run the examples in docstrings and pages, follow the links between pages
	@$(PYTEST) -q tests/habits/test_documentation.py

UV = $$(command -v .venv-tools/bin/uv || command -v uv)
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --no-emit-index-url

lock:  ## resolve pyproject.toml again; UPGRADE=--upgrade takes newer releases
	@$(COMPILE) $(UPGRADE) --output-file requirements/core.lock pyproject.toml
	@$(COMPILE) $(UPGRADE) --constraints requirements/core.lock --group dev --output-file requirements/dev.lock
	@$(COMPILE) $(UPGRADE) --group tools --output-file requirements/tools.lock

clean:  ## remove what running and testing left behind; .venv stays
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
