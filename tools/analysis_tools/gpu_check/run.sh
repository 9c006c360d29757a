#!/usr/bin/env bash
# Runs sections on the machine that the packed folder was brought to: run.sh SECTION...
# Environment: OUT (results), DEVICE (cuda), TINY (1: small images), LIMIT (seconds a section).
# The section 'unit' runs next to those after it, up to one that measures time.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${OUT:-$here/out}") python=${PYTHON:-python3}
project=$here/project site=$here/site
mkdir -p "$out"
if [ ! -f "$site/.done" ]; then
    mkdir -p "$site" "$project"
    tar xzf "$here/project.tar.gz" -C "$project" &&
        "$python" -m pip install -q --no-index --no-deps --target "$site" "$here"/wheels/*.whl &&
        cp "$here/stand_in/mmcv/_ext.py" "$site/mmcv/_ext.py" &&
        # transformers from 5 on break the import of mmpretrain 1.3.6's multimodal models
        echo 'WITH_MULTIMODAL = False' >>"$site/mmpretrain/utils/dependency.py" &&
        touch "$site/.done" || exit 1
fi
export PYTHONPATH=$site:$project TSKD_SHARED_DATA=/nonexistent OMP_NUM_THREADS=${OMP_NUM_THREADS:-4}
cd "$project" || exit 1
unit=
end_unit() {
    [ -n "$unit" ] && wait "$unit" && unit=
    tail -n 20 "$out/unit.log" 2>/dev/null
}
for section in "$@"; do
    case $section in
    unit)
        "$python" -W ignore -m pytest -q -n 12 -p no:cacheprovider -m 'not slow' tests/test_models \
            tests/test_engine tests/test_parity.py >"$out/unit.log" 2>&1 &
        unit=$!
        continue
        ;;
    perf* | batch* | syncs* | compile*) end_unit ;;
    esac
    timeout -k 5 "${LIMIT:-300}" "$python" -W ignore -m tools.analysis_tools.gpu_check "$section" \
        --data "$here/data" --out "$out" --device "${DEVICE:-cuda}" ${TINY:+--tiny} 2>&1 |
        tee -a "$out/log.txt"
done
end_unit
grep -c FAILED "$out/check.jsonl"
exit 0
