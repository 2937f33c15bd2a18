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

# Where `make install` puts the program; DESTDIR goes before it, for packagers.
PREFIX  ?= /usr/local
DEST    := $(DESTDIR)$(PREFIX)
MANUAL  := $(DEST)/share/man/man1/resgraph.1
BASH    := $(DEST)/share/bash-completion/completions/resgraph
ZSH     := $(DEST)/share/zsh/site-functions/_resgraph
FISH    := $(DEST)/share/fish/vendor_completions.d/resgraph.fish
# What tests remember is not the user's.
TEST_CACHE := $(CURDIR)/.build/test-cache
# The argument parser's own sources, as fetched for the build, have a writer of manual pages.
PARSER  := .build/checkouts/swift-argument-parser
WRITER  := .build/manual/debug/generate-manual

.PHONY: run test check torture build deps lint format docs bench install uninstall clean

## Draws the demo picture and prints its path.
run: build
	RESGRAPH_CACHE=$${RESGRAPH_CACHE:-.build/cache} $(BIN) run graphs/text-to-image.yaml -o out/text-to-image

## Runs the tests, in an optimised build; FILTER=regex chooses some: `make test FILTER=SamplerGoldenTests`.
test: deps
	RESGRAPH_CACHE=$(TEST_CACHE) $(SWIFT) test $(FLAGS) $(if $(FILTER),--filter '$(FILTER)')

## Runs the tests that take little time, for the edit loop; FILTER=regex chooses among them.
check: deps
	RESGRAPH_CACHE=$(TEST_CACHE) RESGRAPH_FAST_TESTS=1 $(SWIFT) test $(FLAGS) $(if $(FILTER),--filter '$(FILTER)')

## Kills runs at random moments, a thousand times, and compares what the others write.
torture: deps
	RESGRAPH_CACHE=$(TEST_CACHE) RESGRAPH_TORTURE_KILLS=1000 \
	  $(SWIFT) test $(FLAGS) --filter TortureTests

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

## Brings every file into the format.
format:
	$(SWIFT) format --in-place --recursive Sources Tests Package.swift

## Installs the program, its manual page, and completions for bash, zsh and fish.
install: build
	$(SWIFT) build --package-path $(PARSER) --scratch-path .build/manual --product generate-manual
	mkdir -p .build/share
	$(WRITER) $(BIN) --output-directory .build/share
	for shell in bash zsh fish; do \
	  $(BIN) --generate-completion-script $$shell > .build/share/resgraph.$$shell || exit 1; done
	install -D -m 755 $(BIN) $(DEST)/bin/resgraph
	install -D -m 644 .build/share/resgraph.1 $(MANUAL)
	install -D -m 644 .build/share/resgraph.bash $(BASH)
	install -D -m 644 .build/share/resgraph.zsh $(ZSH)
	install -D -m 644 .build/share/resgraph.fish $(FISH)

uninstall:
	rm -f $(DEST)/bin/resgraph $(MANUAL) $(BASH) $(ZSH) $(FISH)
## Builds the library's documentation into out/docs; a warning is an error.
docs: deps
	@mkdir -p out
	$(SWIFT) package $(FLAGS) --allow-writing-to-directory out generate-documentation \
	  --target Resgraph --warnings-as-errors --output-path out/docs

bench: deps
	$(SWIFT) build $(FLAGS) --product resgraph-bench

clean:
	rm -rf .build out
