# Short names for what the scripts and nox do; nothing is decided here.
.PHONY: help demo test lint fix types cpp asan tsan tidy fuzz bench stub wheel clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

demo: ## install into .venv and show market data turned into books
	./scripts/demo

test: ## install into .venv and run all tests, C++ and Python
	./scripts/test

lint: ## check formatting and style
	nox -s lint

fix: ## mend formatting and style
	nox -s lint -- --fix

types: ## mypy --strict
	nox -s types

cpp asan tsan tidy fuzz bench stub wheel:
	nox -s $@

clean: ## remove everything that was built; .venv stays
	rm -rf build dist .nox
