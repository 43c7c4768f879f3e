# The commands of developers and operators. `make` alone lists them.
PYTHON ?= python3
SHELL := /bin/sh
# How many tests run at a time under `make test`. Each process has its own servers, a JVM among them, and waits for them
# a quarter of its time: three keep two cores busy.
WORKERS ?= 3
# What `make test` leaves to `make test-all`.
WHICH = not exhaustive
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install --require-hashes
# For every platform and every supported Python, whichever this one is.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --annotation-style line --custom-compile-command "make lock"

# Amazon's DynamoDB Local, which this npm package contains. If it could not be fetched, the tests that need it are
# skipped, or fail if CI is set.
DYNAMODB_LOCAL_VERSION := 2.9.30
DYNAMODB_LOCAL := .tools/dynamodb-local/.installed-$(DYNAMODB_LOCAL_VERSION)

# What draws the documentation's diagrams: one file of this npm package.
MERMAID_VERSION := 12.3.0
MERMAID := .tools/mermaid-$(MERMAID_VERSION).js

STAGE_IS_NAMED = test -n "$(STAGE)" || { echo "Name the stage: make $@ STAGE=prod" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help dev examples example dynamodb mails keys doctor deploy destroy live watch rollback smoke quick test test-all fuzz docs diagrams pictures types policy bench lint lint-types lint-style lint-imports lint-templates lint-workflows audit format lock upgrade clean rebuild

help: ## List these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  PYTHON=python3.12 make dev    use another Python (3.11 or newer) to set up $(VENV)"
	@echo "  PORT=9100 make dev            page and API on another port than 8000"
	@echo "  DYNAMODB_PORT=9001 make dev   database on another port than 8001"
	@echo "  make example NAME=members     that example alone; in examples/ are all, and what each must do"
	@echo "  make deploy STAGE=prod ARGS=--check     look whether a deployment would fail, and change nothing"
	@echo "  make deploy STAGE=prod ARGS=--dry-run   print what would be done, and change nothing"

dev: $(VENV)/.installed-dev ## Run the page, the API and the database on this machine
	@exec $(BIN)/python -m infra.local

examples: $(VENV)/.installed-dev ## Run that and every example: pages on the same origin and on others, a command line
	@exec $(BIN)/python -m infra.examples $(NAME) $(ARGS)

example: ## The same with one example: make example NAME=another-origin
	@test -n "$(NAME)" || { echo "Which one? make example NAME=another-origin" >&2; ls examples | sed 's/^/  /' >&2; exit 2; }
	@$(MAKE) --no-print-directory examples

dynamodb: $(VENV)/.installed-dev ## Run the database alone, for `chalice local`
	@exec $(BIN)/python -m infra.local dynamodb

mails: $(VENV)/.installed-dev ## Say what is wrong with the site's own files of mails
	@exec $(BIN)/python -m infra.local mails

keys: $(VENV)/.installed-dev ## List the signing keys of STAGE; `python -m infra.keys --help` changes them
	@exec $(BIN)/python -m infra.keys list --stage $(or $(STAGE),dev)

doctor: $(VENV)/.installed-dev ## Say who can take over accounts, and how, with the settings of STAGE or of this machine
	@exec $(BIN)/python -m infra.doctor $(if $(STAGE),--stage $(STAGE)) $(ARGS)

deploy: $(VENV)/.installed-dev ## Deploy STAGE to AWS, or update it; ARGS=--help lists the options
	@$(STAGE_IS_NAMED)
	@exec $(BIN)/python -m infra.deployment deploy $(STAGE) $(ARGS)

destroy: $(VENV)/.installed-dev ## Remove STAGE from AWS, except its data; ARGS=--help lists the options
	@$(STAGE_IS_NAMED)
	@exec $(BIN)/python -m infra.deployment destroy $(STAGE) $(ARGS)

live: $(VENV)/.installed-dev ## Print the address of STAGE's site and the commit that is live
	@$(STAGE_IS_NAMED)
	@exec $(BIN)/python -m infra.deployment live $(STAGE)

watch: $(VENV)/.installed-dev ## Watch the alarms of STAGE, and fail if one goes off; ARGS=--help lists the options
	@$(STAGE_IS_NAMED)
	@exec $(BIN)/python -m infra.deployment watch $(STAGE) $(ARGS)

rollback: $(VENV)/.installed-dev ## Let the version before answer as the API of STAGE, or deploy the earlier commit or tag TO
	@$(STAGE_IS_NAMED)
	@exec $(BIN)/python -m infra.deployment rollback $(STAGE) $(TO) $(ARGS)

smoke: $(VENV)/.installed-smoke ## Prove the site at URL with accounts that are deleted again; ARGS=--help tells more
	@test -n "$(URL)$(ARGS)" || { echo "Which site? make smoke URL=https://d111111abcdef8.cloudfront.net" >&2; \
	  echo "With make dev running: make smoke URL=http://127.0.0.1:8000" >&2; exit 2; }
	@exec $(BIN)/python -m tests.live $(URL) $(ARGS)

# Compiled tests are kept, whatever the environment says: to compile them takes a quarter of the time.
quick: $(VENV)/.installed-test ## Run the tests over fakes, in seconds
	@HYPOTHESIS_PROFILE=quick PYTHONDONTWRITEBYTECODE= exec $(BIN)/python -m pytest -q -n 2 -m "not slow"

test: $(VENV)/.installed-test .tools/.installed .tools/oracles/.installed .tools/docs/.installed $(DYNAMODB_LOCAL) ## Run the tests, including those in a browser
	@CHROMIUM="$$($(BIN)/python tests/browser/find_browser.py)" && export CHROMIUM && \
	  PYTHONDONTWRITEBYTECODE= exec $(BIN)/python -m pytest -n $(WORKERS) --durations=10 -m "$(WHICH)"

test-all: ## Run the tests, and those that try each case of what others have shown of all
	@HYPOTHESIS_PROFILE=$(or $(HYPOTHESIS_PROFILE),all) $(MAKE) --no-print-directory test WHICH=

fuzz: $(VENV)/.installed-fuzz ## Fuzz tokens, proofs, keys and names, guided by coverage, for SECONDS each (60); Linux only
	@mkdir -p .hypothesis
	@for target in tokens claims proofs keys ring names; do \
	  $(BIN)/python tests/fuzz/atheris_fuzz.py $$target -max_total_time=$(or $(SECONDS),60) -print_final_stats=1 \
	    -artifact_prefix=.hypothesis/ || exit 1; \
	done
	@HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest tests/fuzz tests/regions

docs: $(VENV)/.installed-dev .tools/docs/.installed ## Build the documentation as a site, in .docs/site; ARGS=--serve shows it on this machine
	@exec $(BIN)/python -m infra.docs $(ARGS)

pictures: $(VENV)/.installed-test ## Update the README's picture of the page and its plots
	@CHROMIUM="$$($(BIN)/python tests/browser/find_browser.py)" && export CHROMIUM && \
	  $(BIN)/python -m tests.browser.picture
	@exec $(BIN)/python -m bench --publish

diagrams: $(VENV)/.installed-test $(MERMAID) ## Draw the diagrams of the documentation that have changed
	@CHROMIUM="$$($(BIN)/python tests/browser/find_browser.py)" && export CHROMIUM && \
	  exec $(BIN)/python -m tests.docs.draw $(MERMAID)

types: $(VENV)/.installed-test .tools/.installed ## Write the types of what the npm package exports, static-site/js/**/*.d.ts, and custom-elements.json, from code and comments
	@exec $(BIN)/python -m tests.client.make_types

policy: $(VENV)/.installed-test ## Write the IAM policies of who deploys, infra/deployer-policy.json, from the calls that are made
	@exec $(BIN)/python -m tests.deployment.deployer_policy

bench: $(VENV)/.installed-test $(DYNAMODB_LOCAL) ## Measure the figures of the documentation, in about 15 minutes
	@exec $(BIN)/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

# The longest first: `make --jobs=2 lint` runs two at a time.
lint: lint-types lint-style lint-imports lint-templates lint-workflows ## Check style, types, the direction of imports, templates and workflows

lint-types: $(VENV)/.installed-test
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy --strict examples/command-line/lychgate.py

lint-style: $(VENV)/.installed-test
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check

lint-imports: $(VENV)/.installed-test
	$(BIN)/lint-imports

lint-templates: $(VENV)/.installed-test
	$(BIN)/cfn-lint --include-checks I -- infra/template.yaml infra/github-oidc.yaml

lint-workflows: $(VENV)/.installed-test
	$(BIN)/actionlint -shellcheck= -pyflakes=
	$(BIN)/zizmor --offline --quiet --no-progress --strict-collection .github

audit: .tools/checkov/.installed ## Check the template, and a packaged stage, with checkov
	@exec $(BIN)/python -m tests.support.audit .tools/checkov/bin/checkov

format: $(VENV)/.installed-test ## Format the code and fix what ruff can fix
	$(BIN)/python -m ruff format
	$(BIN)/python -m ruff check --fix

# The largest first: the others take its versions.
lock: $(VENV)/.installed-test ## Write the requirements files from pyproject.toml; ARGS=--upgrade renews what it leaves open
	@$(COMPILE) $(ARGS) pyproject.toml --group test -o requirements-test.txt
	@$(COMPILE) $(ARGS) pyproject.toml --group smoke -c requirements-test.txt -o requirements-smoke.txt
	@$(COMPILE) $(ARGS) pyproject.toml --group dev -c requirements-test.txt -o requirements-dev.txt
	@$(COMPILE) $(ARGS) pyproject.toml -c requirements-test.txt -o requirements.txt
	@$(COMPILE) $(ARGS) --group fuzz -o tests/fuzz/requirements.txt
	@$(COMPILE) $(ARGS) --group audit -o tests/tools/requirements.txt
	@$(COMPILE) $(ARGS) --group docs -o docs/site/requirements.txt
	@$(COMPILE) $(ARGS) --group oracles -c requirements-test.txt -o tests/tools/oracles.txt

upgrade: $(VENV)/.installed-test ## Write the newest versions into pyproject.toml and the requirements files
	@$(BIN)/python -m infra.newest_versions
	@$(MAKE) --no-print-directory lock ARGS=--upgrade

clean: ## Remove what make set up, but not the accounts in .lychgate
	@[ ! -d .tools/packages ] || chmod -R u+w .tools/packages
	rm -rf $(VENV) examples/vite-react/node_modules examples/vite-react/dist .venv-peers .tools .tools-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .chalice/deployments
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is written last, so that an interrupted step is repeated.
$(VENV)/.installed-dev: $(VENV)/.created requirements-dev.txt
	@echo "Installing what the development server needs ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-smoke: $(VENV)/.installed-dev requirements-smoke.txt
	@echo "Installing what the smoke test needs ..."
	@$(PIP) -r requirements-smoke.txt
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed-smoke requirements-test.txt
	@echo "Installing what tests and checks need ..."
	@$(PIP) -r requirements-test.txt
	@touch $@

# With the machine's Node.js, or else the one in the test requirements.
.tools/.installed: $(VENV)/.installed-test tests/tools/package.json tests/tools/package-lock.json
	@echo "Installing the tools that check the page and the client (types, builds, accessibility, HTML, size) into .tools ..."
	@mkdir -p .tools && cp tests/tools/package.json tests/tools/package-lock.json .tools
	@PATH="$$($(BIN)/python tests/client/find_node.py):$$PATH" && export PATH && \
	  npm --prefix .tools ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.tools/oracles/.installed: $(VENV)/.installed-test tests/tools/oracles.txt
	@rm -rf $(@D)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(@D) --require-hashes -r tests/tools/oracles.txt
	@touch $@

.tools/docs/.installed: docs/site/requirements.txt | $(VENV)/.installed-dev
	@echo "Installing what builds the documentation into .tools/docs ..."
	@rm -rf $(@D) && $(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes -r docs/site/requirements.txt
	@touch $@

.tools/checkov/.installed: $(VENV)/.installed-test tests/tools/requirements.txt
	@echo "Installing checkov into .tools/checkov ..."
	@rm -rf $(@D) && $(BIN)/uv venv --quiet --python $(BIN)/python $(@D)
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r tests/tools/requirements.txt
	@touch $@

$(VENV)/.installed-fuzz: $(VENV)/.installed-test tests/fuzz/requirements.txt
	@echo "Installing atheris ..."
	@$(PIP) -r tests/fuzz/requirements.txt
	@touch $@

$(DYNAMODB_LOCAL): | $(VENV)/.installed-test
	@echo "Fetching DynamoDB Local ..."; \
	PATH="$$($(BIN)/python tests/client/find_node.py):$$PATH" && export PATH && \
	rm -rf $(@D) && mkdir -p $(@D)/package && \
	npm pack --silent --pack-destination $(@D)/package amplify-dynamodb-simulator@$(DYNAMODB_LOCAL_VERSION) >/dev/null && \
	tar -xzf $(@D)/package/*.tgz -C $(@D) --strip-components=2 package/emulator && rm -rf $(@D)/package && touch $@ || \
	echo "DynamoDB Local could not be fetched. The tests that need it will be skipped."

$(MERMAID): | $(VENV)/.installed-test
	@echo "Fetching Mermaid ..."
	@PATH="$$($(BIN)/python tests/client/find_node.py):$$PATH" && export PATH && rm -rf .tools/mermaid && mkdir -p .tools/mermaid && \
	  npm pack --silent --pack-destination .tools/mermaid mermaid@$(MERMAID_VERSION) >/dev/null && \
	  tar -xzf .tools/mermaid/*.tgz -C .tools/mermaid --strip-components=2 package/dist/mermaid.min.js && \
	  mv .tools/mermaid/mermaid.min.js $@ && rm -rf .tools/mermaid

# A virtual environment whose Python no longer exists is built again.
VENV_WORKS := $(shell $(BIN)/python -c "print('yes')" 2>/dev/null)

$(VENV)/.created: $(if $(VENV_WORKS),,rebuild)
	@$(PYTHON) -c '' 2>/dev/null || { \
	  echo "$(PYTHON) was not found or does not run. Name Python 3.11 or newer: PYTHON=python3.12 make dev" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: PYTHON=python3.12 make dev" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot create virtual environments: its venv or ensurepip module is missing." >&2; \
	  echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@
