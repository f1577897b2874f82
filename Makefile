# One recipe per intent; CI runs the same recipes. `make setup` needs only Python 3.11 and the package registries.
PYTHON ?= python3.11
PY := .venv/bin/python
UV := .venv/bin/uv pip
STAMP := .venv/.ready

.PHONY: setup fmt check unit test demo faults fuzz bench lock
.NOTPARALLEL:

setup: $(STAMP)

$(STAMP): requirements/dev.txt pyproject.toml
	test -x $(PY) || $(PYTHON) -m venv .venv || python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(UV) sync --quiet --compile-bytecode --require-hashes --python $(PY) requirements/dev.txt
	$(UV) install --quiet --python $(PY) --no-deps --no-build-isolation --editable .
	touch $(STAMP)

fmt: setup
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

check: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/hub check

# The browser checks need Chromium and a Chinese font; the script installs them where they are missing.
unit: setup
	sh tests/browser/install.sh
	$(PY) -m pytest -q

test: check unit

# ONCE=1 ends after the story; CONTRACTS=N plays it for N contracts; WITH=all brings all six vendors on stage.
demo: setup
	.venv/bin/hub demo $(if $(ONCE),--once) $(if $(CONTRACTS),--contracts $(CONTRACTS)) $(if $(WITH),--with $(WITH))

# Kills, crashes and a vendor that misbehaves; one JSON says whether the promise held. KILLS= EVENTS= SEED= MINUTES= MORE=.
faults: setup
	$(PY) -m tests.faults.run --points $(or $(POINTS),2) --kills $(or $(KILLS),2000) --events $(or $(EVENTS),20000) \
		--seed $(or $(SEED),1) --minutes $(or $(MINUTES),90) $(MORE)

# Searches for files, expressions and data that break a mapping: FUZZ= examples of each kind.
fuzz: setup
	FUZZ=$(or $(FUZZ),20000) $(PY) -m pytest -q tests/hub/mapping/test_corpora.py \
		tests/hub/mapping/test_compiled.py tests/mappings/test_outputs.py

# What it costs, as ratios in one interleaved run; one JSON. ROUNDS= EVENTS= SINK_MS=. With SCENE= another benchmark: MORE=.
bench: setup
	$(PY) -m tests.benchmarks.$(if $(SCENE),$(SCENE) $(MORE),run --rounds $(or $(ROUNDS),5) --events $(or $(EVENTS),2000) \
		--sink-ms $(or $(SINK_MS),0) $(MORE))

lock: setup
	$(UV) compile pyproject.toml --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements/run.txt
	$(UV) compile pyproject.toml --group dev --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o requirements/dev.txt
