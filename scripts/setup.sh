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

missing_packages() {
  local package status
  for package in "${packages[@]}"; do
    # One line a package; nothing at all for a package that was never installed.
    status=$(awk -v name="$package" '$1 == name && $2 == "ii" { print "yes"; exit }' <<<"$1")
    [[ $status == yes ]] || echo "$package"
  done
}

install_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not Debian; what the build needs goes by these names there:" >&2
    echo "  ${packages[*]}" >&2
    return
  fi
  local installed missing as_root=()
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Abbrev}\n' "${packages[@]}" 2>/dev/null || true)
  mapfile -t missing < <(missing_packages "$installed")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  if [[ $(id -u) -ne 0 ]]; then
    if ! sudo -n true 2>/dev/null; then
      echo "setup: packages are missing and this user may not install them. Run:" >&2
      echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
      exit 1
    fi
    as_root=(sudo -n)
  fi
  echo "setup: installing ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
}

# Whether the LibTorch that will be used is there; the long way is fetch_libtorch.py.
have_libtorch() {
  local cache=${FF_CACHE:-$HOME/.cache/fastforward} version=${FF_TORCH_VERSION:-}
  if [[ -z $version ]]; then
    [[ -f $cache/libtorch-default ]] || return 1
    version=$(<"$cache/libtorch-default")
  fi
  [[ -f $cache/libtorch-$version/torch/lib/libtorch_cpu.so ]]
}

install_packages
if [[ -z ${LIBTORCH_ROOT:-} ]] && ! have_libtorch; then
  python3 scripts/fetch_libtorch.py >/dev/null
fi
