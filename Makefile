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

.PHONY: demo test lint docs env clean

demo: env  ## train a teacher and three students on built-in data, report and plot
	$(RUN) tools/demo.py --out work_dirs/demo$(SUFFIX)

# Types are checked against the default stack's PyTorch alone.
test: $(if $(SUFFIX),env,lint)  ## format, lint, types, spelling, then all tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses 2 --dist worksteal

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
