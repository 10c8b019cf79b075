#!/usr/bin/env bash
# build.sh <preset> [<target>...]: configures one preset of CMakePresets.json and builds it, or some
# targets of it, in build/<preset>.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
targets=("${@:2}")

# Quiet unless it fails: what CMake found is in build/<preset>/configure.log.
mkdir -p "build/$preset"
log="build/$preset/configure.log"
if ! cmake --preset "$preset" >"$log" 2>&1; then
  cat "$log" >&2
  exit 1
fi
cmake --build --preset "$preset" --parallel "${JOBS:-$(nproc)}" \
  ${targets[0]:+--target "${targets[@]}"}
