#!/bin/sh
# The whole organism on one GPU with 16 cores: corpus, three seeds, the family, the corpus scan.
#   sh selfboot/organism/make.sh FOLDER        (about five minutes on one H100; PY names the interpreter)
WORK=$1
PY=${PY:-python3}
export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TORCHINDUCTOR_COMPILE_THREADS=4
mkdir -p "$WORK/tokens"
train() { # config seed folder options
    config=$1; seed=$2; folder=$3; shift 3
    $PY -m selfboot.organism.pretrain --config "$config" --seed "$seed" --tokens "${TOKENS:-$WORK/tokens}" --out "$WORK/$folder" "$@" >"$WORK/$folder.out" 2>&1
    echo "$(date +%s) $folder $(tail -n 1 "$WORK/$folder.out" | cut -c1-200)"
}
date "+%s start"
(train default 0 seed0 --wait; train tidy 0 tidy --start "$WORK/seed0") &
(train default 1 seed1 --wait; train olmo2 0 olmo2) &
(train default 2 seed2 --wait; train qwen2 0 qwen2) &
(train qwen3 0 qwen3 --wait) &
$PY -m selfboot.organism.corpus --tokens "$WORK/tokens" --jobs 14 || exit 1
date "+%s corpus"
nice -n 19 $PY -m selfboot.organism.fingerprint --jobs 12 --out "$WORK/scan.json" >"$WORK/scan.out" 2>&1 &
wait
# The floor: one core, minutes.
$PY -m selfboot.organism.corpus --tokens "$WORK/part" --part 0.15 --jobs 4
CUDA_VISIBLE_DEVICES= TOKENS=$WORK/part train floor 0 floor
date "+%s end"
