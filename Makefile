# spantop: a terminal monitoring gateway for Claude Code.
#
#   make          the program, build/spantop        make test     every test
#   make run      install what is missing, build, open the dashboard
#   make help     the other targets
#
# There is no configure step.  Sources are found by folder, so a new file needs
# no edit here.  Each folder of src/ (and ui/) is one layer and becomes one
# static archive; what a layer may link (and so include) stands in NEEDS_* below
# and `make layers` checks it.
#
#   FLAVOUR=release|asan|tsan|cov   objects live in build/FLAVOUR/
#   LOOP=epoll|poll                 how sockets are waited for; the other one than this
#                                   system's lives in a build folder of its own
#   HAVE=none                       what src/base/sys.c does on the poorest system
#   BUILD=DIR                       another build folder
#   CI=true                         warnings are errors, no test may be skipped

VERSION := 0.1.0
DATE    := 2026-11-22

# ---- Where things go -------------------------------------------------------
FLAVOUR ?= release
OWN_LOOP := $(shell echo '\#include <sys/epoll.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo epoll || echo poll)
LOOP    ?= $(if $(filter none,$(HAVE)),poll,$(OWN_LOOP))
BUILD   ?= build$(if $(HAVE),/$(HAVE),$(if $(filter-out $(OWN_LOOP),$(LOOP)),/$(LOOP)))
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share

OUT     := $(BUILD)/$(FLAVOUR)
PROGRAM := $(if $(filter release,$(FLAVOUR)),$(BUILD)/spantop,$(OUT)/spantop)

# ---- Layers, lowest first: what each one links, itself included --------------
LAYERS          := base anthropic respan log gateway sim ui cli
NEEDS_base      := base
NEEDS_anthropic := anthropic $(NEEDS_base)
NEEDS_respan    := respan $(NEEDS_anthropic)
NEEDS_log       := log $(NEEDS_respan)
NEEDS_gateway   := gateway $(NEEDS_log)
NEEDS_sim       := sim $(NEEDS_respan)
NEEDS_ui        := ui $(NEEDS_log)
NEEDS_cli       := cli gateway sim ui $(NEEDS_log)

# ---- Compiler --------------------------------------------------------------
PACKAGES  := libmicrohttpd libcurl ncursesw sqlite3 libcjson zlib libzstd libxxhash
WARNINGS  := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef
# Tables of options and commands leave out what they do not say.
WARNINGS  += -Wno-missing-field-initializers
WARNINGS  += $(if $(filter true,$(CI)),-Werror)

FLAGS_release := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
FLAGS_asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread
FLAGS_fuzz    := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
# gcc 12 loses track of arrays written at a running index, such as json.c's levels.
FLAGS_analyze := -O1 -fanalyzer -Wno-analyzer-use-of-uninitialized-value -Werror
FLAGS_cov     := -O0 --coverage -fprofile-update=atomic

# Asked once, and only when something is compiled: `make deps` must work on a
# machine that has no pkg-config yet.
PKG_CONFIG  ?= pkg-config
PKG_CFLAGS   = $(eval PKG_CFLAGS := $$(shell $(PKG_CONFIG) --cflags $(PACKAGES)))$(PKG_CFLAGS)
PKG_LIBS     = $(eval PKG_LIBS := $$(shell $(PKG_CONFIG) --libs $(PACKAGES)) -lm)$(PKG_LIBS)
AS_NEEDED    = $(eval AS_NEEDED := $$(shell CC='$(CC)' sh tests/tools/have --link -Wl,--as-needed))$(AS_NEEDED)
TEST_LIBS    = $(eval TEST_LIBS := $$(shell $(PKG_CONFIG) --libs cmocka))$(TEST_LIBS)

CFLAGS      ?= -g
CPPFLAGS_ALL = -D_GNU_SOURCE -DSPANTOP_VERSION='"$(VERSION)"' -Isrc -I. -I$(BUILD)/gen $(PKG_CFLAGS) $(CPPFLAGS)
CFLAGS_ALL   = -std=c11 $(WARNINGS) -pthread $(FLAGS_$(FLAVOUR)) $(CFLAGS)
LDFLAGS_ALL  = -pthread $(FLAGS_$(FLAVOUR)) $(AS_NEEDED) $(LDFLAGS)

# For the targets that do everything: all processors, unless -j says otherwise.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2))

# ---- The program -----------------------------------------------------------
.PHONY: all
all: $(PROGRAM)

SOURCES_ui := $(wildcard ui/*.c)
OTHER_LOOP := $(if $(filter epoll,$(LOOP)),poll,epoll)
SOURCES_gateway := $(filter-out %_$(OTHER_LOOP).c,$(wildcard src/gateway/*.c))
FOLDER_ui  := ui
define layer_sources
FOLDER_$(1)  ?= src/$(1)
SOURCES_$(1) ?= $$(filter-out src/cli/main.c,$$(wildcard src/$(1)/*.c))
OBJECTS_$(1) := $$(patsubst %.c,$$(OUT)/%.o,$$(SOURCES_$(1)))
endef
$(foreach layer,$(LAYERS),$(eval $(call layer_sources,$(layer))))

# The data files travel inside the program; respan is the lowest layer that reads them.
OBJECTS_respan += $(OUT)/gen/data.o

archives = $(patsubst %,$(OUT)/lib%.a,$(NEEDS_$(1)))

# The folder is a prerequisite too: its date moves when a source comes or goes.
define archive_rule
$(OUT)/lib$(1).a: $$(OBJECTS_$(1)) $$(FOLDER_$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach layer,$(LAYERS),$(eval $(call archive_rule,$(layer))))

$(PROGRAM): $(OUT)/src/cli/main.o $(call archives,cli)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) -o $@.new $^ $(PKG_LIBS) && mv -f $@.new $@

# Headers that are made first.
GENERATED := $(BUILD)/gen/base/have.h $(BUILD)/gen/data/embedded.h

$(OUT)/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -MT $@ -MF $(@:.o=.d) -c -o $@ $<

# ---- What this system has: base/have.h, used by src/base/sys.c alone -------------
$(BUILD)/gen/base/have.h: tests/tools/have
	@mkdir -p $(@D)
	@CC='$(CC)' HAVE='$(HAVE)' sh tests/tools/have > $@.new && mv -f $@.new $@

# ---- data/: every data/NAME.json as bytes in the program -----------------------
# #include "data/embedded.h" gives, for data/catalog.json,
#     extern const char data_catalog_json[];        followed by one NUL
#     extern const size_t data_catalog_json_len;    without that NUL
DATA := $(sort $(wildcard data/*.json))

$(BUILD)/gen/data.c: $(DATA) tests/tools/embed | data
	@mkdir -p $(@D)
	@sh tests/tools/embed source $(DATA) > $@.new && mv -f $@.new $@

$(BUILD)/gen/data/embedded.h: $(DATA) tests/tools/embed | data
	@mkdir -p $(@D)
	@sh tests/tools/embed header $(DATA) > $@.new && mv -f $@.new $@

$(OUT)/gen/data.o: $(BUILD)/gen/data.c $(BUILD)/gen/data/embedded.h
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

# ---- Unit tests: tests/unit/LAYER/test_X.c, each a program of its own ----------
UNIT_SOURCES  := $(sort $(wildcard $(LAYERS:%=tests/unit/%/test_*.c)))
UNIT_PROGRAMS := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(UNIT_SOURCES))

define unit_rule
$(OUT)/unit/$(1)/%: $(OUT)/tests/unit/$(1)/%.o $(call archives,$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$$(CC) $$(LDFLAGS_ALL) -o $$@.new $$^ $$(PKG_LIBS) $$(TEST_LIBS) && mv -f $$@.new $$@
endef
$(foreach layer,$(LAYERS),$(eval $(call unit_rule,$(layer))))
.PRECIOUS: $(OUT)/%.o

.PHONY: build-tests
build-tests: $(UNIT_PROGRAMS) $(PROGRAM)

# ---- Tests -----------------------------------------------------------------
RUN_TESTS = SPANTOP_BUILD=$(OUT) SPANTOP_BIN=$(abspath $(PROGRAM)) tests/tools/run-tests

.PHONY: test test-built unit e2e ui-test client-test asan-test tsan-test layers
test: test-deps
	@$(MAKE) --no-print-directory $(JOBS) test-built

test-built: build-tests
	@$(RUN_TESTS) layers unit e2e ui client

unit: $(UNIT_PROGRAMS)
	@$(RUN_TESTS) unit

e2e: $(PROGRAM)
	@$(RUN_TESTS) e2e

ui-test: $(PROGRAM)
	@$(RUN_TESTS) ui

client-test: $(PROGRAM)
	@$(RUN_TESTS) client

asan-test:
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=asan build-tests
	@$(MAKE) --no-print-directory FLAVOUR=asan sanitized

tsan-test:
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=tsan build-tests
	@$(MAKE) --no-print-directory FLAVOUR=tsan sanitized

# Memory under valgrind, over what a session does: calls, errors, a log read.
.PHONY: valgrind valgrind-run
VALGRIND_FILES ?= routing,security_redact
valgrind: $(PROGRAM)
	@sh tests/tools/deps build test valgrind
	@$(MAKE) --no-print-directory valgrind-run

valgrind-run: $(PROGRAM)
	@SPANTOP_BUILD=$(BUILD)/valgrind SPANTOP_BIN=$(abspath tests/tools/under-valgrind) tests/tools/run-tests e2e=$(VALGRIND_FILES)

# SOAK_SECONDS=120 make soak
SOAK_SECONDS ?= 1800
.PHONY: soak
soak: $(PROGRAM)
	@SOAK_SECONDS=$(SOAK_SECONDS) $(RUN_TESTS) soak

# What continuous integration runs beside `make test`: the sanitizers over what has
# threads, sockets and other people's bytes, side by side on two processors.
ASAN_FILES := gateway,faults_client,faults_disk,security,routing,lookup,cli_read,cli_switch
NONE_FILES := gateway,faults_client,sim
TSAN_FILES := gateway_log,gateway_ends,gateway_process,faults_process,routing,security_bounds,security_redact
.PHONY: ci-checks ci-asan ci-tsan ci-none ci-valgrind ci-rest
ci-checks:
	@sh tests/tools/deps build test package lint analyze fuzz valgrind
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=asan build-tests
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=tsan build-tests
	@$(MAKE) --no-print-directory $(JOBS) HAVE=none BUILD=$(BUILD)/none build-tests
	@$(MAKE) --no-print-directory -k -j2 ci-asan ci-tsan ci-none ci-valgrind; status=$$?; \
	    $(MAKE) --no-print-directory ci-rest && exit $$status

# A target of its own: make runs every line that names $(MAKE), under -n, too.
CI_SOAK_SECONDS ?= 120
ci-rest: $(PROGRAM)
	@FUZZ_SECONDS=2 SOAK_SECONDS=$(CI_SOAK_SECONDS) $(RUN_TESTS) analyze package fuzz soak

ci-asan:
	@SPANTOP_BUILD=$(BUILD)/asan SPANTOP_BIN=$(abspath $(BUILD)/asan/spantop) tests/tools/run-tests unit e2e=$(ASAN_FILES)

ci-tsan:
	@SPANTOP_BUILD=$(BUILD)/tsan SPANTOP_BIN=$(abspath $(BUILD)/tsan/spantop) tests/tools/run-tests unit e2e=$(TSAN_FILES)

# As on a system that has neither epoll nor anything else that not all have.
ci-none:
	@SPANTOP_BUILD=$(BUILD)/none/release SPANTOP_BIN=$(abspath $(BUILD)/none/spantop) tests/tools/run-tests unit e2e=$(NONE_FILES)

ci-valgrind:
	@$(MAKE) --no-print-directory VALGRIND_FILES=security_redact valgrind-run

.PHONY: sanitized
sanitized:
	@$(RUN_TESTS) unit e2e ui

layers:
	@tests/tools/check-layers

# Which lines the tests run; the counts of an earlier run are thrown away first.
.PHONY: coverage coverage-run
coverage:
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=cov build-tests
	@$(MAKE) --no-print-directory FLAVOUR=cov coverage-run

coverage-run:
	@find $(OUT) -name '*.gcda' -delete
	-@$(RUN_TESTS) unit e2e ui
	@tests/tools/coverage $(OUT) 85

# ---- Analyzers: what is silenced, and why, stands in place -----------------------
# gcc -fanalyzer, cppcheck and clang-tidy (.clang-tidy).  The simulator and the
# dashboard are looked at like the rest.
.PHONY: analyze analyze-run analyze-gcc analyze-cppcheck analyze-tidy
analyze:
	@sh tests/tools/deps build analyze
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=analyze analyze-run

analyze-run: analyze-gcc analyze-cppcheck analyze-tidy

ANALYZED := $(sort $(foreach layer,$(LAYERS),$(SOURCES_$(layer))) src/cli/main.c $(wildcard src/gateway/*_poll.c))

analyze-gcc: $(ANALYZED:%.c=$(OUT)/%.o)
	@echo "analyze gcc: nothing found in $(words $(ANALYZED)) files"

# One stamp a file, so that clang-tidy looks again only at what has changed.
# In CI only what the wire and the log pass through: clang-tidy needs 2 s a file.
TIDIED := $(if $(filter true,$(CI)),$(filter-out ui/% src/sim/% src/cli/%,$(ANALYZED)),$(ANALYZED))
analyze-tidy: $(TIDIED:%.c=$(OUT)/%.tidy)
	@echo "analyze clang-tidy: nothing found in $(words $(TIDIED)) files"

$(OUT)/%.tidy: %.c .clang-tidy | $(GENERATED)
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -std=c11 $(CPPFLAGS_ALL) 2>/dev/null
	@touch $@

analyze-cppcheck: | $(GENERATED)
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppress=missingIncludeSystem --include=tests/tools/cppcheck.h \
	    -D_GNU_SOURCE '-DSPANTOP_VERSION=""' -D__linux__ -Isrc -I. -I$(BUILD)/gen src ui
	@echo "analyze cppcheck: nothing found"

# ---- Fuzzers: tests/fuzz/LAYER/fuzz_X.c, clang's libFuzzer ----------------------
# make fuzz              each one for FUZZ_SECONDS; what they find new stays in build/
# make fuzz FUZZ=sse     one of them
FUZZ          ?= *
FUZZ_SECONDS  ?= 30
FUZZ_SOURCES  := $(sort $(wildcard $(LAYERS:%=tests/fuzz/%/fuzz_$(FUZZ).c)))
FUZZ_PROGRAMS := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(FUZZ_SOURCES))

define fuzz_rule
$(OUT)/fuzz/$(1)/%: $(OUT)/tests/fuzz/$(1)/%.o $(call archives,$(1))
	@mkdir -p $$(@D)
	@echo "  LINK  $$@"
	@$$(CC) $$(LDFLAGS_ALL) -fsanitize=fuzzer -o $$@.new $$^ $$(PKG_LIBS) && mv -f $$@.new $$@
endef
$(foreach layer,$(LAYERS),$(eval $(call fuzz_rule,$(layer))))

.PHONY: fuzz fuzz-run
fuzz:
	@$(MAKE) --no-print-directory $(JOBS) FLAVOUR=fuzz CC=clang fuzz-run

fuzz-run: $(FUZZ_PROGRAMS)
	@tests/tools/fuzz $(FUZZ_SECONDS) $^

# ---- Bench: beside nginx and haproxy, in one run ---------------------------------
# BENCH=--quick for a look; BENCH='--only "40 streams"' for one scenario
BENCH ?=
BENCH_PROGRAMS := $(BUILD)/bench/load $(BUILD)/bench/origin

$(BUILD)/bench/%: tests/bench/%.c tests/bench/net.c tests/bench/net.h
	@mkdir -p $(@D)
	@$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) -O2 -o $@ $< tests/bench/net.c

# What routing costs a call: no network, so it stands apart.
$(BUILD)/bench/routing: $(OUT)/tests/bench/routing.o $(call archives,log)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

# Writes the large log that the dashboard is measured on.
$(BUILD)/bench/fill: $(OUT)/tests/bench/fill.o $(call archives,log)
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS)

.PHONY: bench bench-run bench-routing
bench-routing: $(BUILD)/bench/routing
	@$<

bench:
	@sh tests/tools/deps build bench
	@$(MAKE) --no-print-directory $(JOBS) bench-run

bench-run: $(PROGRAM) $(BENCH_PROGRAMS) $(BUILD)/bench/routing $(BUILD)/bench/fill
	@SPANTOP_BIN=$(abspath $(PROGRAM)) python3 tests/bench/bench.py --out $(BUILD)/bench/results.md $(BENCH)
	@SPANTOP_BIN=$(abspath $(PROGRAM)) python3 tests/bench/dashboard.py --out $(BUILD)/bench/results.md
	@$(BUILD)/bench/routing | tee -a $(BUILD)/bench/results.md

# ---- Pictures ----------------------------------------------------------------
.PHONY: screenshots
screenshots: $(PROGRAM)
	@sh tests/tools/deps pictures
	@SPANTOP_BIN=$(abspath $(PROGRAM)) tests/tools/screenshots

# ---- A machine with nothing but make, a compiler and apt -----------------------
.PHONY: deps test-deps run
deps:
	@sh tests/tools/deps build

test-deps:
	@sh tests/tools/deps build test

run: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@if [ -n "$$RESPAN_API_KEY" ]; then exec $(PROGRAM); else exec $(PROGRAM) demo; fi

# ---- Man pages: docs/man/NAME.SECTION.md -----------------------------------------
# Commands, options and settings come from the program's own tables, the rest of
# spantop-log(5) and spantop-routes(5) from docs/log.md and docs/routing.md.
MAN_PAGES := $(patsubst docs/man/%.md,$(BUILD)/man/%,$(sort $(wildcard docs/man/*.md)))

.PHONY: man
man: $(MAN_PAGES)

$(OUT)/man/tables: $(OUT)/docs/man/tables.o $(call archives,cli)
	@mkdir -p $(@D)
	@$(CC) $(LDFLAGS_ALL) -o $@.new $^ $(PKG_LIBS) && mv -f $@.new $@

$(BUILD)/man/%: docs/man/%.md docs/man/markdown.awk $(wildcard docs/*.md) $(OUT)/man/tables
	@mkdir -p $(@D)
	@echo "  MAN   $@"
	@awk -v version=$(VERSION) -v date=$(DATE) -v tables=$(OUT)/man/tables -f docs/man/markdown.awk $< > $@.new && mv -f $@.new $@

# ---- Install ---------------------------------------------------------------
# What goes where, as SOURCE=FOLDER/NAME; `uninstall` takes out just these.
BASH_COMPLETIONS ?= $(DATADIR)/bash-completion/completions
ZSH_COMPLETIONS  ?= $(DATADIR)/zsh/site-functions
FISH_COMPLETIONS ?= $(DATADIR)/fish/vendor_completions.d
MANDIR           ?= $(DATADIR)/man
DOCDIR           ?= $(DATADIR)/doc/spantop

COMPLETIONS := $(BUILD)/completions/spantop.bash $(BUILD)/completions/spantop.zsh $(BUILD)/completions/spantop.fish
$(COMPLETIONS): $(BUILD)/completions/spantop.%: $(PROGRAM)
	@mkdir -p $(@D)
	@$(PROGRAM) completion $* > $@.new && mv -f $@.new $@

INSTALLED_DATA = \
    $(BUILD)/completions/spantop.bash=$(BASH_COMPLETIONS)/spantop \
    $(BUILD)/completions/spantop.zsh=$(ZSH_COMPLETIONS)/_spantop \
    $(BUILD)/completions/spantop.fish=$(FISH_COMPLETIONS)/spantop.fish \
    $(foreach page,$(MAN_PAGES),$(page)=$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
    $(foreach text,LICENSE README.md SECURITY.md CHANGELOG.md,$(text)=$(DOCDIR)/$(text)) \
    $(foreach text,$(sort $(wildcard docs/*.md)),$(text)=$(DOCDIR)/docs/$(notdir $(text)))

source_of = $(word 1,$(subst =, ,$(1)))
target_of = $(DESTDIR)$(word 2,$(subst =, ,$(1)))

.PHONY: install uninstall clean
install: $(PROGRAM) $(COMPLETIONS) $(MAN_PAGES)
	@install -d "$(DESTDIR)$(BINDIR)"
	install -m 755 $(PROGRAM) "$(DESTDIR)$(BINDIR)/spantop"
	@put() { install -d "$${2%/*}" && install -m 644 "$$1" "$$2"; }; \
	    $(foreach file,$(INSTALLED_DATA),put $(call source_of,$(file)) "$(call target_of,$(file))" &&) :
	@echo "installed spantop, $(words $(MAN_PAGES)) man pages, completions and documents below $(DESTDIR)$(PREFIX)"

uninstall:
	@rm -f "$(DESTDIR)$(BINDIR)/spantop" $(foreach file,$(INSTALLED_DATA),"$(call target_of,$(file))")
	@-rmdir "$(DESTDIR)$(DOCDIR)/docs" "$(DESTDIR)$(DOCDIR)" 2>/dev/null || :
	@echo "removed spantop below $(DESTDIR)$(PREFIX)"

# ---- A Debian package: data/debian/ --------------------------------------------
.PHONY: deb
deb:
	@sh tests/tools/deps build package
	@$(MAKE) --no-print-directory $(JOBS) deb-built

.PHONY: deb-built
deb-built: $(PROGRAM) $(COMPLETIONS) $(MAN_PAGES)
	@rm -rf $(BUILD)/deb
	@$(MAKE) --no-print-directory DESTDIR=$(BUILD)/deb/debian/spantop PREFIX=/usr ZSH_COMPLETIONS=/usr/share/zsh/vendor-completions install >/dev/null
	@sh data/debian/build $(BUILD)/deb $(VERSION)
	@ls $(BUILD)/deb/*.deb

clean:
	rm -rf $(BUILD)

# ---- Help ------------------------------------------------------------------
.PHONY: help
help:
	@echo "make              build $(PROGRAM)"
	@echo "make run          install what is missing, build, open the dashboard (demo without RESPAN_API_KEY)"
	@echo "make test         install what the tests need, build, run every test"
	@echo "make unit         unit tests           make e2e          tests on real sockets"
	@echo "make ui-test      tests of the screens make client-test  tests with the real Claude Code"
	@echo "make asan-test    unit, e2e and ui tests under AddressSanitizer and UBSan"
	@echo "make tsan-test    the same under ThreadSanitizer"
	@echo "make analyze      gcc -fanalyzer, cppcheck, clang-tidy"
	@echo "make valgrind     a session under valgrind"
	@echo "make soak         mixed load and faults for SOAK_SECONDS=$(SOAK_SECONDS)"
	@echo "make fuzz         the fuzzers, FUZZ_SECONDS=$(FUZZ_SECONDS) each (clang)"
	@echo "make bench        beside nginx and haproxy in one run (BENCH=--quick for a look)"
	@echo "make bench-routing  what choosing a route and switching a body cost (part of make bench)"
	@echo "make coverage     which lines the unit, e2e and ui tests run"
	@echo "make layers       check that each layer includes only what lies above it"
	@echo "make screenshots  the demo as pictures, into screenshots/"
	@echo "make deps         install what building needs"
	@echo "make man          the man pages, into $(BUILD)/man/"
	@echo "make install      into PREFIX=$(PREFIX), below DESTDIR;  make uninstall"
	@echo "make deb          a Debian package of this machine's kind, into $(BUILD)/deb/"
	@echo "make clean        remove $(BUILD)/"

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
