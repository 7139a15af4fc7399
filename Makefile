# One command each. Python 3.11 and make are all a fresh machine needs.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: help setup test lint demo extension versions clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

setup: .venv/ready  ## the pinned packages into .venv

.venv/ready: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

test: setup  ## every test, no network, no GPU
	$(BIN)/python -m pytest

lint: setup  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright

demo: setup  ## real photos, then the studio, to build/demo
	$(BIN)/python tools/demo.py build/demo

extension: setup  ## the installable zip of this platform, to build/extension
	$(BIN)/python tools/build_extension.py

clean:  ## all that was made, but for .venv
	rm -rf build .pytest_cache .ruff_cache
