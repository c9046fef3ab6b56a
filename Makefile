# Two commands matter: `make demo` and `make test`. The others are for people who change the code.
PYTHON ?= python3
VENV ?= .venv
DEMO_VENV ?= .venv-demo
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without the cache of compiled files each process compiles all tests anew: half a minute of one core.
unexport PYTHONDONTWRITEBYTECODE

# torch is pinned. Where pip asks PyPI alone, this is a CUDA build of several gigabytes, which works as well; the CPU
# build: make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH := torch==2.13.0
TORCH_INDEX ?=

# A process more than there are cores, for tests of real servers wait half of their time, and begin first (the order of the
# folders). The tests of one file stay together, for they share what they set up. One process, as a debugger needs it:
# make test WORKERS=0
WORKERS ?= $(shell expr $$(nproc) + 1)
PYTEST := $(VENV)/bin/pytest -q -n $(WORKERS) --maxprocesses 9 --dist loadfile --no-loadscope-reorder --durations 20

.PHONY: demo test test-slow test-all lint check chaos system bundle bench fuzz gpu deb deb-lock docs clean

# With the page in a browser: make demo PAGE=1
PAGE ?=
demo: $(DEMO_VENV)/.installed
	$(DEMO_VENV)/bin/drsn-agent demo $(if $(PAGE),--page)

test: $(VENV)/.installed .types broker
	$(PYTEST)

# What takes more than ten seconds each: wheels in environments of their own, the oldest releases, real recordings.
test-slow: $(VENV)/.installed .types broker other-brokers browser prometheus home-assistant example-tools debhelper
	$(PYTEST) -m "slow and not booted and not chaos"

test-all: test test-slow

lint: $(VENV)/.installed .types
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache

# While you change the code: everything that needs no other process, but for the tests of benchmarks/.
check: lint broker
	$(PYTEST) tests/unit tests/contract --ignore=tests/unit/benchmarks

# What the agent must survive: killed, cut off, without disk, broker or clock. An hour and a half, and its ledger is written;
# in CI a few minutes: make chaos FORM=short. Some of it needs root.
FORM ?= long
chaos: export DRSN_CHAOS = $(FORM)
chaos: export DRSN_CHAOS_REPORT = $(if $(filter long,$(FORM)),benchmarks/results/chaos.json)
chaos: $(VENV)/.installed broker other-brokers
	$(VENV)/bin/pytest -m chaos $(AGAIN) tests/chaos

# The service under a real systemd, booted in a container; as root. The container's root file system is built once, which
# takes minutes, and kept in ~/.cache/drsn-edge until `make clean`. RELEASE: bookworm, or what JetPack 6
# and 7 are made of: jammy, noble.
RELEASE ?= bookworm
system: export DRSN_SYSTEM_RELEASE = $(RELEASE)
system: $(VENV)/.installed container debhelper
	$(VENV)/bin/pytest -m booted tests/system

# Train the shipped models from their recipes, verify them and put them into the package.
# The recordings of `cwru` lie in $DRSN_DATA_DIR/cwru (docs/contribute/data.md).
bundle: $(VENV)/.installed
	for name in synthetic cwru universal universal-10khz universal-2500hz universal-800hz; do \
	    $(VENV)/bin/drsn-train configs/recipes/$$name.toml --out runs/$$name --force && \
	    $(VENV)/bin/drsn-export --target onnx --checkpoint runs/$$name/checkpoint.pt \
	        --out agent/bundles/$$name.zip --force || exit 1; \
	done

# The Debian package, in dist/: make deb ARCH=arm64 PYTHONS="3.10 3.12". VERSION: another number than the changelog's.
ARCH ?= amd64
PYTHONS ?= 3.10 3.11 3.12 3.13
VERSION ?=
deb: $(VENV)/.installed debhelper
	$(VENV)/bin/python systemd/debian/build_package.py --arch $(ARCH) --pythons "$(PYTHONS)" $(if $(VERSION),--version $(VERSION))

# The wheels in it, after a change of the dependencies: downloads all of them.
deb-lock: $(VENV)/.installed
	$(VENV)/bin/python systemd/debian/wheels.py lock

# The parts of the documentation that follow from the code, then the site: build/docs/site/index.html. A warning is an error.
# The site needs npm, which fetches Mermaid once.
docs: tables npm
	$(VENV)/bin/python docs/generators/site_pages.py

.PHONY: tables
tables: $(VENV)/.installed
	$(VENV)/bin/python docs/generators/generate.py

# The pictures of docs/use/page.md: a broker, an agent, the machines of the demo and drsn-web, in a real browser.
.PHONY: screenshots
screenshots: $(VENV)/.installed broker browser
	$(VENV)/bin/python docs/generators/screenshots.py

# What takes minutes; benchmarks/novelty.py trains for a quarter of an hour, `python benchmarks/accuracy` for hours.
bench: $(VENV)/.installed broker
	for name in hot_path receive inference contestants export throughput flame; do \
	    $(VENV)/bin/python benchmarks/$$name.py || exit 1; done

# Coverage-guided fuzzing of everything that is read from outside: about an hour and a half of one core; results/fuzz.json,
# tests/fuzz/corpus.
# Some of it: make fuzz FUZZ="cbor msgpack --inputs 5000"
fuzz: $(VENV)/.installed .types
	$(VENV)/bin/pip install -q -e '.[fuzz]'
	nice -n 19 $(VENV)/bin/python tests/fuzz/campaign.py $(FUZZ)

