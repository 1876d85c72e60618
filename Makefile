# Everything here needs Python 3.11 or later, make and a package index, and nothing else:
# each goal makes .venv, installs what it needs into it once, and runs.

# The Python that .venv is made with.
PYTHON ?= python3
# Where `make demo` writes.
OUT ?= xnorloom-demo
# More arguments for pytest, such as ARGS="-k graph", or for the program of `make boards` or
# `make soak`.
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin

.DELETE_ON_ERROR:
.PHONY: help demo quick test test-full bitstream browser zig prove fuzz fuzz-short soak mutants stranger lint site snapshots bench boards cells calibrate clean

help:
	@echo 'make demo    run the bundled network on real digits, in a simulation of its gateware, and build'
	@echo '             its bitstream'
	@echo 'make quick   run the fast tests, on all cores'
	@echo 'make test    run all tests but those of make test-full and make bitstream'
	@echo 'make test-full  run whole data sets, and place and route'
	@echo 'make bitstream  turn a bitstream back into Verilog and simulate it; needs'
	@echo '                Project IceStorm, which it installs with apt-get where it is missing'
	@echo 'make browser  use the page of xnorloom serve in Chromium, which it installs with apt-get'
	@echo '              where it is missing'
	@echo 'make zig     test the compiled engine with the C++ compiler of Zig'
	@echo 'make prove   prove the stream contracts of the gateware by induction'
	@echo 'make fuzz    run the random tests with new examples; prints its seed, and'
	@echo '             make fuzz SEED=... repeats it'
	@echo 'make fuzz-short  the same for the files of a few minutes'
	@echo 'make soak    run the serial link for an hour, with all faults at once; prints its seed;'
	@echo '             ARGS="--seconds 60 --seed 1" is shorter, or repeats a run'
	@echo 'make mutants change the sources at random places, and see that the tests notice;'
	@echo '             ARGS="--seed 7 --count 300" draws others, ARGS=--help says more'
	@echo 'make stranger  install the wheel elsewhere, alone and with each extra, and use it'
	@echo 'make lint    check style and types'
	@echo 'make site    build the site of the documentation, site/index.html; broken references fail'
	@echo 'make snapshots  replace the recorded results of the committed models, after a change'
	@echo '                that is meant to change the Verilog or the output of a command'
	@echo 'make bench   measure simulation and compile speed'
	@echo 'make boards  place and route the networks for all boards: the tables of docs/results.md;'
	@echo '             ARGS="--row tfc/icebreaker" does one row, ARGS=--help says more'
	@echo 'make cells   count the logic cells of popcounts and neurons beside those of plain sums;'
	@echo '             ARGS=--quick takes five minutes, ARGS=--help says more'
	@echo 'make calibrate  compare the estimates of cells with synthesis; ARGS=--render compares them'
	@echo '                with the recorded cells'
	@echo 'make clean   remove .venv and everything that was made'
	@echo
	@echo 'PYTHON=python3.12 chooses the Python to make .venv with.'

demo: $(VENV)/demo.stamp
	@$(BIN)/xnorloom demo --out '$(OUT)'

# A file of tests stays with one worker, which makes its fixtures once. Files begin in the order of
# tests/conftest.py, which also says which of them `quick` leaves out.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

quick: $(VENV)/test.stamp
	$(PYTEST) -m 'not slow and not full' $(ARGS)

test: $(VENV)/test.stamp
	$(PYTEST) $(ARGS)

test-full: $(VENV)/test.stamp
	$(PYTEST) -m full $(ARGS)

# Project IceStorm is in no Python package.
bitstream: $(VENV)/test.stamp
	@command -v icebox_vlog > /dev/null || { \
	    echo 'Installing fpga-icestorm with apt-get ...'; \
	    root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	    $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends fpga-icestorm; } || { \
	    echo 'make: Project IceStorm is missing, and apt-get could not install it' >&2; exit 1; }
	$(BIN)/python -m pytest $(ARGS) tests/bitstream/proof.py

# Chromium is in no Python package that pip installs.
browser: $(VENV)/browser.stamp
	@command -v chromium > /dev/null || { \
	    echo 'Installing chromium with apt-get ...'; \
	    root=; [ "$$(id -u)" = 0 ] || root=sudo; \
	    $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends chromium; } || { \
	    echo 'make: Chromium is missing, and apt-get could not install it' >&2; exit 1; }
	$(BIN)/python -m pytest $(ARGS) tests/browser/proof.py

# Zig builds its C++ library on first use, four minutes of processor time.
zig: $(VENV)/test.stamp
	$(BIN)/python -m pytest $(ARGS) tests/sim/engines/proof_zig.py

