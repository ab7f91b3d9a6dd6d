# Two commands: `make run` and `make test`. `make lock` makes the locks anew.
PYTHON ?= python3
PY := .venv/bin/python

.PHONY: run test lint lock clean

run: .venv/run
	@$(PY) -m hostd

test: .venv/dev lint
	@$(PY) -m tests.browser
	@$(PY) -m pytest

lint: .venv/dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group dev pyproject.toml -c requirements.txt -o requirements-dev.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hostd needs Python 3.11 or newer; try: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "hostd: $(PYTHON) can't make a venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

.venv/run: .venv/bin/python requirements.txt
	@echo "hostd: installing its dependencies (once)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/dev: .venv/bin/python requirements-dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ .venv/run

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
