# The newcomer's commands. Only Python 3.11+ and make are assumed: uv comes from PyPI into the project's own environment.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
export SAM_CLI_TELEMETRY := 0
CHECKOV_VERSION := 3.3.30
BOUNDED := $(if $(shell command -v timeout),timeout 120)

.DEFAULT_GOAL := help
.PHONY: help install up test check checkov build bench drill simulate askings faults flaky redrive neighbours cloud openapi openapi-check clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml uv.lock
	@test -x $(UV) || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet "uv>=0.9"; }
	@$(UV) sync --quiet --frozen --all-extras
	@touch $@

install: $(VENV)/.installed ## make the virtual environment

up: install ## run the whole stack on this machine, the API on port 4000
	@$(BIN)/minoots local up $(ARGS)

test: install ## run every test
	@$(BIN)/pytest -n auto $(ARGS)

check: install ## lint, types, import rules, template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(UV) lock --check
	$(MAKE) --no-print-directory openapi-check
	$(BIN)/sam validate --lint --region us-east-1
	$(BIN)/cfn-lint --append-rules guardrails --regions us-east-1 -- template.yaml alarms.yaml
	$(MAKE) --no-print-directory checkov

# In an environment of its own, because its pins and the SAM CLI's exclude each other. It asks nobody but the package
# registry: no download of policies, no account. What it is excused stands in the templates, with the reason.
checkov: install
	$(BOUNDED) $(UV) tool run --quiet --python $(BIN)/python --from checkov==$(CHECKOV_VERSION) checkov \
	  --framework cloudformation --skip-download --compact --quiet --file template.yaml --file alarms.yaml

build: install ## build the Lambda artefacts with SAM, for ARCHITECTURE (arm64 or x86_64)
	$(BIN)/sam build --parameter-overrides Architecture=$(or $(ARCHITECTURE),arm64)

bench: install ## measure it and write docs/benchmarks.md; RUNS=1 for a quick look, SHARED for the peer harness
	@$(BIN)/python -m bench --runs $(or $(RUNS),3) --shared $(or $(SHARED),../shared) $(ARGS)

drill: install ## kill the stack at random moments and look what is lost; ROUNDS (100), SEED to repeat, ARGS for pytest
	@DRILL_ROUNDS=$(or $(ROUNDS),100) DRILL_SEED=$(SEED) $(BIN)/pytest -m drill -q -p no:randomly tests/drill $(ARGS)

simulate: install ## run the kernel through SEEDS (2000) seeded histories full of faults; FROM, or SEED to replay one; ARGS
	@$(BIN)/python -m tests.simulation --seeds $(or $(SEEDS),2000) --from $(or $(FROM),0) $(if $(SEED),--seed $(SEED)) \
	  $(if $(REPORT),--mutants --report $(REPORT)) $(ARGS)

askings: install ## the same for acknowledgements, by their own model; SEEDS (1000), FROM, SEED, REPORT
	@$(BIN)/python -m tests.simulation.asking --seeds $(or $(SEEDS),1000) --from $(or $(FROM),0) \
	  $(if $(SEED),--seed $(SEED)) $(if $(REPORT),--report $(REPORT))

faults: install ## run TIMERS timers (2000) through throttles, lost answers and duplicates, and say what came of them
	@$(BIN)/python -m tests.drill.faults $(or $(TIMERS),2000)

neighbours: install ## how late one tenant is while another's ACTIONS (5000) go to a receiver that hangs; ARGS (--only on)
	@$(BIN)/python -m tests.drill.neighbours $(or $(ACTIONS),5000) $(ARGS)

redrive: install ## let LETTERS deliveries (500) die, mend their receiver, redrive them all, and say what came of it
	@$(BIN)/python -m tests.drill.redrive $(or $(LETTERS),500)

flaky: install ## have TIMERS timers (2000) call a receiver that fails in every way, and say what came of them
	@$(BIN)/python -m tests.drill.flaky $(or $(TIMERS),2000)

cloud: install ## deploy to an emulated AWS, try it over HTTP, take it down; ARGS for pytest
	@$(BIN)/python -m tests.e2e.cloud_check $(ARGS)

openapi: install ## write docs/openapi.json from the routes
	$(BIN)/python -m minoots_kernel.interfaces.rest.describe > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

openapi-check: install
	@$(BIN)/python -m minoots_kernel.interfaces.rest.describe | diff -u docs/openapi.json - \
	  || { echo "docs/openapi.json is not what the routes say: run make openapi"; exit 1; }

clean: ## remove what the commands made
	rm -rf $(VENV) .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
