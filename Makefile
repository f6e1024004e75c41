# Everything a person or CI calls. `make setup` asks nothing and is quick when there is nothing to do.
.PHONY: setup run check test bench

SYNCED := .venv/.synced

setup: $(SYNCED)

# The last step compiles the kernel where that is still to do, so that no first start and no first test has to.
$(SYNCED): uv.lock pyproject.toml libs/pyproject.toml $(wildcard services/*/pyproject.toml)
	tools/uv sync --frozen
	.venv/bin/python -m fraudline.models.compiling
	touch $@

run: setup
	.venv/bin/fraudline up --demo

check: setup
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

test: setup
	.venv/bin/python -m pytest

bench: setup
	.venv/bin/python tests/bench/kernel.py
	PYTHONPATH=tests .venv/bin/python tests/bench/prediction.py
	.venv/bin/python tests/bench/replay_rate.py
	.venv/bin/python tests/bench/rebuild.py
	.venv/bin/python tests/bench/snapshots.py
	PYTHONPATH=tests .venv/bin/python tests/bench/takeover.py
	.venv/bin/python tests/bench/simulated.py
	.venv/bin/python tests/bench/detection.py --weeks 1
	PYTHONPATH=tests .venv/bin/python tests/bench/explainer.py
	PYTHONPATH=tests .venv/bin/python tests/bench/alerts.py
	.venv/bin/python tests/bench/throughput.py
