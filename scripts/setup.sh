#!/usr/bin/env bash
# Installs what the build needs and is missing: Debian packages, and LibTorch into the cache. When
# all is there it only looks, and takes a moment. FF_CACHE, FF_TORCH_VERSION and LIBTORCH_ROOT are
# explained in fetch_libtorch.py.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache clang-format-14 python3-pip
  libhwy-dev nlohmann-json3-dev libcli11-dev zlib1g-dev nettle-dev
  libgtest-dev librapidcheck-dev libre2-dev
  dataset-fashion-mnist
)

# Whether the LibTorch that will be used is there; the long way is fetch_libtorch.py.
have_libtorch() {
  local cache=${FF_CACHE:-$HOME/.cache/fastforward} version=${FF_TORCH_VERSION:-}
  if [[ -z $version ]]; then
    [[ -f $cache/libtorch-default ]] || return 1
    version=$(<"$cache/libtorch-default")
  fi
  [[ -f $cache/libtorch-$version/torch/lib/libtorch_cpu.so ]]
}

scripts/install_packages.sh setup "${packages[@]}"
if [[ -z ${LIBTORCH_ROOT:-} ]] && ! have_libtorch; then
  python3 scripts/fetch_libtorch.py >/dev/null
fi
