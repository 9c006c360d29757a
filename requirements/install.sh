#!/bin/sh
# Makes or completes the environment of a tested stack. Called by the Makefile.
set -eu
: "${STACK:=upstream}" "${PYTHON:=python3.11}" "${VENV:=.venv}"
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

case $STACK in
upstream) mmcv=mmcv tested='3.11' ;;
modern) mmcv=onedl-mmcv tested='3.11 3.12' ;;
*)
    echo "STACK is upstream or modern, but found $STACK." >&2
    exit 1
    ;;
esac
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    version='not to be found'
case " $tested " in
*" $version "*) ;;
*)
    echo "The $STACK stack is tested on Python $tested, but $PYTHON is $version." >&2
    echo "Install that, or name it: make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
    ;;
esac

[ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
install() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "requirements/$STACK.constraints.txt" "$@"
}

say 'build tools (seconds)'
install pip setuptools wheel ninja numpy
say 'torch and torchvision (a minute or two, some gigabytes)'
install torch torchvision
if ! "$VENV/bin/python" -c 'import mmcv.ops' 2>/dev/null; then
    STACK=$STACK VENV=$VENV sh requirements/install_mmcv.sh "$mmcv"
fi
say 'everything else (a minute)'
install -r requirements/runtime.txt -r "requirements/$STACK.txt" \
    -r requirements/demo.txt -r requirements/dev.txt
install --no-build-isolation --no-deps --editable .
say "$VENV is ready"