# What needs a GPU with TensorRT or TensorRT-RTX: build, parity, leaks, latency. Elsewhere nothing is collected (exit 5).
gpu: $(VENV)/.installed
	DRSN_GPU_REPORT=$${DRSN_GPU_REPORT:-benchmarks/results/gpu.json} $(VENV)/bin/pytest tests/gpu

# What the tests need besides Python: a broker, and openssl for its certificates. Installed where we may, else said how.
.PHONY: broker
broker:
	@command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq mosquitto mosquitto-clients openssl; \
	    else \
	        echo "No mosquitto: its tests will be skipped. Install it: sudo apt-get install mosquitto mosquitto-clients"; \
	    fi; }

# RabbitMQ, aedes, the parser of AsyncAPI, a decoder of Sparkplug and a client of OPC UA, for the slow tests and for chaos.
# RUNLEVEL: no service of Debian's is started.
.PHONY: other-brokers
other-brokers: tests/brokers/node_modules tests/asyncapi/node_modules tests/opcua/node_modules tests/sparkplug/node_modules
	@[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends rabbitmq-server; \
	    else \
	        echo "No RabbitMQ: its tests will be skipped. Install it: sudo apt-get install rabbitmq-server"; \
	    fi; }

# For the slow tests of examples/: Node-RED and its MQTT client, and the libraries of the C programs.
.PHONY: example-tools
example-tools: tests/node_red/node_modules
	@[ -e /usr/include/mosquitto.h ] && [ -e /usr/include/cjson/cJSON.h ] && [ -e /usr/include/zlib.h ] && command -v c++ >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq --no-install-recommends g++ libc6-dev libmosquitto-dev libcjson-dev zlib1g-dev; \
	    else \
	        echo "No libmosquitto-dev: the C programs of examples/ will not be tested. Install them:" \
	            "sudo apt-get install g++ libmosquitto-dev libcjson-dev zlib1g-dev"; \
	    fi; }

# A browser and axe-core, for the slow tests of the site and of the page of drsn-web: about 350 MB.
.PHONY: browser
browser: tests/browser/node_modules
	@command -v chromium >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; \
	    else \
	        echo "No chromium: the tests of the site and of the page will be skipped. Install it: sudo apt-get install chromium"; \
	    fi; }

.PHONY: npm
npm:
	@command -v npm >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq --no-install-recommends nodejs npm; \
	    fi; }

tests/%/node_modules: tests/%/package-lock.json | npm
	@if command -v npm >/dev/null; then npm ci --silent --no-audit --no-fund --prefix tests/$* && touch $@; \
	    else echo "No npm: the tests of tests/$* will be skipped. Install it: sudo apt-get install npm"; fi

# Prometheus and its promtool, for the slow tests of metrics, rules and dashboard.
.PHONY: prometheus
prometheus:
	@command -v promtool >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus; \
	    else \
	        echo "No Prometheus: its tests will be skipped. Install it: sudo apt-get install prometheus"; \
	    fi; }

# A real Home Assistant, the newest for Python 3.13, for one slow test: 227 packages, a minute.
HASS := $(HOME)/.cache/drsn-edge/home-assistant
.PHONY: home-assistant
home-assistant: $(VENV)/.installed
	@[ -x $(HASS)/bin/hass ] || { \
	    for python in $$(command -v python3.13) $(HOME)/.pyenv/versions/3.13.*/bin/python; do \
	        $$python -c '' 2>/dev/null || continue; \
	        $(VENV)/bin/uv venv -q --clear --python $$python $(HASS) && \
	        $(VENV)/bin/uv pip install -q --python $(HASS)/bin/python homeassistant==2025.4.4 \
	            home-assistant-frontend==20250411.0 paho-mqtt==2.1.0 && exit 0; \
	    done; \
	    rm -rf $(HASS); echo "No Home Assistant (it needs Python 3.13): its test will be skipped."; }

.PHONY: debhelper
debhelper:
	@command -v dh >/dev/null && command -v lintian >/dev/null && command -v mandoc >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq --no-install-recommends debhelper lintian mandoc; \
	    else \
	        echo "No package can be built: its tests will be skipped. As root: apt-get install debhelper lintian mandoc"; \
	    fi; }

.PHONY: container
container:
	@command -v systemd-nspawn >/dev/null && command -v debootstrap >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        apt-get update -qq && apt-get install -y -qq debootstrap systemd-container; \
	    else \
	        echo "No container can be booted: its tests will be skipped. As root: apt-get install debootstrap systemd-container"; \
	    fi; }

$(DEMO_VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO_VENV)
	$(DEMO_VENV)/bin/pip install -q '.[demo,web]'
	touch $@

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q $(TORCH) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(VENV)/bin/pip install -q -e '.[train,export,demo,top,completion,codecs,sparkplug,certificates,files,metrics,opcua,rtx,web,docs,dev]'
	touch $@

# mypy reads the namespace package through links (pyproject.toml).
.types:
	mkdir -p .types/drsn
	for part in agent export model; do ln -sfn ../../$$part .types/drsn/$$part; done

clean:
	rm -rf $(VENV) $(DEMO_VENV) .types build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/drsn-edge"
