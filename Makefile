# Everything a fresh machine needs is here: `make demo` and `make test` set themselves up.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit docs docs-serve notebooks bench fuzz look record record-network corpus corpus-deps base-models system-deps warm clean

help:  ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.runtime warm  ## install, then do the main job on the recordings that Habitus ships
	$(BIN)/habitus demo -o models

test: $(VENV)/.development lint types unit docs  ## install, then lint, types, tests and documentation

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.development
	$(BIN)/mypy

# Two at a time, and a file's tests in one process: what a file sets up is set up once.
unit: $(VENV)/.development warm
	$(BIN)/pytest -n 2 --dist loadfile

docs: $(VENV)/.development  ## build the documentation into site/
	$(BIN)/python scripts/make_reference.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict > /dev/null

docs-serve: $(VENV)/.development  ## show the documentation at http://127.0.0.1:8000
	$(BIN)/mkdocs serve

notebooks: $(VENV)/.development warm  ## run the notebooks and keep what they print
	$(BIN)/python scripts/run_notebooks.py

bench: $(VENV)/.development warm  ## measure the claims (HABITUS_TEST_DATA names the data); writes docs/results
	$(BIN)/python benchmarks/host_classical.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/reading.py
	$(BIN)/python benchmarks/adfa_ld.py
	$(BIN)/python benchmarks/detectors.py
	$(BIN)/python benchmarks/limits.py
	$(BIN)/python benchmarks/pareto.py
	$(BIN)/python benchmarks/calibration.py
	$(BIN)/python benchmarks/rolling.py
	$(BIN)/python benchmarks/unm.py
	$(BIN)/python benchmarks/lid_ds.py
	$(BIN)/python benchmarks/neural_speed.py
	$(BIN)/python benchmarks/guessing.py
	$(BIN)/python benchmarks/portability.py
	$(BIN)/python benchmarks/transfer.py
	test ! -e benchmarks/.work/corpus/corpus.json || $(BIN)/python benchmarks/corpus_recorded.py
	test ! -e benchmarks/.work/corpus/corpus.json || $(BIN)/python benchmarks/base_zero_shot.py
	test ! -e benchmarks/.work/corpus/corpus.json || $(BIN)/python benchmarks/base_strangers.py
	test ! -e benchmarks/.work/corpus/corpus.json || $(BIN)/python benchmarks/base_models.py
	$(BIN)/python benchmarks/window19.py
	$(BIN)/python benchmarks/latent.py
	$(BIN)/python benchmarks/unknown_calls.py
	$(BIN)/python benchmarks/open_vocabulary.py
	$(BIN)/python benchmarks/foreign_normals.py
	$(BIN)/python benchmarks/encoding.py
	$(BIN)/python benchmarks/embedding.py
	$(BIN)/python benchmarks/tried.py
	$(BIN)/python benchmarks/tried_autoencoder.py
	$(BIN)/python benchmarks/tried_scores.py
	$(BIN)/python benchmarks/tried_ensembles.py
	$(BIN)/python benchmarks/flow_models.py
	$(BIN)/python benchmarks/flowmeter_source.py
	$(BIN)/python benchmarks/search_speed.py
	$(BIN)/python benchmarks/search_source.py
	$(BIN)/python benchmarks/search_kill.py
	$(BIN)/python benchmarks/ranking.py

fuzz: $(VENV)/.development  ## fuzz every reader with coverage, FUZZ_SECONDS for each (default 60); keeps what is new
	$(BIN)/pip install --quiet --constraint requirements/constraints.txt atheris
	$(BIN)/python tests/fuzz/campaign.py --seconds $${FUZZ_SECONDS:-60} --merge

look: $(VENV)/.development warm  ## open cards in chromium, wide and on a phone, light and dark (LOOK names other report.html)
	$(BIN)/python scripts/look.py $(if $(LOOK),$(LOOK),--docs) -o .look

record: $(VENV)/.runtime  ## record the shipped programs again (needs strace)
	$(PYTHON) recording/record.py

record-network: $(VENV)/.runtime warm  ## record the shipped captures again (needs ip, and root or user namespaces)
	$$([ $$(id -u) = 0 ] || echo unshare -r) $(PYTHON) recording/record_network.py
	$(BIN)/python recording/review_network.py

corpus: $(VENV)/.runtime warm  ## record the corpus: hundreds of programs, about an hour, goes on where it was stopped
	$(BIN)/python -m corpus

base-models: $(VENV)/.runtime warm  ## make the models that ship with Habitus of the corpus
	$(BIN)/python -m corpus.base_models

corpus-deps:  ## the programs that the corpus records (as root or with sudo; a machine of its own is best)
	$$([ $$(id -u) = 0 ] || echo sudo) apt-get update -q
	$$([ $$(id -u) = 0 ] || echo sudo) apt-get install -qy --no-install-recommends \
	  $$(grep -v '^#' corpus/packages.txt)

system-deps:  ## what apt must bring (as root or with sudo)
	$$([ $$(id -u) = 0 ] || echo sudo) apt-get update -q
	$$([ $$(id -u) = 0 ] || echo sudo) apt-get install -qy --no-install-recommends \
	  python3-venv strace git make gcc libc6-dev sqlite3 iproute2

# The loops are compiled once a user and version; afterwards this takes a second.
warm: $(VENV)/.runtime
	@$(BIN)/habitus warm

$(VENV)/.runtime: pyproject.toml requirements/constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	@# PyTorch first and by this exact version: asked for in any other way, gigabytes of CUDA may come.
	$(BIN)/pip install --quiet --constraint requirements/constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint requirements/constraints.txt --editable '.[neural]'
	touch $@

$(VENV)/.development: $(VENV)/.runtime
	$(BIN)/pip install --quiet --constraint requirements/constraints.txt --group dev --group docs
	touch $@

clean:  ## remove what was built, the virtual environment included
	rm -rf $(VENV) .fuzz site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
