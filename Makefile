# Everything runs in an environment that is made on first use and reused afterwards.
# STACK chooses the host packages: upstream (OpenMMLab, the default) or modern (forks).
STACK ?= upstream
PYTHON ?= python3.11
ifeq ($(filter upstream modern,$(STACK)),)
$(error STACK is upstream or modern, but found $(STACK))
endif
SUFFIX := $(if $(filter modern,$(STACK)),-modern)
VENV := .venv$(SUFFIX)
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

PYTEST := OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses 2 --dist worksteal
# What computes and does not train; under two minutes on two cores.
FAST := tests/test_models tests/test_engine/test_schedule tests/test_moved_imports.py \
    tests/test_public_names.py tests/test_parity.py

.PHONY: demo test test-fast test-gpu test-slow lint docs env clean

demo: env  ## train a teacher and three students on built-in data, report and plot
	$(RUN) -m tools.demo --out work_dirs/demo$(SUFFIX)

# Types are checked against the default stack's PyTorch alone.
test: $(if $(SUFFIX),env,lint)  ## format, lint, types, spelling, then all but slow tests
	$(PYTEST) -m 'not slow'

test-fast: env  ## the tests for a change under way
	$(PYTEST) -m 'not slow and not distributed and not docs' $(FAST)

test-gpu: env  ## the tests that need a GPU, on a machine that has one
	$(PYTEST) -m gpu --numprocesses 0

test-slow: env  ## the tests that take minutes each
	$(PYTEST) -m slow

lint: env
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

docs: env  ## build the pages into docs/_build/html; a warning is an error
	$(RUN) -m sphinx -W --keep-going -q docs docs/_build/html

env: $(READY)

$(READY): $(wildcard requirements/*) setup.py
	STACK=$(STACK) PYTHON=$(PYTHON) VENV=$(VENV) sh requirements/install.sh
	touch $(READY)

clean:  ## remove what these commands made: no data and no training of yours
	rm -rf $(VENV) work_dirs/demo$(SUFFIX) data/digits docs/_build
