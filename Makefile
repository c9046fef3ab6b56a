# Two commands matter: `make demo` and `make test`. The others are for people who change the code.
PYTHON ?= python3
VENV := .venv
DEMO_VENV := .venv-demo
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check bundle bench clean

.types:
	mkdir -p .types/drsn
	for part in agent export model; do ln -sfn ../../$$part .types/drsn/$$part; done
