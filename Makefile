# Two commands: `make lab` and `make test`. They need python3 (3.11 or newer), a C compiler and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# What the compiled modules are made of.
SOURCES := setup.py ext/build_specs.py pyproject.toml $(wildcard ext/*/*.h ext/capi/*.c ext/scope/*.c ext/experiments/*.c ext/cy/*.json \
	ext/cy/*.p?? ext/cy/*/*.p?? src/gilscope/kernels/*.py)

# The requirements of the extras named in $(1), from pyproject.toml.
requirements = $$($(BIN)/python -c 'import sys, tomllib; \
	extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
	print(*(r.replace(" ", "") for e in sys.argv[1:] for r in extras[e]))' $(1))

.DEFAULT_GOAL := help
.PHONY: help lab test test-quick check docs peers clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; \
		do printf '  make %-10s %s\n' "$$name" "$$text"; done

lab: $(VENV)/lab ## install, build, run the lab (about 90 s) and write report/index.html
	@$(BIN)/gilscope run

test: $(VENV)/lab $(VENV)/test ## install, build, run the whole test suite
	@$(BIN)/python -m pytest

test-quick: $(VENV)/lab $(VENV)/test ## the tests that start no process and take no second each: an answer in 30 s
	@$(BIN)/python -m pytest -q -m 'not slow' -n 2

check: $(VENV)/lab $(VENV)/test ## what guards the tree beside the tests: ruff, mypy, the layers, clang-format, the gate on Cython
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_layers.py
	$(BIN)/gilscope annotate --check
	$(BIN)/clang-format --dry-run --Werror ext/capi/*.c ext/scope/*.c ext/experiments/*.c ext/*/*.h tests/core/*.c

docs: $(VENV)/lab $(VENV)/docs ## build the documentation, build/docs/index.html; a warning is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs build/docs
	@echo build/docs/index.html

peers: $(VENV)/lab $(VENV)/peers ## compare the kernels with NumPy, SciPy, Numba and RapidFuzz
	@$(BIN)/python benchmarks/peers.py

clean: ## remove what was built, keep results
	rm -rf $(VENV) build dist src/*.egg-info src/gilscope/_build.json
	find src -name '*.so' -delete -o -name '__pycache__' -prune -exec rm -rf {} +
	rm -f src/gilscope/capi/*.pyi src/gilscope/cy/*.pyi ext/cy/*.c

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo 'gilscope: no $(PYTHON); install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "gilscope: $$($(PYTHON) --version) is too old; name a Python 3.11 or newer: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'gilscope: $(PYTHON) cannot make virtual environments; install its venv module (Debian: apt-get install python3-venv)'; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' || { echo 'gilscope: no Python headers for $(PYTHON); install them (Debian: apt-get install python3-dev)'; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "gilscope: no C compiler ($${CC:-cc}); install one (Debian: apt-get install gcc), or name one: CC=clang make"; exit 1; }
	@echo 'gilscope: making $(VENV)'
	@$(PYTHON) -m venv $(VENV)

# Built when a source is newer. The stamp comes last, so an interrupted build is made again.
$(VENV)/lab: $(SOURCES) | $(VENV)/bin/python
	@echo 'gilscope: installing and compiling (a minute or two)'
	@$(PIP) install $(call requirements,lab web) 'setuptools>=77'
	@$(PIP) install --no-build-isolation --editable .
	@touch $@

$(VENV)/test: pyproject.toml | $(VENV)/bin/python
	@echo 'gilscope: installing what the tests need'
	@$(PIP) install $(call requirements,test)
	@touch $@

$(VENV)/docs: pyproject.toml | $(VENV)/bin/python
	@echo 'gilscope: installing what the documentation needs'
	@$(PIP) install $(call requirements,docs)
	@touch $@

$(VENV)/peers: pyproject.toml | $(VENV)/bin/python
	@echo 'gilscope: installing the peers'
	@$(PIP) install $(call requirements,peers)
	@touch $@
