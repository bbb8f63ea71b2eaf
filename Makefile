# What the README names, and what developers and CI need beside it. The build itself is CMake's
# (CMakePresets.json); everything lands under build/.
SECONDS_PER_TARGET ?= 60
KILLS ?= 200
SEEDS ?= 2000
SEED ?= 8885
MAARS ?= 10,100,1000
MNS ?= 1000,10000

.PHONY: demo demo-steering demo-handover check check-stock-kernel build deps lint format fuzz bench measure-client-handover measure-modes reference scale simulate steer-eval affinity canary soak-moves steering-kills storm clean

demo: build
	lab/demo --bin build/release/bin --out build/demo

demo-steering: build
	lab/demo-steering --bin build/release/bin --out build/demo-steering

demo-handover: build
	lab/demo-handover --bin build/release/bin --out build/demo-handover

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

# Packets of flows that reach another instance than their first (root): in the kernel's packet path
# by test-run a tenth of them.
affinity: build
	GODWIT_PACKETS=10000000 build/release/bin/plane-affinity

# Daemons are killed at random moments of a storm of handovers; `make check` has five such kills.
storm: build
	lab/storm --bin build/release/bin --out build/storm --kills $(KILLS) --seed $(SEED)

# Forwarders, metric agents and path selectors are killed at random while clients use services; `make check` has six
# such kills.
steering-kills: build
	GODWIT_KILLS=$(KILLS) GODWIT_SEED=$(SEED) /usr/bin/python3 -m pytest -q -s tests/e2e/test_steering.py \
		tests/e2e/test_steering_roles.py -k killed

# Domains under faults drawn from seeds, and a tenth as many of CATS; a failing one leaves its schedule in
# build/sim.
simulate: build
	mkdir -p build/sim
	build/release/bin/godwit-sim --seed $(SEED) --count $(SEEDS) --out build/sim
	mkdir -p build/sim/cats
	build/release/bin/godwit-sim --kind cats --seed $(SEED) --count $$(($(SEEDS) / 10 + 1)) --out build/sim/cats

# Plants faults, one at a time, each of which the simulator must find (sim/canary/faults.toml).
canary: build
	sim/canary/run --table

# What domains cost, small to middling, and plots of it in build/scale; doc/scale.md has larger ones.
scale: build
	mkdir -p build/scale
	build/release/bin/godwit-sim scale --sites sim/data/eua-sites-melbcbd.csv --out build/scale \
		--seed $(SEED) --maars $(MAARS) --mns $(MNS) --seconds 120 --warm 60 --ramp 40 --speed 1-2
	tools/plot-scale build/scale

# Steering policies over reporting intervals and loads, and plots; doc/steering.md is about these seeds.
steer-eval: build
	mkdir -p build/steer
	build/release/bin/godwit-sim steer --policies all --part 2 --seeds 101-105 \
		--intervals 10,30,100,300,1000,3000,10000 --loads 0.5,0.7,0.8,0.9,0.95,1.1,1.5 \
		--csv build/steer/steering.csv
	tools/plot-steering build/steer/steering.csv > build/steer/steering.md

lint: deps
	tools/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

fuzz: deps
	tools/fuzz $(SECONDS_PER_TARGET) $(TARGETS)

bench: build
	lab/measure-handover --bin build/release/bin --out build/bench
	build/release/bin/bench-plane
	build/release/bin/godwit-sim bench
	build/release/bin/bench-control --dir build/bench --json build/bench/control.json
	lab/measure-control --bin build/release/bin --out build/bench
	lab/measure-tcp-move --bin build/release/bin

# Packets lost, late and out of order while a client of services is handed over between ingresses.
measure-client-handover: build
	lab/measure-client-handover --bin build/release/bin --out build/bench

# Messages and times of the CMD's three modes, n = 1..5, d = 0 and 10 ms.
measure-modes: build
	lab/measure-modes --bin build/release/bin --out build/bench

reference: build
	tools/gen-reference > doc/reference.md

clean:
	rm -rf build
