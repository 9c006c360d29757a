#!/bin/sh
# Installs MMCV with its compiled operators: OpenMMLab's prebuilt wheel where it can be
# fetched, or else compiled from the source. Called by install.sh, which names STACK and
# VENV, with the name of the distribution: mmcv or onedl-mmcv.
set -eu
: "${STACK:?}" "${VENV:?}" "${PROGRESS_SECONDS:=60}"
: "${MMCV_WHEELS:=https://download.openmmlab.com/mmcv/dist}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }

run_pip() {
    command=$1
    shift
    "$VENV/bin/python" -m pip "$command" --quiet --disable-pip-version-check \
        --constraint "requirements/$STACK.constraints.txt" "$@"
}

works() { "$VENV/bin/python" -c 'import mmcv.ops' 2>/dev/null; }

# Where the index has the wheels for the installed PyTorch, such as cu121/torch2.1.0.
build_of_torch() {
    "$VENV/bin/python" -c '
import torch
cuda, release = torch.version.cuda, torch.__version__.split(".")
platform = "cu" + cuda.replace(".", "") if cuda else "cpu"
print(f"{platform}/torch{release[0]}.{release[1]}.0")'
}

install_wheel() {
    index="$MMCV_WHEELS/$(build_of_torch)/index.html"
    say "$1: a prebuilt wheel from $index (a minute)"
    run_pip download --no-index --find-links "$index" --timeout 5 --retries 0 \
        --only-binary :all: --no-deps --dest "$scratch" "$1" 2>/dev/null || {
        echo 'It cannot be fetched there: no answer in 5 seconds, or no such wheel.'
        return 1
    }
    run_pip install "$scratch/$1"-*.whl || return 1
    works && return
    echo "The wheel does not work with this PyTorch: import mmcv.ops fails."
    "$VENV/bin/python" -m pip uninstall --quiet --yes "$1"
    return 1
}

# Every minute, until this script ends, how many files of the build are compiled.
show_progress() {
    while sleep "$PROGRESS_SECONDS" >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        files=$(find "$scratch" -name build.ninja -exec cat {} + |
            grep -c '^build .*: [a-z_]*compile ') || continue
        compiled=$(find "$scratch" -name '*.o' | wc -l)
        echo "   $compiled of $files files compiled"
    done
}

compile() {
    say "$1: compiles its operators, about 5 minutes on two quiet cores; pip keeps them"
    show_progress &
    # Python's own flags ask for debug information, which takes half of the time.
    TMPDIR=$scratch CFLAGS="${CFLAGS:-} -g0" \
        MAX_JOBS=${MAX_JOBS:-$(env -u OMP_NUM_THREADS nproc)} \
        run_pip install --no-build-isolation "$1"
    kill $! 2>/dev/null || :
}

if [ "$1" = mmcv ] && install_wheel "$1"; then
    exit
fi
compile "$1"
