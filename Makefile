# Two commands do everything on a fresh Debian with Swift: `make run` and `make test`.
SWIFT ?= swift
# One set of flags for the program and its tests, so that nothing is compiled twice.
# Tests are numeric and need optimised code; -enable-testing opens internals to them.
FLAGS := -c release -Xswiftc -enable-testing
BIN   := .build/release/resgraph
APT   := pkg-config libyaml-dev libopenblas-dev libpng-dev libjpeg62-turbo-dev
MODULES := openblas yaml-0.1 libpng libjpeg
SUDO  := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: run test build deps lint docs bench clean

## Draws the demo picture and prints its path.
run: build
	$(BIN) run graphs/text-to-image.yaml -o out/text-to-image

## Runs every test, in an optimised build.
test: deps
	$(SWIFT) test $(FLAGS)

build: deps
	$(SWIFT) build $(FLAGS) --product resgraph

## Installs the C libraries that are missing (Debian, Ubuntu).
deps:
	@if ! { command -v pkg-config && pkg-config --exists $(MODULES); } >/dev/null 2>&1; then \
	  echo "Installing with apt-get: $(APT)"; \
	  $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends $(APT); \
	fi

## Checks the format rules.
lint:
	$(SWIFT) format lint --strict --recursive Sources Tests Package.swift

## Builds the library's documentation into out/docs; a warning is an error.
docs: deps
	@mkdir -p out
	$(SWIFT) package $(FLAGS) --allow-writing-to-directory out generate-documentation \
	  --target Resgraph --warnings-as-errors --output-path out/docs

bench: deps
	$(SWIFT) build $(FLAGS) --product resgraph-bench

clean:
	rm -rf .build out