prove: $(VENV)/prove.stamp
	$(BIN)/python -m pytest -n auto $(ARGS) $(wildcard tests/formal/proof_*.py) tests/hdl/gateware/test_formal.py

# Files whose examples hypothesis makes, those without simulations first.
RANDOM_SHORT := $(addprefix tests/,hdl/folding/test_automatic.py hdl/graph/test_modelfile.py \
    hdl/graph/test_modelfile_damage.py \
    hdl/frontend/onnx/test_fuzz.py hdl/frontend/keras/test_fuzz.py hdl/lowering/test_scores.py \
    hdl/export/test_names.py boards/link/test_protocol.py boards/link/test_connection_wrong.py)
RANDOM := $(RANDOM_SHORT) $(addprefix tests/,hdl/gateware/test_network.py hdl/gateware/test_conv_network.py sim/test_golden.py \
    hdl/lowering/test_lower.py)
# The seed of the examples, another one in each run.
SEED ?= $(shell od -An -N4 -tu4 /dev/urandom | tr -d ' ')
FUZZ = $(BIN)/python -m pytest -n auto --hypothesis-profile=fuzz --hypothesis-seed=$(1) $(ARGS)

# The seed is drawn once, before it is printed.
fuzz fuzz-short: $(VENV)/test.stamp
	@seed=$(SEED); echo "make $@ SEED=$$seed repeats these examples"; \
	$(call FUZZ,$$seed) $(if $(filter fuzz,$@),$(RANDOM),$(RANDOM_SHORT)) || { \
	    echo "FAILED: make $@ SEED=$$seed" >&2; exit 1; }

soak: $(VENV)/test.stamp
	$(BIN)/python benchmarks/soak/soak.py $(ARGS)

mutants: $(VENV)/test.stamp
	@$(BIN)/python tests/mutants/mutants.py $(ARGS)

stranger: $(VENV)/test.stamp
	@$(BIN)/python tests/stranger/stranger.py $(ARGS)

lint: $(VENV)/lint.stamp
	$(BIN)/python -m ruff check
	$(BIN)/python -m pyright --pythonpath $(BIN)/python
	$(BIN)/python tests/style/idioms.py

site: $(VENV)/site.stamp
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --jobs auto docs site

snapshots: $(VENV)/test.stamp
	$(BIN)/python tests/snapshots/record.py --write

bench: $(VENV)/test.stamp
	@set -e; for program in benchmarks/*.py; do $(BIN)/python "$$program"; done

boards: $(VENV)/boards.stamp
	@$(BIN)/python benchmarks/boards/table.py $(ARGS)

cells: $(VENV)/cells.stamp
	@$(BIN)/python benchmarks/cells/count.py $(ARGS)

calibrate: $(VENV)/boards.stamp
	@$(BIN)/python benchmarks/cells/calibrate.py $(ARGS)

clean:
	rm -rf $(VENV) dist site docs/api xnorloom-demo .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/demo.stamp: EXTRAS := boards,compiled,plot,serve
$(VENV)/test.stamp: EXTRAS := test
$(VENV)/prove.stamp: EXTRAS := prove,test
$(VENV)/browser.stamp: EXTRAS := browser,test
$(VENV)/lint.stamp: EXTRAS := lint
$(VENV)/boards.stamp: EXTRAS := boards
$(VENV)/cells.stamp: EXTRAS := cells
$(VENV)/site.stamp: EXTRAS := site

# A stamp says that the extras of its goal are installed as pyproject.toml wants them. Without a
# C++ compiler, neither in CXX nor on the path, Zig's comes along, as a package.
$(VENV)/%.stamp: pyproject.toml
	@command -v '$(PYTHON)' > /dev/null || { \
	    echo "make: there is no $(PYTHON); name a Python with make PYTHON=..." >&2; exit 1; }
	@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "make: xnorloom needs Python 3.11 or later, but $(PYTHON) is" \
	         "$$('$(PYTHON)' -V 2>&1); name another with make PYTHON=..." >&2; exit 1; }
	@'$(PYTHON)' -m venv $(VENV) || { \
	    echo "make: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu" \
	         "install the package python3-venv" >&2; exit 1; }
	@extras=$(EXTRAS); \
	[ -n "$$CXX" ] || command -v c++ > /dev/null || command -v g++ > /dev/null || command -v clang++ > /dev/null || \
	    extras=$$extras,zig; \
	echo "Installing xnorloom[$$extras] into $(VENV) ..."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$$extras]"
	@touch $@
