#!/usr/bin/env bash
# Test on a Slurm cluster: slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [flags of test.py]
# GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5) and SRUN_ARGS say how.
[ $# -ge 4 ] || { echo "usage: slurm_test.sh PARTITION JOB CONFIG CHECKPOINT [flags of test.py]" >&2; exit 2; }
set -eu
partition=$1 job=$2 config=$3 checkpoint=$4
shift 4
exec srun --partition="$partition" --job-name="$job" --kill-on-bad-exit=1 \
    --ntasks="${GPUS:-8}" --ntasks-per-node="${GPUS_PER_NODE:-8}" \
    --gres="gpu:${GPUS_PER_NODE:-8}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    ${SRUN_ARGS:-} python -u "$(dirname "$0")/test.py" "$config" "$checkpoint" \
    --launcher slurm "$@"
