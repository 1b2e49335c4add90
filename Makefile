# Framebeam. `make help` says what there is.
SHELL := /bin/bash

# Sample videos: where Debian puts them, or where scripts/deps.sh had to unpack them.
export FRAMEBEAM_SAMPLES ?= $(if $(wildcard .samples/data/vtest.avi),$(CURDIR)/.samples/data,/usr/share/doc/opencv-doc/examples/data)

PACKAGES := ./... ./testdata/samples ./testdata/film ./testdata/trial ./testdata/scene/...

.PHONY: help
help: ## Say what there is.
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

.PHONY: deps
deps: ## Install what is missing from Debian's packages (needs root or sudo).
	@scripts/deps.sh

.PHONY: deps-test
deps-test: ## deps, and what only the tests need.
	@scripts/deps.sh test

.PHONY: build
build: deps ## Build every command into bin/.
	@mkdir -p bin
	go build -o bin/ ./ingest ./pipelines/analyze ./pipelines/archive ./pipelines/reprocess ./pipelines/show ./pipelines/render ./pipelines/run

.PHONY: run
run: deps ## The main job on real video, all in one process: capture, Kafka, analyses, archive, pictures.
	@mkdir -p bin
	@echo "building (the first time takes some minutes)"
	@go build -o bin/run ./pipelines/run
	@bin/run

.PHONY: test
test: deps-test ## All tests that need no server.
	go vet $(PACKAGES)
	go test -timeout 9m $(PACKAGES)
	go test -timeout 5m -tags crashpoints -run AJobKilled ./transforms/output

.PHONY: test-race
test-race: deps-test ## The same under the race detector, and with the count of open Mats.
	go test -race -tags matprofile -timeout 20m $(PACKAGES)

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (default 10s).
	@scripts/fuzz.sh $(or $(FUZZTIME),10s)

.PHONY: bench
bench: deps ## Ratios against bare OpenCV loops, from one run.
	go run ./pipelines/bench
