# What the README names, and what developers and CI need beside it. The build itself is CMake's
# (CMakePresets.json); everything lands under build/.
SECONDS_PER_TARGET ?= 60

.PHONY: demo check check-stock-kernel build deps lint format fuzz bench measure-modes reference soak-moves storm clean

demo: build
	lab/demo --bin build/release/bin --out build/demo

check: deps
	tools/check

check-stock-kernel: build
	tools/check-stock-kernel

build: deps
	cmake --preset release
	cmake --build --preset release

deps:
	tools/install-deps

# A host with one connection moves a hundred times and more; `make check` has ten of these.
soak-moves: build
	GODWIT_MOVES=102 /usr/bin/python3 -m pytest -q -s tests/e2e/test_idle.py

# Daemons are killed at random moments of a storm of handovers; `make check` has five such kills.
KILLS ?= 200
SEED ?= 8885
storm: build
	lab/storm --bin build/release/bin --out build/storm --kills $(KILLS) --seed $(SEED)

lint: deps
	tools/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

fuzz: deps
	tools/fuzz $(SECONDS_PER_TARGET)

bench: build
	lab/measure-handover --bin build/release/bin --out build/bench
	build/release/bin/bench-plane

# Messages and times of the CMD's three modes, n = 1..5, d = 0 and 10 ms.
measure-modes: build
	lab/measure-modes --bin build/release/bin --out build/bench

reference: build
	tools/gen-reference > doc/reference.md

clean:
	rm -rf build
