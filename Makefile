# Two commands: `make demo` runs the main job, `make test` runs all checks. Both set up what they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
HOME_DIR ?= demo-home
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))  # that test side by side: each waits often, and needs up to 2 GB

.PHONY: demo test check browser tracer soak bench lock clean

demo: $(VENV)/.runtime
	$(BIN)/lookalike demo --home $(HOME_DIR) $(if $(PHOTOS),--photos "$(PHOTOS)")

test: $(VENV)/.test check browser tracer
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser:                       # the page is tested in chromium; without it these tests are skipped, and say so
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -q && apt-get install -qy --no-install-recommends chromium; } || true

tracer:                        # what is forced to disk is traced with strace; without it these tests are skipped, and say so
	@command -v strace >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -q && apt-get install -qy --no-install-recommends strace; } || true

soak: $(VENV)/.test           # the long tests: 200 kills, large collections
	$(BIN)/python -m pytest -m slow

bench: bench/.venv/.ready      # prints a table, writes bench/results/latest.json; BENCH="--only search" for a part
	bench/.venv/bin/python bench/run.py $(BENCH)

bench/.venv/.ready: requirements/runtime.lock requirements/extras.lock requirements/bench.lock pyproject.toml
	$(PYTHON) -m venv bench/.venv
	bench/.venv/bin/pip install -q -r requirements/runtime.lock -r requirements/extras.lock -r requirements/bench.lock
	bench/.venv/bin/pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.runtime: requirements/runtime.lock requirements/extras.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements/runtime.lock -r requirements/extras.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.test: $(VENV)/.runtime requirements/test.lock
	$(BIN)/pip install -q -r requirements/test.lock
	touch $@

lock:                          # pins anew what is installed and tested; bench.lock is kept by hand
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install -q . hatchling editables
	(head -1 requirements/runtime.lock; build/lock/bin/pip freeze --exclude lookalike) > build/runtime.lock
	build/lock/bin/pip install -q '.[all]'
	(head -1 requirements/extras.lock; build/lock/bin/pip freeze --exclude lookalike | grep -vxFf build/runtime.lock) > build/extras.lock
	build/lock/bin/pip install -q '.[test]'
	(head -1 requirements/test.lock; build/lock/bin/pip freeze --exclude lookalike | grep -vxF -f build/runtime.lock -f build/extras.lock) > build/test.lock
	mv build/runtime.lock build/extras.lock build/test.lock requirements/

clean:
	rm -rf $(VENV) bench/.venv demo-home bench/results build dist
