# A thin door to scripts/ and the CMake presets. `make help` lists what there is.

FF_CACHE ?= $(HOME)/.cache/fastforward
JOBS ?= $(shell nproc)
CTEST = ctest --output-on-failure --parallel $(JOBS)
export FF_CACHE
# OpenMP's threads sleep at barriers. Where other work wants the cores, spinning costs ten times.
export OMP_WAIT_POLICY ?= passive

# The oldest supported LibTorch, for `make compat`.
compat: export FF_TORCH_VERSION := $(or $(FF_TORCH_VERSION),2.7.1)

.DEFAULT_GOAL := help
.PHONY: help setup build test demo models bench format check asan tsan compat clean

help: ## Show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## Install what is missing: Debian packages, LibTorch
	@scripts/setup.sh

build: setup ## Build all in build/release
	@scripts/build.sh release

test: build ## Build and run all tests; ARGS="-R name" goes to ctest
	@$(CTEST) --test-dir build/release $(ARGS)

demo: setup ## Train, quantize and repair a network on Fashion-MNIST; EPOCHS=n
	@scripts/build.sh release fashion_mnist
	@build/release/bin/fashion_mnist $(if $(EPOCHS),--epochs $(EPOCHS)) $(ARGS)

models: ## Put real networks and data into the cache (docs/models.md)
	@scripts/models.sh

bench: setup ## Time the library against its peers; writes build/bench.json
	@scripts/build.sh release ff_bench
	@build/release/bin/ff_bench $(ARGS)

format: setup ## Format all C++ files
	@scripts/format.sh

check: build ## House rules, formatting, and a build without warnings
	@scripts/format.sh --check
	@python3 scripts/check_house.py

asan: setup ## Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/build.sh asan
	@$(CTEST) --test-dir build/asan $(ARGS)

tsan: setup ## Unit tests under ThreadSanitizer
	@scripts/build.sh tsan
	@$(CTEST) --test-dir build/tsan $(ARGS)

compat: setup ## Unit tests against the oldest LibTorch, or that of FF_TORCH_VERSION
	@scripts/build.sh compat
	@$(CTEST) --test-dir build/compat -LE slow $(ARGS)

clean: ## Remove the build folders
	@rm -rf build
