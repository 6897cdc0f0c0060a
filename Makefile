# make repro     set-up, then the whole pipeline for the profile in params.yaml (smoke unless you changed it)
# make test      set-up, then all tests, two at a time
# make test-fast set-up, then the tests that neither start Ray or vLLM nor read the mirror of the data sets
# make check     ruff and mypy, as .ci/run asks them
# make estimate  what the profile in params.yaml (or PROFILE=profiles/<name>.yaml) asks for: runs, tokens, disk, GPU hours
# make sweep     every method for three real steps, in one session; the table goes to docs/sweep.md
# make locks     resolve locks/*.in again
# GPU=1 builds the training environment from locks/gpu.lock (Linux, NVIDIA)
SHELL := bash
PYTHON ?= python3.11
export PYTHON
PYTEST := .venv/train/bin/python -m pytest tests
TWO_AT_A_TIME := $(PYTEST) -n 2 --dist loadfile # a file in one process, which makes its fixtures once
PACKAGES := stages/backend/packages
COMPILE = .venv/lock/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX) --index-strategy unsafe-best-match)

.PHONY: repro test test-fast check estimate sweep setup locks

repro: setup
	.venv/train/bin/dvc repro

test: setup
	$(TWO_AT_A_TIME)

test-fast: setup
	$(TWO_AT_A_TIME) -m "not slow and not mirror"

check: setup
	.venv/train/bin/ruff check
	.venv/train/bin/ruff format --check
	.venv/train/bin/mypy

estimate: setup
	@.venv/train/bin/python -m stages.tools.estimate $(PROFILE)

sweep: setup
	.venv/train/bin/dvc repro model@smoke prepare@smoke
	.venv/train/bin/python -m stages.tools.sweep --write

setup:
ifdef GPU
	@locks/build.sh train locks/gpu.lock
else
	@locks/build.sh train locks/train.lock $(PACKAGES)/cpu_platform $(PACKAGES)/vllm_metadata
endif
	@locks/build.sh eval locks/eval.lock
	@locks/sandbox.sh

locks:
	test -x .venv/lock/bin/uv || { $(PYTHON) -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv; }
	cd locks && ../$(COMPILE) train.in --override train.overrides --output-file train.lock >/dev/null
	cd locks && ../$(COMPILE) gpu.in --output-file gpu.lock >/dev/null
	cd locks && ../$(COMPILE) eval.in --output-file eval.lock >/dev/null
