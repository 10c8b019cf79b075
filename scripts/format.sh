#!/usr/bin/env bash
# Formats all C++ files of the working tree, or only compares with --check. Another clang-format
# than 14 formats differently, so there is no choice of version.
set -euo pipefail
cd "$(dirname "$0")/.."

format=clang-format-14
if ! command -v "$format" >/dev/null; then
  echo "format.sh: $format is missing: apt-get install clang-format-14" >&2
  exit 1
fi
arguments=(-i)
[[ ${1:-} == --check ]] && arguments=(--dry-run -Werror)

# A file that is tracked but deleted in the working tree is still listed.
git ls-files -z --cached --others --exclude-standard -- '*.h' '*.cpp' |
  while IFS= read -r -d '' file; do if [[ -f $file ]]; then printf '%s\0' "$file"; fi; done |
  xargs -0 -r -n 20 -P "$(nproc)" "$format" --style=file "${arguments[@]}"
