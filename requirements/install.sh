#!/bin/sh
# Makes or completes the environment of the tested stack. Called by the Makefile.
set -eu
: "${PYTHON:=python3.11}" "${VENV:=.venv}"
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    version='not to be found'
if [ "$version" != 3.11 ]; then
    echo "tskd_mm is tested on Python 3.11, but $PYTHON is $version." >&2
    echo "Install Python 3.11, or name it: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
fi

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
install() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint requirements/constraints.txt "$@"
}

say 'build tools (seconds)'
install pip setuptools wheel ninja numpy
say 'torch and torchvision (a minute or two, some gigabytes)'
install torch torchvision
if ! "$VENV/bin/python" -c 'import mmcv.ops' 2>/dev/null; then
    say 'mmcv: compiles its operators, about 10 minutes on two cores; pip keeps the result'
    install --no-build-isolation mmcv
fi
say 'everything else (a minute)'
install -r requirements/runtime.txt -r requirements/demo.txt -r requirements/dev.txt
install --no-build-isolation --no-deps --editable .
say "$VENV is ready"
