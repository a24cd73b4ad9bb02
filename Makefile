# `make` alone tells what there is.  `make html` and `make test` need only Python 3.11 or newer and make.

PYTHON ?= python3
BUILD := _build
VENV := .venv
BIN := $(VENV)/bin
# -n -W: an unresolved reference or any other warning fails the build; --keep-going: after all were shown.
STRICT = -n -W --keep-going --quiet -c .
SPHINX = $(BIN)/sphinx-build $(STRICT)
OPEN = file://$(CURDIR)/$(BUILD)

.DEFAULT_GOAL := help
.PHONY: help venv html singlehtml latexpdf epub linkcheck gettext doctest serve test test-kernel lint demo bench soak fuzz \
	reports clean lock

help:  ## this list
	@echo "玻璃隧道 · glasstunnel"; echo
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

venv: $(VENV)/.stamp  ## the environment .venv, from requirements.lock with plain pip

$(VENV)/.stamp: requirements.lock pyproject.toml src/sphinxzh/pyproject.toml
	@$(PYTHON) tools/venv.py $(VENV)

html: venv  ## the site, in _build/html
	@echo "Building the site …"
	@$(SPHINX) -b html -d $(BUILD)/doctrees-$@ docs $(BUILD)/html
	@echo "The site is $(OPEN)/html/index.html"

singlehtml: venv  ## the book on one page, in _build/singlehtml
	@echo "Building the single page …"
	@$(SPHINX) -b singlehtml -d $(BUILD)/doctrees-$@ docs $(BUILD)/singlehtml
	@echo "The page is $(OPEN)/singlehtml/index.html"

latexpdf: venv  ## the book as PDF, in _build/latex (needs TeX; says which Debian packages are missing)
	@$(BIN)/python tools/gates.py need pdf
	@echo "Building the PDF …"
	@LATEXMKOPTS=-quiet $(BIN)/sphinx-build -M latexpdf docs $(BUILD) $(STRICT)
	@echo "The PDF is $(OPEN)/latex/glasstunnel.pdf"

epub: venv  ## the book as EPUB, in _build/epub
	@echo "Building the EPUB …"
	@$(SPHINX) -b epub -d $(BUILD)/doctrees-$@ docs $(BUILD)/epub
	@echo "The EPUB is $(OPEN)/epub/glasstunnel.epub"

linkcheck: venv  ## whether the links to other sites still answer
	@$(SPHINX) -b linkcheck -d $(BUILD)/doctrees-$@ docs $(BUILD)/linkcheck
	@echo "Every link answers."

gettext: venv  ## message catalogues for translators, in _build/gettext
	@$(SPHINX) -b gettext -d $(BUILD)/doctrees-$@ docs $(BUILD)/gettext
	@echo "The catalogues are in $(BUILD)/gettext"

doctest: venv  ## the examples in docstrings and doctest directives
	@$(BIN)/python tools/gates.py doctest

serve: html  ## the site on http://127.0.0.1:8000
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory $(BUILD)/html 8000

test: venv  ## every gate, with a table of times at the end
	@$(BIN)/python tools/gates.py

test-kernel: venv  ## the tunnels against the Linux kernel's own WireGuard, in a virtual machine
	@$(BIN)/python tools/gates.py kernel

lint: venv  ## ruff and mypy
	@$(BIN)/python tools/gates.py lint

demo: venv  ## two peers in two network namespaces, told as a story
	@$(BIN)/glasstunnel demo

bench: html singlehtml  ## the benchmarks, as tables and in _build/bench.json (BENCH_PEERS=path,path: further wireguard-go programs)
	@$(BIN)/python -m bench --json _build/bench.json

MINUTES ?= 10

soak: venv  ## days of virtual time through bad networks, then real traffic (MINUTES=10 of real time for each)
	@$(BIN)/python -m tests.sim.soak --minutes $(MINUTES)
	@$(BIN)/python -m tests.interop.soak --minutes $(MINUTES)

reports: venv  ## the reports of the diagnosis that the book shows, recorded anew (root; some Debian packages)
	@$(BIN)/python tools/gates.py need interop
	@GLASSTUNNEL_RECORD=1 $(BIN)/pytest -q -m interop tests/diagnose tests/interop/test_diagnose_tunnel.py

fuzz: venv  ## every parser against a coverage-guided fuzzer (MINUTES=10 altogether)
	@$(BIN)/python -c "import atheris" 2>/dev/null || \
	$(BIN)/pip install --quiet --only-binary :all: --require-hashes -r tests/fuzz/atheris.lock
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

clean:  ## remove what was built (the environment stays)
	@rm -rf $(BUILD) dist .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find src tests docs tools bench -name __pycache__ -prune -exec rm -rf {} +

lock: venv  ## the locks anew, from the pyproject files (needs the network)
	@$(BIN)/python -m tools.lock
