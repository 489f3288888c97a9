# make demo    the main job with no broker, no cluster and no root
# make test    everything: lint, unit and property tests, real Pacemaker, real TLS
# make lint    ruff, mypy, import-linter
# make fuzz    hostile peers, with atheris: SECONDS=60 for each of TARGETS (codec, wire, request, frames)
# make bench   speed and memory as ratios, written to bench.json
# make docs    the documentation, in build/docs; a warning is an error
# make lab     two real Pacemaker sites in namespaces; make lab-down ends them
# make wheel   the wheel, in dist/; make sdist the source distribution
# make deb     the Debian packages, in dist/
# make install the agent, its consoles, resource agents and systemd units; DESTDIR and PREFIX are honoured
# make man     the manual pages, in build/man
# make uninstall  all of it but configuration and journal

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# What building python-qpid-proton with TLS and SASL takes.
BUILD_PACKAGES := gcc python3-venv python3-dev pkg-config libssl-dev libsasl2-dev libsasl2-modules libsasl2-modules-db
# What building Debian packages takes besides.
DEB_PACKAGES := build-essential debhelper
# What tests on real clusters and a real broker take besides; npm comes with some packages of nodejs.
TEST_PACKAGES := pacemaker pacemaker-cli-utils pacemaker-resource-agents corosync iproute2 util-linux procps rabbitmq-server sasl2-bin \
	resource-agents libxml2-utils chromium systemd booth lintian mmdebstrap prometheus \
	zsh fish man-db mandoc \
	$(if $(shell command -v npm),,nodejs npm)

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib/qmfagent
DOCDIR ?= $(PREFIX)/share/doc/qmfagent
DATADIR ?= $(PREFIX)/share/qmfagent
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
MANDIR ?= $(PREFIX)/share/man
# The optional parts that are installed.
EXTRAS ?= web,keyring,metrics
# Pacemaker looks for resource agents nowhere else.
OCF_ROOT ?= /usr/lib/ocf
COMMANDS := qmfagent qmfconsole
RESOURCE_AGENTS := publisher subscriber replicator
UNITS := qmfagent.service qmfagent-web.service

.PHONY: demo test lint fuzz bench docs lab lab-down wheel sdist deb install install-python install-system install-configuration
.PHONY: install-completion install-man man uninstall clean
.PHONY: system-build system-deb system-test

demo: $(VENV)/installed
	$(BIN)/python -m tests.demo

test: system-test $(VENV)/installed-test lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
		--max-worker-restart 0

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy docs/examples/python
	$(BIN)/lint-imports --config setup.cfg

SECONDS ?= 60
TARGETS ?=

fuzz: system-test $(VENV)/installed-fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

bench: system-test $(VENV)/installed-test
	$(BIN)/python -m tests.bench --json bench.json

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs

lab: system-test $(VENV)/installed-test
	$(BIN)/python -m tests.lab up

lab-down: $(VENV)/installed-test
	$(BIN)/python -m tests.lab down

man: $(VENV)/installed
	$(BIN)/python docs/manual.py build/man

wheel: $(VENV)/installed
	rm -rf build
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

# Complete: the wheel can be built from it, and the tests run.
sdist: $(VENV)/installed-test
	rm -rf build
	$(BIN)/python -m build --quiet --sdist --outdir dist .

