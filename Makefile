# Two commands for users: `make demo` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
PYTHON310 ?= python3.10
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo test lint types docs format test310 clean

demo: .venv/demo
	$(BIN)/metaaligner demo

test: .venv/dev
	$(BIN)/python -m pytest

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/dev
	$(BIN)/mypy

docs: .venv/dev
	$(BIN)/python docs/tables.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The oldest Python that we support, without torch: what finds the prompt of a chain.
test310: .venv310/ready
	.venv310/bin/python -m pytest tests/integration/test_capture.py tests/unit/test_upstream.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	touch $@ .venv/demo

.venv310/ready: pyproject.toml constraints.txt
	$(PYTHON310) -m venv .venv310
	.venv310/bin/python -m pip install --quiet --constraint constraints.txt \
	  langchain-core langchain langgraph langchain-classic pydantic \
	  pytest pytest-asyncio pytest-socket hypothesis
	.venv310/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .venv310 site dist
