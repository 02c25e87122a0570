# The two commands: `make demo` and `make test`. Both build what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests of commands wait more than they work.
JOBS ?= 4
# What CI tests is what `make` installs, the tools that build the package included (their own pip reads the variables).
PINS := constraints.txt
INSTALL = PIP_CONSTRAINT=$(PINS) PIP_BUILD_CONSTRAINT=$(PINS) $(BIN)/python -m pip install --quiet \
  --disable-pip-version-check -c $(PINS)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint format types bench docs constraints clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.product: pyproject.toml $(PINS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "k0rdent-azure needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.product
	$(INSTALL) --editable '.[dev]'
	@touch $@

demo: $(VENV)/.product ## deploy five VMs on the rehearsal cloud, kill it in the middle, resume, show status
	@PATH="$(CURDIR)/$(BIN):$$PATH" ./demo.sh

test: $(VENV)/.dev ## the whole suite that runs on this machine
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTFLAGS)

test-all: $(VENV)/.dev ## the same with every crash image, 1,000 kills, the full contention and examples drawn anew
	K0RDENT_AZURE_EXHAUSTIVE=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(TESTFLAGS)

lint: $(VENV)/.dev ## format and lint checks, strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev ## rewrite in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## the ratios of docs/performance.md, measured side by side
	$(BIN)/python -m benchmarks

docs: $(VENV)/.dev ## remake the schema, the table of ARM requests and the pictures in docs/
	$(BIN)/python -m docs.generate

constraints: ## pin the newest version of everything that `make` installs, in constraints.txt
	@$(PYTHON) .ci/constraints

clean: ## remove what the targets made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis demo-workspace build dist
