# Two commands do everything on a machine with Python 3.11 or newer and make:
#   make demo    the main job on the bundled ratings; prints where the report is
#   make test    lint, types, layering, tests
# Both make the environment in .venv when it is missing or out of date, and cost nothing when run
# again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint types layers unit docs format clean

demo: $(STAMP)
	$(BIN)/tastemap demo --out demo
	@echo "(so that your shell finds tastemap: source $(BIN)/activate)"

test: lint types layers unit

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tastemap needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" --group dev
	touch $(STAMP)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/python -m pytest --numprocesses=auto --dist=worksteal --cov --cov-report=term

docs: $(STAMP)
	$(BIN)/sphinx-build --fail-on-warning --keep-going docs docs/_build/html

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo docs/_build
