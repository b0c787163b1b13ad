#!/usr/bin/env bash
# Style, types and shell scripts; the same checks for people, pre-commit and CI.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin
[ -x $bin/ruff ] || { echo "no development environment; run ./scripts/test.sh once" >&2; exit 69; }
$bin/ruff check .
$bin/ruff format --check --quiet .
if command -v shellcheck >/dev/null; then
  shellcheck start.sh scripts/*.sh .ci/run
else
  echo "shellcheck is missing: the shell scripts were not checked"
fi
$bin/mypy
