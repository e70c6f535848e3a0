# make audit [DATASET=folder] [OUT=folder]   installs the tool and audits a dataset (default: a small demo)
# make test                                  installs everything and runs the checks and tests of all parts: minutes
# make test-system                           tests of the whole: clusters, killed processes, guides, other programs
# make test-all                              both, with simulations in full
# make fuzz [MINUTES=10]                      mutated images, archives, tables and audit files
# make docs                                  the documentation as a site: build/site/index.html
PYTHON ?= python3
VENV ?= .venv
DATASET ?=
OUT ?= audit
MINUTES ?= 10
PYTEST = $(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 8 --dist loadfile

.PHONY: audit test test-system test-all fuzz docs lint types clean

audit: $(VENV)/core
	@$(if $(DATASET),,$(VENV)/bin/auditor demo demo-dataset)
	@$(VENV)/bin/auditor scan $(or $(DATASET),demo-dataset) --out $(OUT); code=$$?; \
	  echo "exit code $$code (0 pass, 1 fail, 4 inconclusive); the report is $(OUT)/report.html"; \
	  case $$code in 0|1|4) ;; *) exit $$code ;; esac

test: $(VENV)/everything lint types
	$(PYTEST) -m "not system" $(TESTING)

test-system: $(VENV)/everything
	$(PYTEST) -m system $(TESTING)

test-all:
	@$(MAKE) test test-system TESTING=--full-simulations

fuzz: $(VENV)/everything
	PYTHONPATH=tests/support $(VENV)/bin/python -W ignore -m campaign --minutes $(MINUTES) --keep build/fuzz

docs: $(VENV)/everything
	$(VENV)/bin/python -m sphinx --fail-on-warning --keep-going --quiet -b html -d build/doctrees docs build/site
	@echo "the site is build/site/index.html"

lint: $(VENV)/everything
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/everything
	$(VENV)/bin/mypy

$(VENV)/core: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/everything: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[demo,clip,ray,docs,test]'
	@touch $@

clean:
	rm -rf $(VENV) audit demo-dataset build dist