# Built in a copy, since dpkg-buildpackage puts its products beside it; PREFIX and the like are the package's own.
deb: | system-deb
	rm -rf build
	mkdir -p build/deb/source dist
	tar --create --exclude='./.*' --exclude=./build --exclude=./dist --exclude=__pycache__ --exclude='*.egg-info' . | \
		tar --extract --directory=build/deb/source
	cd build/deb/source && env --unset=MAKEFLAGS dpkg-buildpackage --build=binary --no-sign
	cp build/deb/*.deb dist

# pip keeps what it has built: a proton from before the headers were there lacks TLS or SASL, and would be taken again.
define pip-install
$(1) -m pip install --quiet $(2)
$(1) -c 'from qmfagent.bus.security.tls import check_proton; check_proton()' 2>/dev/null || { \
	echo "building python-qpid-proton again, with TLS and SASL" && $(1) -m pip uninstall --quiet --yes python-qpid-proton && \
	$(1) -m pip install --quiet --no-cache-dir $(2); }
endef

install: install-python install-system install-configuration install-completion install-man

# An environment of its own: Debian's packages of what it needs are older. It bears its final path, whatever DESTDIR is. Its
# bytecode is complete and never looked at again, so that running it as root writes nothing.
install-python: | system-build
	rm -rf build "$(DESTDIR)$(LIBDIR)"
	$(PYTHON) -m venv "$(DESTDIR)$(LIBDIR)"
	$(call pip-install,"$(DESTDIR)$(LIBDIR)/bin/python",--no-compile ".[$(EXTRAS)]")
	"$(DESTDIR)$(LIBDIR)/bin/python" -m pip uninstall --quiet --yes setuptools pip
	find "$(DESTDIR)$(LIBDIR)" \( -name __pycache__ -o -name direct_url.json \) -prune -exec rm -rf {} +
	"$(DESTDIR)$(LIBDIR)/bin/python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$(DESTDIR)" \
		"$(DESTDIR)$(LIBDIR)"
	sed -i 's|$(DESTDIR)$(LIBDIR)|$(LIBDIR)|' "$(DESTDIR)$(LIBDIR)/pyvenv.cfg"
	cd "$(DESTDIR)$(LIBDIR)/bin" && find . ! -type d ! -name 'python*' $(COMMANDS:%=! -name %) -delete && \
		sed -i '1s|^#!$(DESTDIR)|#!|' $(COMMANDS)

install-system:
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(OCF_ROOT)/resource.d/qmfagent" "$(DESTDIR)$(UNITDIR)" "$(DESTDIR)$(DOCDIR)"
	for name in $(COMMANDS); do ln -sf "$(LIBDIR)/bin/$$name" "$(DESTDIR)$(PREFIX)/bin/$$name" || exit; done
	for name in $(RESOURCE_AGENTS); do \
		sed '1s|.*|#!$(LIBDIR)/bin/python -I|' qmfagent/ocf/$$name >"$(DESTDIR)$(OCF_ROOT)/resource.d/qmfagent/$$name" && \
		chmod 0755 "$(DESTDIR)$(OCF_ROOT)/resource.d/qmfagent/$$name" || exit; done
	for name in $(UNITS); do \
		sed 's|@bindir@|$(PREFIX)/bin|; s|@docdir@|$(DOCDIR)|; s|@sysconfdir@|$(SYSCONFDIR)|' qmfagent/packaging/$$name \
			>"$(DESTDIR)$(UNITDIR)/$$name" || exit; done
	install -m 0644 docs/howto/install.md docs/howto/pacemaker-managed.md docs/howto/upgrade.md \
		docs/howto/backup.md "$(DESTDIR)$(DOCDIR)"
	install -d "$(DESTDIR)$(DATADIR)/monitoring"
	install -m 0644 qmfagent/packaging/monitoring/* "$(DESTDIR)$(DATADIR)/monitoring"

# What is there is the administrator's.
install-configuration:
	install -d -m 0750 "$(DESTDIR)$(SYSCONFDIR)/qmfagent"
	install -d "$(DESTDIR)$(SYSCONFDIR)/qmfconsole"
	cd qmfagent/packaging && for pair in agent.toml:qmfagent/agent.toml console.toml:qmfconsole/config.toml; do \
		target="$(DESTDIR)$(SYSCONFDIR)/$${pair#*:}"; \
		[ -e "$$target" ] || install -m 0644 "$${pair%%:*}" "$$target" || exit; done

# What shells need to complete the commands; the commands tell it themselves.
install-completion:
	install -d "$(DESTDIR)$(BASHDIR)" "$(DESTDIR)$(ZSHDIR)" "$(DESTDIR)$(FISHDIR)"
	cd "$(DESTDIR)$(LIBDIR)/bin" && for name in $(COMMANDS); do \
		./python $$name completion bash >"$(DESTDIR)$(BASHDIR)/$$name" && \
		./python $$name completion zsh >"$(DESTDIR)$(ZSHDIR)/_$$name" && \
		./python $$name completion fish >"$(DESTDIR)$(FISHDIR)/$$name.fish" || exit; done

# They are made from the commands' own help, by what is installed.
install-man:
	install -d "$(DESTDIR)$(MANDIR)/man1" "$(DESTDIR)$(MANDIR)/man8"
	"$(DESTDIR)$(LIBDIR)/bin/python" docs/manual.py build/man
	install -m 0644 build/man/*.1 "$(DESTDIR)$(MANDIR)/man1"
	install -m 0644 build/man/*.8 "$(DESTDIR)$(MANDIR)/man8"

# What is configured and what was recorded is the administrator's.
uninstall:
	rm -rf "$(DESTDIR)$(LIBDIR)" "$(DESTDIR)$(DOCDIR)" "$(DESTDIR)$(DATADIR)" "$(DESTDIR)$(OCF_ROOT)/resource.d/qmfagent"
	rm -f "$(DESTDIR)$(MANDIR)/man1/qmfconsole.1" "$(DESTDIR)$(MANDIR)/man8/qmfagent.8"
	rm -f $(UNITS:%="$(DESTDIR)$(UNITDIR)/%") $(foreach name,$(COMMANDS),"$(DESTDIR)$(PREFIX)/bin/$(name)" \
		"$(DESTDIR)$(BASHDIR)/$(name)" "$(DESTDIR)$(ZSHDIR)/_$(name)" "$(DESTDIR)$(FISHDIR)/$(name).fish")

clean:
	rm -rf $(VENV) build dist *.egg-info bench.json

system-build:
	@sh tests/system-packages $(BUILD_PACKAGES)

system-deb:
	@sh tests/system-packages $(BUILD_PACKAGES) $(DEB_PACKAGES)

system-test:
	@sh tests/system-packages $(BUILD_PACKAGES) $(DEB_PACKAGES) $(TEST_PACKAGES)

$(VENV)/installed: setup.cfg pyproject.toml qmfagent/__init__.py | system-build
	$(PYTHON) -m venv $(VENV)
	$(call pip-install,$(BIN)/python,--editable .[web])
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable .[test,lint]
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --editable .[docs]
	@touch $@

$(VENV)/installed-fuzz: $(VENV)/installed-test
	$(BIN)/python -m pip install --quiet --editable .[fuzz]
	@touch $@
