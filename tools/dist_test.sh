#!/usr/bin/env bash
# Test in several processes: dist_test.sh CONFIG CHECKPOINT PROCESSES [flags of test.py]
[ $# -ge 3 ] || { echo "usage: dist_test.sh CONFIG CHECKPOINT PROCESSES [flags of test.py]" >&2; exit 2; }
set -eu
config=$1 checkpoint=$2 processes=$3
shift 3
exec torchrun --nproc_per_node="$processes" --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$(dirname "$0")/test.py" "$config" "$checkpoint" --launcher pytorch "$@"
