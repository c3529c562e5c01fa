#!/usr/bin/env bash
# Train the model of 89 elements in pieces, for a GPU that is there for some minutes at a time.
#
#   examples/universal/train_on_gpu.sh DATA FOLDER [SECONDS [OPTION of alignn-ff train]…]
#
# DATA is written by prepare.py, packed or not. After SECONDS (default 540) the step is finished and everything that the
# next piece needs is in FOLDER, some MB; the same command continues, also on another machine. Graphs are built anew by
# each piece, in a folder of their own that is removed. PYTHON names the interpreter.
#
#   examples/universal/train_on_gpu.sh train.extxyz.xz universal 540 --set batch_size=64 --set learning_rate=5e-4
set -euo pipefail

if [ $# -lt 2 ]; then
    sed -n '2,12s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
data=$1 folder=$2 seconds=${3:-540}
shift $(($# < 3 ? $# : 3))
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

case $data in
*.xz) xz -dc "$data" >"$scratch/train.extxyz" ;;
*.gz) gzip -dc "$data" >"$scratch/train.extxyz" ;;
*) ln -s "$(realpath "$data")" "$scratch/train.extxyz" ;;
esac

resume=()
[ -e "$folder/training_state.pt" ] && resume=(--resume)
code=0
timeout --signal=TERM --kill-after=60 "$seconds" \
    "${PYTHON:-python3}" -c "from alignn_ff.cli import main; main()" train "$here/config.json" \
    --data "$scratch/train.extxyz" --output "$folder" --set "filename=$scratch/graphs" "${resume[@]}" "$@" || code=$?
if [ $code -ne 124 ]; then
    exit $code
elif [ -e "$folder/training_state.pt" ]; then
    echo "$seconds seconds are over; the same command continues from $folder"
else
    echo "$seconds seconds are over before a step was taken; give more" >&2
    exit 1
fi
