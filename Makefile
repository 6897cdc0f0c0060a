# make help      these lines
# make repro     set-up, a check of all settings, then the whole pipeline for the profile in params.yaml (smoke unless you
#                changed it); PROFILE=laptop puts profiles/laptop.yaml there first; TARGETS='report@smoke' or other arguments of
#                dvc repro run a part of it
# make status    the pipeline of the profile in params.yaml: what is done, due, running
# make test      set-up, then all tests: first those that start Ray or vLLM, two at a time, then the others
# make test-fast set-up, then the tests that are marked neither slow nor processes nor mirror (docs/development.md)
# make check     ruff and mypy, as .ci/run asks them
# make docs      the documentation site, from README.md and docs/ into work/site; a link that leads nowhere is an error
# make estimate  what the profile in params.yaml (or PROFILE=<name>) asks for: runs, tokens, disk, GPU hours,
#                and which published numbers it can get a verdict on; OPTIONS="--dollars-per-gpu-hour 2.5 --budget 500"
# make preflight what this machine lacks for the profile in params.yaml; OPTIONS=--step then takes one step at the longest length,
#                for its memory and speed, which make estimate OPTIONS="--measured work/preflight/<profile>.json" computes with
# make rehearse the profile in params.yaml (or PROFILE=<name>) on a CPU: its pipeline with a tiny random model, a step of each
#                method, a kill and a resume; OPTIONS="--methods grpo,steer"; what was scaled down is printed
# make sweep     every method for three real steps, in one session; the table goes to docs/sweep.md
# make locks     resolve locks/*.in again
# The profile in params.yaml says what is set up: .venv/train from locks/train.lock for a CPU, .venv/gpu from locks/gpu.lock
# for NVIDIA GPUs, each in a folder of its own. Tests, checks and the sweep run on a CPU.
SHELL := bash
PYTHON ?= python3.11
export PYTHON
# a file in one process, which makes its fixtures once; in the order of tests/conftest.py
PYTEST := .venv/train/bin/python -m pytest --dist loadfile --no-loadscope-reorder
# of two each has a core
SLOW = $(PYTEST) -n 2 -m slow $$(grep -rl --include='test_*.py' mark.slow tests)
# the environment of the profile in params.yaml
OURS := .venv/$$(locks/environment.sh)/bin
COMPILE = .venv/lock/bin/uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) \
	$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX) --index-strategy unsafe-best-match)

.PHONY: help profile repro status test test-fast check docs estimate preflight rehearse sweep setup setup-cpu locks

help:
	@sed -n '/^# make /,/^[^#]/{/^#/s/^# //p}' Makefile

repro: profile setup
	@$(OURS)/python -m stages.resolve --check
	$(OURS)/dvc repro $(TARGETS)

profile:
	@locks/choose_profile.sh $(PROFILE)

status: setup
	@$(OURS)/python -m stages

test: setup-cpu
	$(SLOW) || failed=1; $(PYTEST) -n 4 tests -m "not slow" && test -z "$$failed"

test-fast: setup-cpu
	$(PYTEST) -n 2 tests -m "not slow and not processes and not mirror"

check: setup-cpu
	.venv/train/bin/ruff check
	.venv/train/bin/ruff format --check
	.venv/train/bin/mypy

docs:
	@locks/build.sh docs
	.venv/docs/bin/mkdocs build --strict

estimate: setup
	@$(OURS)/python -m stages.tools.estimate $(PROFILE) $(OPTIONS)

preflight: setup
	@$(OURS)/python -m stages.tools.preflight $(PROFILE) $(OPTIONS)

rehearse: setup-cpu
	@.venv/train/bin/python -m stages.tools.rehearse $(PROFILE) $(OPTIONS)

sweep: setup-cpu
	.venv/train/bin/dvc repro model@smoke prepare@smoke
	.venv/train/bin/python -m stages.tools.sweep --write

setup:
	@chmod 700 .dvc/site # in it DVC makes a folder that everybody may write to
	@name=$$(locks/environment.sh) && locks/build.sh $$name eval
	@locks/sandbox.sh

setup-cpu:
	@chmod 700 .dvc/site
	@locks/build.sh train eval
	@locks/sandbox.sh

locks:
	test -x .venv/lock/bin/uv || { $(PYTHON) -m venv .venv/lock && .venv/lock/bin/python -m pip install --quiet uv; }
	cd locks && ../$(COMPILE) train.in --override train.overrides --output-file train.lock >/dev/null
	cd locks && ../$(COMPILE) gpu.in --output-file gpu.lock >/dev/null
	cd locks && ../$(COMPILE) eval.in --output-file eval.lock >/dev/null
	cd locks && ../$(COMPILE) --no-deps rehearsal.in --output-file rehearsal.lock >/dev/null
	cd locks && ../$(COMPILE) docs.in --output-file docs.lock >/dev/null
