#!/usr/bin/env bash
# Packs the project at HEAD for a machine without a package index:
#   pack.sh FOLDER DATA WHEELS
# FOLDER is made. DATA holds coco_tiny/ and cifar10_lossless_5k/ and cifar10_teachers/
# as TSKD_SHARED_DATA does, WHEELS the host packages and what they need but PyTorch.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1 data=$2 wheels=$3
mkdir -p "$folder"
project=$(git -C "$here" rev-parse --show-toplevel)
git -C "$project" archive --format=tar.gz -o "$(realpath "$folder")/project.tar.gz" HEAD
cp "$here/run.sh" "$folder/"
cp -r "$here/stand_in" "$folder/"
cp -r "$wheels" "$folder/wheels"
"${PYTHON:-python3}" "$here/small_data.py" "$data" "$folder/data"
du -sh "$folder"
