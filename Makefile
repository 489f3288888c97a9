# make demo    the main job with no broker, no cluster and no root
# make test    everything: lint, unit and property tests, real Pacemaker, real TLS
# make lint    ruff, mypy, import-linter
# make fuzz    hostile peers, with atheris: SECONDS=60 for each of TARGETS (codec, wire, request, frames)
# make bench   speed and memory as ratios, written to bench.json
# make lab     two real Pacemaker sites in namespaces; make lab-down ends them
# make wheel   the wheel, in dist/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What building python-qpid-proton with TLS and SASL takes.
BUILD_PACKAGES := gcc python3-venv python3-dev pkg-config libssl-dev libsasl2-dev libsasl2-modules libsasl2-modules-db
# What tests on real clusters and a real broker take besides.
TEST_PACKAGES := pacemaker pacemaker-cli-utils pacemaker-resource-agents corosync iproute2 util-linux procps rabbitmq-server sasl2-bin

.PHONY: demo test lint fuzz bench lab lab-down wheel clean system-build system-test

demo: $(VENV)/installed
	$(BIN)/python -m tests.demo

test: system-test $(VENV)/installed-test lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --config setup.cfg

SECONDS ?= 60
TARGETS ?=

fuzz: system-test $(VENV)/installed-fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

bench: system-test $(VENV)/installed-test
	$(BIN)/python -m tests.bench --json bench.json

lab: system-test $(VENV)/installed-test
	$(BIN)/python -m tests.lab up

lab-down: $(VENV)/installed-test
	$(BIN)/python -m tests.lab down

wheel: $(VENV)/installed
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist *.egg-info bench.json

system-build:
	@sh tests/system-packages $(BUILD_PACKAGES)

system-test:
	@sh tests/system-packages $(BUILD_PACKAGES) $(TEST_PACKAGES)

$(VENV)/installed: setup.cfg pyproject.toml | system-build
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable .[test,lint]
	@touch $@

$(VENV)/installed-fuzz: $(VENV)/installed-test
	$(BIN)/python -m pip install --quiet --editable .[fuzz]
	@touch $@
