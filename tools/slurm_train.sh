#!/usr/bin/env bash
# Train on a Slurm cluster: slurm_train.sh PARTITION JOB CONFIG WORK_DIR [flags of train.py]
# GPUS (8), GPUS_PER_NODE (8), CPUS_PER_TASK (5) and SRUN_ARGS say how.
[ $# -ge 4 ] || { echo "usage: slurm_train.sh PARTITION JOB CONFIG WORK_DIR [flags of train.py]" >&2; exit 2; }
set -eu
partition=$1 job=$2 config=$3 work_dir=$4
shift 4
exec srun --partition="$partition" --job-name="$job" --kill-on-bad-exit=1 \
    --ntasks="${GPUS:-8}" --ntasks-per-node="${GPUS_PER_NODE:-8}" \
    --gres="gpu:${GPUS_PER_NODE:-8}" --cpus-per-task="${CPUS_PER_TASK:-5}" \
    ${SRUN_ARGS:-} python -u "$(dirname "$0")/train.py" "$config" \
    --work-dir "$work_dir" --launcher slurm "$@"
