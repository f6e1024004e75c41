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

# Each by itself, with what it is told; `make --keep-going bench` goes on past one that misses a goal.
BENCHES = kernel prediction replay_rate rebuild snapshots takeover simulated detection explainer alerts throughput
TOLD_detection = --weeks 1
TOLD_throughput = --overload --growth

bench: $(BENCHES:%=bench-%)

.NOTPARALLEL: bench
bench-%: setup
	PYTHONPATH=tests .venv/bin/python tests/bench/$*.py $(TOLD_$*)
