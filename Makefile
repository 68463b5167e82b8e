# make run        the arena on this machine
# make test       everything, in ten minutes after installing
# make test-long  the longer forms too
# make space REPO=me/arena   publishes it on Hugging Face (docs/spaces.md)
.DEFAULT_GOAL := run
.PHONY: run test test-long tests check prepare chromium postgresql space clean

CANDIDATES := python3 python3.13 python3.12 python3.11 python
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# Two processes of one thread each, for two cores; the tests of one file stay together, for they share what is slow to set up. The longest
# files come first (tests/conftest.py).
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
BOTH := --no-print-directory --jobs 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

run: .venv/.installed
	$(BIN)/python app.py

test:
	@$(MAKE) $(BOTH) prepare
	@$(MAKE) $(BOTH) check tests

test-long:
	@$(MAKE) $(BOTH) prepare
	@$(MAKE) $(BOTH) check tests WHICH="-m 'long or not long'"

tests:
	$(PYTEST) $(WHICH)

prepare: .venv/.installed-dev chromium postgresql

check: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

chromium:
	@sh tests/install_chromium.sh

postgresql: chromium  # both take the lock of the system's packages
	@sh tests/install_postgresql.sh

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found; install one, for example: sudo apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python lacks venv; install it with: sudo apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: .venv/bin/python requirements.txt constraints.txt
	$(PIP) -r requirements.txt
	@touch $@

.venv/.installed-dev: .venv/.installed requirements-dev.txt requirements-train.txt
	$(PIP) -r requirements-dev.txt
	@touch $@

space: .venv/.installed
	@$(BIN)/python -m nl2sql_arena space publish "$(REPO)" $(if $(HARDWARE),--hardware "$(HARDWARE)") $(if $(SLEEP),--sleep "$(SLEEP)") \
		$(if $(BUCKET),--bucket "$(BUCKET)") $(if $(VOTES),--votes "$(VOTES)") $(if $(PRIVATE),--private)

clean:
	rm -rf .venv var
