# make run    builds and serves on http://127.0.0.1:5000
# make test   installs what the tests need, and runs all of them
# make attack attacks a release build, SECONDS (10) for each attack over SOCKETS (512) connections
# make chaos  breaks connections and kills the server for SECONDS (600), and loses answers in WAVES (20);
#             SEED repeats a run
# make fuzz   looks for inputs that break a promise, SECONDS (60) for each of TARGETS; installs cargo-fuzz
# make check  format, lints, types, and what the compiler says with optimizations only
# make settings-table  writes the README's table of settings anew
# make protocol  writes what follows from the table of events anew: documents, and types of the client
# make deny   licences, sources and duplicates of what is built in; installs cargo-deny
# make audit  known holes in it; asks the network
# make bench  measures it beside other servers, in MODE quick or full, into docs/performance.md
# make bench-client  measures only how our page loads and scrolls in Chromium, in MODE, into the same page
# make bench-check  compares the instructions that a message takes with the baseline

CHROMIUM ?= /usr/bin/chromium
VALGRIND ?= /usr/bin/valgrind
export CHROMIUM
proxies := /usr/sbin/nginx /usr/sbin/haproxy /usr/bin/caddy
node_modules_ready := node_modules/.installed-for-tests

.PHONY: run test check settings-table protocol deny audit test-rust test-model test-protocol test-python \
  test-attack test-chaos test-browser test-proxies attack chaos fuzz clean \
  bench bench-client bench-check bench-baseline bench-programs

run:
	cargo run --release

test: test-rust test-model test-protocol test-python test-attack test-chaos test-browser test-proxies

test-rust: $(node_modules_ready)
	cargo test

# The program as the tests start it.
target/debug/visavis: $(node_modules_ready) FORCE
	cargo build
FORCE:

test-model:
	node --test tests/model/*.test.mjs tests/support/*.test.mjs

# They mostly wait.
test-protocol: target/debug/visavis
	node --test --test-concurrency=3 tests/protocol/*.test.mjs

test-python: target/debug/visavis tests/python/.venv/.installed
	tests/python/.venv/bin/python -m unittest discover --start-directory tests/python

tests/python/.venv/.installed: tests/python/requirements.txt
	python3 -m venv tests/python/.venv
	tests/python/.venv/bin/pip install --quiet --requirement $<
	touch $@

test-attack: target/debug/visavis
	node --test tests/attack/*.test.mjs

attack: $(node_modules_ready)
	cargo build --release
	VISAVIS_BIN=$(CURDIR)/target/release/visavis SECONDS=$(or $(SECONDS),10) \
	  node --test tests/attack/*.test.mjs

test-chaos: target/debug/visavis tests/python/.venv/.installed
	node --test tests/chaos/*.test.mjs

chaos: target/debug/visavis tests/python/.venv/.installed
	SECONDS=$(or $(SECONDS),600) WAVES=$(or $(WAVES),20) node --test tests/chaos/*.test.mjs

test-browser: target/debug/visavis $(CHROMIUM)
	node --test --test-concurrency=2 tests/browser/*.test.mjs

# They mostly wait for heartbeats, which come every 25 seconds.
test-proxies: target/debug/visavis $(CHROMIUM) $(proxies)
	node --test --test-concurrency=4 tests/proxies/*.test.mjs

check: $(node_modules_ready)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- --deny warnings
	npx --no-install tsc -p .
	CARGO_INCREMENTAL=0 cargo rustc --lib --profile check -- -C opt-level=1

settings-table: $(node_modules_ready)
	WRITE=1 cargo test --test it the_readme_lists_every_setting

cargo_deny := target/tools/bin/cargo-deny

protocol: $(node_modules_ready)
	WRITE=1 cargo test --lib the_documents_say_what_the_table_says

deny: $(cargo_deny)
	$(cargo_deny) check licenses bans sources

audit: $(cargo_deny)
	$(cargo_deny) check advisories
	npm audit

$(cargo_deny):
	cargo install cargo-deny@0.20.2 --debug --locked --root target/tools

cargo_fuzz := target/tools/bin/cargo-fuzz
TARGETS ?= payloads flask pages templates

# Nothing here is unsafe, so no sanitizer is needed, and with none any toolchain will do.
fuzz: $(cargo_fuzz) $(node_modules_ready)
	set -e; for target in $(TARGETS); do \
	  $(cargo_fuzz) run --sanitizer none $$target -- -max_total_time=$(or $(SECONDS),60) \
	    -timeout=30 -rss_limit_mb=4096 -max_len=2000 -verbosity=0 -print_final_stats=1; \
	done

$(cargo_fuzz):
	cargo install cargo-fuzz@0.13.2 --locked --root target/tools

$(node_modules_ready): package.json package-lock.json
	npm ci
	touch $@

# As root where we are root, and with sudo elsewhere.
as_root := $(if $(filter 0,$(shell id -u)),,sudo)
/usr/bin/chromium:
	$(as_root) apt-get update
	$(as_root) apt-get install --yes --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji

# Debian starts what it installs, unless this file says no. The tests need the programs only.
no_services := /usr/sbin/policy-rc.d
$(proxies):
	$(as_root) apt-get update
	set -e; if [ ! -e $(no_services) ]; then \
	  trap '$(as_root) rm -f $(no_services)' EXIT; \
	  printf '#!/bin/sh\nexit 101\n' | $(as_root) tee $(no_services) >/dev/null; \
	  $(as_root) chmod 755 $(no_services); \
	fi; \
	$(as_root) apt-get install --yes --no-install-recommends $(notdir $@)

bench: bench-programs bench/peers/node/node_modules/.built bench/peers/bun/node_modules/.built \
  bench/peers/python/.venv/.installed bench/peers/flask/.venv/.installed $(CHROMIUM)
	target/release/visavis-bench measure --mode $(or $(MODE),quick)

bench-client: bench-programs $(CHROMIUM)
	target/release/visavis-bench measure --mode $(or $(MODE),quick) --only client

bench-check: bench-programs $(VALGRIND)
	target/release/visavis-bench instructions

bench-baseline: bench-programs $(VALGRIND)
	target/release/visavis-bench instructions --keep

bench-programs: $(node_modules_ready)
	cargo build --release --workspace

# The one package that has native code is compiled against the Node that is here.
bench/peers/node/node_modules/.built: bench/peers/node/package.json bench/peers/node/package-lock.json
	npm --prefix bench/peers/node ci --ignore-scripts
	npm --prefix bench/peers/node rebuild better-sqlite3 --build-from-source \
	  --nodedir=$(dir $(patsubst %/,%,$(dir $(realpath $(shell command -v node)))))
	touch $@

# The one script that runs puts the program of this machine in its place.
bench/peers/bun/node_modules/.built: bench/peers/bun/package.json bench/peers/bun/package-lock.json
	npm --prefix bench/peers/bun ci --ignore-scripts
	npm --prefix bench/peers/bun rebuild bun
	touch $@

bench/peers/%/.venv/.installed: bench/peers/%/requirements.txt
	python3 -m venv bench/peers/$*/.venv
	bench/peers/$*/.venv/bin/pip install --quiet --requirement $<
	touch $@

/usr/bin/valgrind:
	$(as_root) apt-get update
	$(as_root) apt-get install --yes --no-install-recommends valgrind

clean:
	cargo clean
	rm -rf node_modules
