#!/usr/bin/env bash
# Train in several processes: dist_train.sh CONFIG PROCESSES [flags of train.py]
[ $# -ge 2 ] || { echo "usage: dist_train.sh CONFIG PROCESSES [flags of train.py]" >&2; exit 2; }
set -eu
config=$1 processes=$2
shift 2
exec torchrun --nproc_per_node="$processes" --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    "$(dirname "$0")/train.py" "$config" --launcher pytorch "$@"
