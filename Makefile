# Quartermaster. `make` alone lists what there is; `make run` is all it takes to see it work.

PY := .venv/bin/python

.PHONY: help run day reset stop dead replay drop test storm fuzz lint openapi routes package rehearse deploy destroy operate rotate bench cost secret setup

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Start everything on loopback (PORT=8080 DATA_DIR=.data DEMO=0 LIMITS=off METER=1 DATABASE_URL=...)
	@exec $(PY) -m infra.local run

day: setup ## Play the business day against the running platform (PORT=8080)
	@exec $(PY) -m infra.local day

reset: setup ## Bring the running platform back to its first state (DATA_DIR=.data)
	@exec $(PY) -m infra.local reset

stop: setup ## Stop the running platform (DATA_DIR=.data)
	@exec $(PY) -m infra.local stop

dead: setup ## List what the running platform could not do: dead letters, poison, work that waits (DATA_DIR=.data)
	@exec $(PY) -m infra.local dead

replay: setup ## Try dead letters again, all or some, and send poison messages again (IDS="12 13 ..." DATA_DIR=.data)
	@exec $(PY) -m infra.local replay

drop: setup ## Remove poison messages for good (IDS="..." DATA_DIR=.data)
	@exec $(PY) -m infra.local drop

test: setup ## Run the tests, or some of them (T=tests/stock)
	@$(PY) -m pytest $(T)

storm: setup ## Hurt the platform in every way we know, kill it at random moments, look at its books (ROUNDS=10 SEED=...)
	@[ -n "$(SEED)" ] || $(PY) -m pytest tests/faults
	@exec $(PY) -m tests.faults.storm

lint: setup ## Check style, format and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

openapi: setup ## Write openapi.json anew from the declarations
	@$(PY) -m infra.tools openapi

routes: setup ## Write the light route table anew and list all routes
	@$(PY) -m infra.tools routes

package: setup ## Build, check and boot the deployment package (STAGE=dev)
	@$(PY) -m infra.package

rehearse: setup ## Boot an older package on the schema of today: a rollback (OLD=revision)
	@$(PY) -m infra.package rehearse

deploy: setup ## Bring a stage on AWS to this checkout (STAGE=dev|prod PARAMETERS="Name=value ...")
	@$(PY) -m infra.deploy deploy

destroy: setup ## Take a stage away; what holds data stays (STAGE=dev|prod, FORCE=1 takes it too)
	@$(PY) -m infra.deploy destroy

operate: setup ## Ask the operator's function (STAGE=dev COMMAND=create_organization ARGUMENTS='{...}')
	@$(PY) -m infra.deploy operate

secret: setup ## Set a provider's key, typed or piped in (STAGE=dev NAME=stripe_api_key)
	@$(PY) -m infra.deploy secret

rotate: setup ## Change keys or a database password without a break (STAGE=dev WHAT=jwt|hash|database|owner)
	@$(PY) -m infra.deploy rotate

bench: setup ## Measure what DESIGN.md budgets, and requests per second
	@$(PY) -m infra.bench

fuzz: setup ## Fuzz a platform of its own from openapi.json (EXAMPLES=25 SEED= T=/api/v1)
	@$(PY) -m infra.fuzz

cost: setup ## What a day, an order and a month cost on AWS (PLAYS=3 COST_URL=... of a stage run with METER=1)
	@$(PY) -m infra.cost

setup:
	@sh infra/local/setup.sh
