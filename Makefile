# Framebeam. `make help` says what there is.
SHELL := /bin/bash

# Sample videos: where Debian puts them, or where scripts/deps.sh had to unpack them.
export FRAMEBEAM_SAMPLES ?= $(if $(wildcard .samples/data/vtest.avi),$(CURDIR)/.samples/data,/usr/share/doc/opencv-doc/examples/data)

PACKAGES := ./... ./testdata/samples ./testdata/film ./testdata/trial ./testdata/property ./testdata/webcam ./testdata/browser ./testdata/command ./testdata/chaos ./testdata/score ./testdata/trackscore ./testdata/scene/...

# Those with tests that need real servers (build tag engines).
ENGINES := ./testdata/engines ./runner-configs/... ./transforms/files/hdfsfs ./pipelines/job

# Linking debugging information for each of some sixty test programs takes longer than
# most of them run, and what go vet has looked at need not be looked at again.
LEAN := -ldflags=-w -vet=off

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
build: deps ## Build the program framebeam into bin/.
	@mkdir -p bin
	go build -o bin/ ./cmd/framebeam

.PHONY: dist
dist: ## What is handed out, into dist/: an archive, a Debian package, what is inside of them, checksums (VERSION=1.2.3).
	@scripts/deps.sh dist
	@packaging/dist.sh

.PHONY: dist-check
dist-check: dist ## Install the package on a fresh Debian in a folder, and run the program there (needs root).
	@packaging/check.sh

.PHONY: run
run: deps ## The main job on real video, all in one process: capture, Kafka, analyses, archive, pictures (SERVE=1: then the page).
	@mkdir -p bin
	@echo "building (the first time takes some minutes)"
	@go build -o bin/ ./cmd/framebeam
	@bin/framebeam run $(if $(filter-out 0,$(SERVE)),--serve)

.PHONY: test
test: deps-test ## All tests that need no server.
	go vet $(PACKAGES)
	go test $(LEAN) -timeout 9m $(PACKAGES)

.PHONY: test-race
test-race: deps-test ## The same under the race detector, and with the count of open Mats.
	go test $(LEAN) -race -tags matprofile -timeout 20m $(PACKAGES)

# The linters have a go.mod of their own: what they need is none of the programs' affair.
TOOL := go tool -modfile=.ci/tools/go.mod

.PHONY: lint
lint: deps ## What .golangci.yml says (compiling the linters takes minutes, once).
	$(TOOL) golangci-lint run $(sort $(PACKAGES) $(ENGINES))

.PHONY: vulnerabilities
vulnerabilities: deps ## Known vulnerabilities that this code reaches.
	@scripts/vulnerabilities.sh $(PACKAGES)

.PHONY: schema
schema: ## Write the analyses' JSON Schema and docs/parameters.md anew.
	go test ./transforms/config/profiles -run Shipped -rewrite

.PHONY: screenshots
screenshots: deps-test build ## Write the pictures of pages, clips and stills that docs/ shows anew.
	@scripts/screenshots.sh

.PHONY: fuzz
fuzz: ## Every fuzz target for FUZZTIME (default 10s).
	@scripts/fuzz.sh $(or $(FUZZTIME),10s)

.PHONY: deps-bench
deps-bench: ## deps, and what is compared with.
	@scripts/deps.sh bench

.PHONY: bench
bench: deps-bench ## Ratios against bare OpenCV loops, from one run; then those of each analysis.
	go run ./pipelines/bench
	go test -run '^$$' -bench . -benchtime 2s ./transforms/perframe ./transforms/sequence/steps ./transforms/vision/tracking ./history/area ./history/similar

.PHONY: score
score: deps ## What the analyses find against the truth (docs/scores.md), and tracks of real video (out/score).
	go run ./pipelines/score --write docs/scores.md --video out/score

# Real servers on this machine. SERVICES: of kafka hdfs flink spark, all if empty.
SERVICES ?=
STACK_DIR ?= out/stack
STACK_FLAGS = --dir $(STACK_DIR) $(if $(BROKERS),--kafka-brokers $(BROKERS)) $(if $(DATANODES),--datanodes $(DATANODES)) \
	$(if $(TASKMANAGERS),--taskmanagers $(TASKMANAGERS)) $(if $(WORKERS),--workers $(WORKERS))

.PHONY: test-engines
test-engines: deps-engines ## Tests against real Kafka, HDFS, Flink and Spark, which they start and stop (FRAMEBEAM_LONG=1: the longest too).
	go vet -tags engines $(ENGINES)
	go test $(LEAN) -tags engines -p 1 -timeout 75m ./testdata/engines
	go test $(LEAN) -tags engines -p 1 -timeout 10m ./runner-configs/stack/... ./transforms/files/hdfsfs
	go test $(LEAN) -tags engines -p 1 -timeout 10m -run OnHDFS ./pipelines/job

.PHONY: bench-engines
bench-engines: deps-engines ## Flink and Spark against the direct runner and the bare loop, from one run.
	go run ./pipelines/bench --engines

.PHONY: soak
soak: ## Everything together for DURATION (default 15m), with random faults, judged, measured and drawn in docs/soak.svg.
	@scripts/deps.sh soak
	FRAMEBEAM_SOAK=$(or $(DURATION),15m) go test -tags engines -timeout 48h -count=1 -v -run TestSoak ./testdata/engines
	/usr/bin/python3 scripts/plot_soak.py docs/soak.csv docs/soak.svg

.PHONY: deps-engines
deps-engines: ## deps-test, and what Kafka, HDFS, Flink and Spark need.
	@scripts/deps.sh engines

.PHONY: stack-up
stack-up: deps-engines ## Start real servers: SERVICES="kafka hdfs flink spark" BROKERS=1|3 DATANODES=1|3.
	@go run ./runner-configs/stack up $(STACK_FLAGS) $(SERVICES)

.PHONY: stack-down
stack-down: ## Stop them; the data stay (DELETE=1 deletes them).
	@go run ./runner-configs/stack down --dir $(STACK_DIR) $(if $(DELETE),--delete) $(SERVICES)

.PHONY: stack-status
stack-status: ## Say which of them run.
	@go run ./runner-configs/stack status --dir $(STACK_DIR)
