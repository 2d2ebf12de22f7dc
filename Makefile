# The commands that people use. `make help` lists them.
SHELL := /usr/bin/env bash
.DEFAULT_GOAL := help

# A JDK 25: JAVA_HOME if it is one, else the usual folders.
JAVA_HOME := $(shell . trainer-image/bin/find-java && find_java && dirname "$$(dirname "$$(readlink -f "$$JAVA")")")
export JAVA_HOME
export MAVEN_OPTS ?= --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow

MVN := mvn -B -ntp
QUIET := $(MVN) -q

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: tools
tools:
	@test -x "$(JAVA_HOME)/bin/javac" || { echo "make: needs a JDK 25 (Debian: Temurin 25, or any other); set JAVA_HOME to it" >&2; exit 2; }
	@command -v mvn >/dev/null || { echo "make: needs Maven 3.8 or newer (Debian: apt-get install maven)" >&2; exit 2; }

.PHONY: build
build: tools ## Compile and package everything, without the tests
	@echo "Building ..." && $(QUIET) package -DskipTests

.PHONY: test
test: tools ## Compile, check the format and run all tests
	$(MVN) verify

# Tests that people run when they doubt: the same as in `make test`, but long. See docs/reliability.md.
CHAOS_TALLY := $(CURDIR)/trainer-image/target/chaos/tally.tsv

.PHONY: chaos
chaos: tools ## Crash, kill and fence trainers for a quarter of an hour; options in CHAOS="-Dchaos.seed=7"
	@mkdir -p $(dir $(CHAOS_TALLY)) && rm -f $(CHAOS_TALLY)
	@model=$$(local/bin/fetch-base-model) && $(MVN) test -pl api,embedded,trainer-image -Dgroups=chaos -DforkCount=2 \
		-Dsurefire.failIfNoSpecifiedTests=false -Dchaos=long -Dchaos.model="$$model" -Dchaos.tally=$(CHAOS_TALLY) $(CHAOS)
	@"$(JAVA_HOME)/bin/java" -cp trainer-image/target/test-classes dev.finetune.trainer.chaos.ChaosTable $(CHAOS_TALLY)

.PHONY: demo
demo: build ## Fine-tune a real model with QLoRA through the operator, on this machine
	@model=$$(local/bin/fetch-base-model) && local/bin/local demo --model "$$model"

.PHONY: local
local: build ## Leave API server, object store and operator running in one process
	@model=$$(local/bin/fetch-base-model) && local/bin/local up --model "$$model"

.PHONY: bench
bench: build ## Measure the trainer side by side with PEFT; options in BENCH="--only bf16 --repeat 3"
	@bench/run $(BENCH)

.PHONY: bench-kernels
bench-kernels: build ## Time single kernels with JMH; options in BENCH="attention -p tokens=512"
	@bench/kernels $(BENCH)

.PHONY: image
image: tools ## Build the trainer and operator images as archives, without Docker
	@images/build >/dev/null

.PHONY: image-cuda
image-cuda: tools ## Build the trainer's image for GPUs (fetches 2.5 GB; was never run on a GPU)
	@images/test-cuda-libtorch && images/build trainer-cuda >/dev/null

.PHONY: test-gpu
test-gpu: tools ## Run the tests that need a GPU; without one they fail
	@trainer-image/bin/test-gpu

.PHONY: e2e
e2e: tools ## Train on a real single-node Kubernetes
	@e2e/run

.PHONY: format
format: tools ## Format the sources
	$(QUIET) spotless:apply
