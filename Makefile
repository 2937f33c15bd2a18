# Two commands do everything on a fresh Debian with Swift: `make run` and `make test`.
SWIFT ?= swift
RUFF  ?= ruff
# One set of flags for the program and its tests, so that nothing is compiled twice.
# Tests are numeric and need optimised code; -enable-testing opens internals to them.
FLAGS := -c release -Xswiftc -enable-testing
BIN   := .build/release/resgraph
APT   := pkg-config libyaml-dev libopenblas-dev libpng-dev libjpeg62-turbo-dev
MODULES := openblas yaml-0.1 libpng libjpeg
SUDO  := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: run test check build deps lint bench clean

## Draws the demo picture and prints its path.
run: build
	$(BIN) run graphs/text-to-image.yaml -o out/text-to-image

## Runs the tests, in an optimised build; FILTER=regex chooses some: `make test FILTER=SamplerGoldenTests`.
test: deps
	$(SWIFT) test $(FLAGS) $(if $(FILTER),--filter '$(FILTER)')

## Runs the tests that take little time, for the edit loop; FILTER=regex chooses among them.
check: deps
	RESGRAPH_FAST_TESTS=1 $(SWIFT) test $(FLAGS) $(if $(FILTER),--filter '$(FILTER)')

build: deps
	$(SWIFT) build $(FLAGS) --product resgraph

## Installs the C libraries that are missing (Debian, Ubuntu).
deps:
	@if ! { command -v pkg-config && pkg-config --exists $(MODULES); } >/dev/null 2>&1; then \
	  echo "Installing with apt-get: $(APT)"; \
	  $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $(APT); \
	fi

## Checks the format rules; those of the tools' Python where ruff is installed.
lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift
	@if command -v $(RUFF) >/dev/null; then $(RUFF) check && $(RUFF) format --check; \
	else echo "ruff is not installed: the Python under tools is not checked"; fi

bench: deps
	$(SWIFT) build $(FLAGS) --product resgraph-bench

clean:
	rm -rf .build out
