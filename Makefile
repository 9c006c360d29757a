# Everything runs in .venv, which is made on first use and reused afterwards.
PYTHON ?= python3.11
VENV := .venv
RUN := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo test lint docs env clean

demo: env  ## train a teacher and three students on built-in data, report and plot
	$(RUN) tools/demo.py

test: lint  ## format, lint, types, spelling, then all tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses 2

lint: env
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/codespell

docs: env  ## build the pages into docs/_build/html; a warning is an error
	$(RUN) -m sphinx -W --keep-going -q docs docs/_build/html

env: $(READY)

$(READY): $(wildcard requirements/*) setup.py
	PYTHON=$(PYTHON) VENV=$(VENV) sh requirements/install.sh
	touch $(READY)

clean:  ## remove the environment and all that was made in it
	rm -rf $(VENV) work_dirs data docs/_build
