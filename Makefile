# make demo   a whole station on this machine, on real footage
# make test   everything, set-up included
# make build  bin/watchpost and bin/firmware-sim
# make docker the container image, with an engine
# one part:   deps models web lint test-go test-web test-browser e2e
# longer:     bench soak fuzz
# make clean
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# MODELS_DIR says where yolox_nano.onnx comes from. What runs finds it beside
# ONNX Runtime's library in .cache/models.
models_from := $(abspath $(or $(MODELS_DIR),$(wildcard ../shared/models)))
override MODELS_DIR := $(CURDIR)/.cache/models
export MODELS_DIR
export WATCHPOST_SHARED ?= $(abspath $(wildcard ../shared))
WEB := appliance/internal/wall/web
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
# Empty: everything; build: without what only the demo and the tests need.
DEPS :=
GO_TEST := go test -timeout 10m

.PHONY: help deps models web build demo test test-go test-web test-browser e2e lint bench soak fuzz docker clean

help:
	@sed -n '/^# /!q; s/^# //p' Makefile

deps:
	@.ci/deps $(DEPS)

models: deps
	@.ci/models "$(models_from)"

# npm ci only when the lock changed; the stamp stands beside the modules.
$(WEB)/node_modules/.stamp: $(WEB)/package-lock.json | deps
	@echo "==> installing the front end's packages"
	cd $(WEB) && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

WEB_SOURCES := $(shell find $(WEB)/src $(WEB)/public $(WEB)/index.html -type f 2>/dev/null)
$(WEB)/dist/index.html: $(WEB)/node_modules/.stamp $(WEB_SOURCES) $(WEB)/vite.config.ts
	@echo "==> building the front end"
	cd $(WEB) && npm run --silent build
	@touch $@

web: $(WEB)/dist/index.html

build: deps models web
	@echo "==> building the programs (the first time OpenCV's binding takes about a minute)"
	go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/watchpost ./appliance
	go build -trimpath -o bin/firmware-sim ./firmware-sim

demo: build
	@configs/demo.sh

test: build lint test-go test-web test-browser e2e
	@echo "==> all tests passed"

lint:
	@unformatted=$$(git ls-files -co --exclude-standard '*.go' | xargs -r gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "gofmt these:"; echo "$$unformatted"; exit 1; fi
	go vet ./...

# The end-to-end test has a target of its own: it runs the built programs.
test-go: models web
	@echo "==> Go tests, with the race detector"
	$(GO_TEST) -race $$(go list ./... | grep -v /appliance/e2e)

test-web: $(WEB)/node_modules/.stamp
	@echo "==> front end: unit tests"
	cd $(WEB) && npm test --silent

test-browser: $(WEB)/node_modules/.stamp
	@echo "==> front end: browser tests"
	cd $(WEB) && npm run --silent test:browser

e2e: build
	@echo "==> end to end: the built box, its peers and a browser"
	$(GO_TEST) -timeout 20m -count=1 -v ./appliance/e2e

bench: models web
	go test -timeout 60m -run '^$$' -bench . -benchtime 1s ./...

soak: build
	WATCHPOST_SOAK=20 $(GO_TEST) -count=1 -v -timeout 40m -run 'Bounded|Retiring|Killed|PowerCut' ./bridge/journal
	WATCHPOST_SOAK=50 $(GO_TEST) -count=1 -v -run 'KilledWhileRecording' ./appliance/internal/media
	WATCHPOST_SOAK=10 $(GO_TEST) -count=1 -v -run 'Killed|EveryByte' ./bridge/upload ./bridge/evidence
	WATCHPOST_OUTAGE_HOURS=72 $(GO_TEST) -timeout 60m -run '^$$' -bench Drain ./appliance/bench
	WATCHPOST_FLAPS=1000 $(GO_TEST) -count=1 -v -run 'Flaps' ./ingest/rtsp
	WATCHPOST_FAULTS=1 $(GO_TEST) -count=1 -v -run 'CameraFaults' ./appliance/bench
	WATCHPOST_CLAIMS=1000 $(GO_TEST) -count=1 -v -run 'PairsOfClaims' ./appliance/internal/wall
	WATCHPOST_WEEK=1 $(GO_TEST) -count=1 -v -run 'SimulatedWeek' ./appliance/internal/review
	$(GO_TEST) -timeout 20m -count=1 -v ./appliance/e2e -soak

fuzz:
	@for pkg in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$pkg | grep ^Fuzz || true); do \
	    echo "==> $$pkg $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 20s $$pkg; \
	  done; \
	done

# The model is no part of the repository; it reaches the image by .cache/models.
docker:
	@.ci/models --model "$(models_from)"
	docker build -t watchpost --build-arg VERSION="$(VERSION)" .

clean:
	rm -rf bin .demo .test $(WEB)/node_modules $(WEB)/dist/assets $(WEB)/dist/index.html
