#!/usr/bin/env bash
# install_packages.sh <caller> <package>...: installs those of the Debian packages that are missing.
# When all are there it only looks, and takes a moment. <caller> begins what it says.
set -euo pipefail
caller=$1
packages=("${@:2}")

missing_packages() {
  local package status
  for package in "${packages[@]}"; do
    # One line a package; nothing at all for a package that was never installed.
    status=$(awk -v name="$package" '$1 == name && $2 == "ii" { print "yes"; exit }' <<<"$1")
    [[ $status == yes ]] || echo "$package"
  done
}

if ! command -v dpkg-query >/dev/null; then
  echo "$caller: this is not Debian; what is needed goes by these names there:" >&2
  echo "  ${packages[*]}" >&2
  exit
fi
installed=$(dpkg-query -W -f='${Package} ${db:Status-Abbrev}\n' "${packages[@]}" 2>/dev/null || true)
mapfile -t missing < <(missing_packages "$installed")
[[ ${#missing[@]} -gt 0 ]] || exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! sudo -n true 2>/dev/null; then
    echo "$caller: packages are missing and this user may not install them. Run:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo -n)
fi
echo "$caller: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null
