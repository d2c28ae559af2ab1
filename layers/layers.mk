# How layers are made. A layer is a folder here with a target of its own, which says what is in it, and a resource of
# template.yaml. One that holds libraries names an extra of pyproject.toml (EXTRA), and the extras whose layers a function
# has anyway (BELOW): what those hold, it leaves out. What is required and never imported is named, too (UNUSED). No package is in two layers of a function.
#
# Never run by itself: platforms/<Architecture>/Makefile names the wheels' platform and includes it. The template's
# Architecture parameter chooses that file (ContextPath), so what is built cannot differ from what is declared.
# SAM runs the target in a copy of the layer's folder, which is why the lock is found from this file's own path.

RUNTIME := 3.13
LAYERS := $(dir $(lastword $(MAKEFILE_LIST)))
ROOT := $(abspath $(LAYERS)..)
UV ?= $(firstword $(wildcard $(ROOT)/.venv/bin/uv) uv)
# Compiles for the runtime, so it has to be of its version. pyenv's programs answer for the version that is asked for.
RUNTIME_PYTHON ?= python$(RUNTIME)
COMPILER = PYENV_VERSION=$(RUNTIME) "$(RUNTIME_PYTHON)"
PACKAGES = $(ARTIFACTS_DIR)/python

# The runtime has boto3, and botocore with it.
EXPORT = "$(UV)" export --quiet --project "$(ROOT)" --frozen --no-dev --no-emit-project --no-header --no-annotate \
  --prune boto3 --prune botocore $(UNUSED:%=--prune %)

define install_libraries
@test -n "$(PLATFORM)" || { echo "no PLATFORM: build through platforms/<architecture>/Makefile" >&2; exit 1; }
@command -v "$(UV)" >/dev/null || { echo "uv is missing: run 'make install' first" >&2; exit 1; }
mkdir -p "$(PACKAGES)"
$(EXPORT) --extra $(EXTRA) --output-file all.lock
: > below.lock
$(if $(BELOW),$(EXPORT) $(BELOW:%=--extra %) --output-file below.lock)
grep -vxFf below.lock all.lock > requirements.lock
"$(UV)" pip install --quiet --no-deps --require-hashes --only-binary :all: --link-mode copy \
  --python-version $(RUNTIME) --python-platform "$(PLATFORM)" --target "$(PACKAGES)" --requirement requirements.lock
rm -rf "$(PACKAGES)/bin" "$(PACKAGES)/.lock"
find "$(PACKAGES)" -name tests -type d -prune -exec rm -rf {} +
endef

# A function cannot write where its layers are: modules that are not compiled here are compiled at every cold start.
# unchecked-hash, because packaging changes the files' times, by which Python would take what is compiled for out of date.
define compile
find "$(ARTIFACTS_DIR)" -name __pycache__ -type d -prune -exec rm -rf {} +
@if $(COMPILER) -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(RUNTIME)")' 2>/dev/null; then \
  $(COMPILER) -m compileall -q --invalidation-mode unchecked-hash -s "$(ARTIFACTS_DIR)" -p /opt "$(PACKAGES)"; \
else \
  echo "No Python $(RUNTIME) here: $(@:build-%=%) is built all the same, but its modules are compiled at every cold start."; \
fi
endef

include $(wildcard $(LAYERS)*/Makefile)
