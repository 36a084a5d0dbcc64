# Everything runs from a fresh clone with Python >= 3.11, make and a package index: each target makes what it needs.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= runs/demo
CONFIG ?= data/gaoxin/patrol.toml
DATE ?= 2026-10-30

.DEFAULT_GOAL := help
.PHONY: help demo test lint type layers unit faults fuzz wheel lowest bench notebooks sample screenshots clean

help:                ## this list
	@grep -E '^[a-z]+: *.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */\1\t/' | expand -t 14

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: .venv/.ready   ## the main job on the sample district; says where the map is
	$(BIN)/patrol demo --out $(OUT) --force

test: lint type layers unit wheel   ## everything that must be green

lint: .venv/.ready   ## ruff: style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: .venv/.ready   ## mypy, strict
	$(BIN)/mypy

layers: .venv/.ready ## import-linter: the direction of the house
	$(BIN)/lint-imports

unit: .venv/.ready   ## pytest with doctests and the browser tests
	bash .ci/test-packages
	$(BIN)/pytest

faults: .venv/.ready ## every bad input and hard moment by its id, and whether its test passes
	$(BIN)/python tests/faults_report.py

fuzz: .venv/.ready   ## 100,000 mutated exports and configurations: a result or one of our errors, every row accounted for
	$(BIN)/python tests/fuzzing.py --inputs 100000 --jobs 2

wheel: .venv/.ready  ## build the wheel, install it alone elsewhere, run its demo
	$(BIN)/python tests/wheel_demo.py

lowest: .venv/.ready ## the unit tests with the lowest versions that pyproject.toml allows
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-lowest
	$(BIN)/uv pip install --quiet --python .venv-lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	.venv-lowest/bin/python -m pytest

bench: .venv/.ready  ## time and memory: the main job, the statistics, streets with PBF=FILE (figures in benchmarks/README.md)
	$(BIN)/python benchmarks/pipeline.py $(CONFIG) --date $(DATE)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python benchmarks/statistics.py
	$(BIN)/python benchmarks/patrol_scale.py --peers
	$(BIN)/python benchmarks/replan.py $(CONFIG) --date $(DATE)
	$(BIN)/python benchmarks/forecast.py $(CONFIG) --from 2026-08-07 --to 2026-10-23
	test -z "$(PBF)" || $(BIN)/python benchmarks/streets.py --pbf $(PBF)

notebooks: .venv/.ready  ## run every notebook, strip the outputs
	$(BIN)/python notebooks/run.py

sample: .venv/.ready ## write the sample district again, byte for byte
	$(BIN)/python data/make_gaoxin.py

screenshots: .venv/.ready  ## pictures of the sample district's map for the README
	$(BIN)/python docs/screenshots.py

clean:               ## remove environments, caches and runs
	rm -rf .venv .venv-lowest dist build runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
