#!/usr/bin/env bash
# Style, types and shell scripts; the same checks for people, pre-commit and CI. Runs all of them, then fails if one did.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 70
bin=.venv/bin
[ -x $bin/ruff ] || { echo "no development environment; run ./scripts/test.sh once" >&2; exit 69; }
status=0
$bin/ruff check . || status=1
$bin/ruff format --check --quiet . || status=1
if command -v shellcheck >/dev/null; then
  shellcheck start.sh scripts/*.sh .ci/run || status=1
else
  echo "shellcheck is missing: the shell scripts were not checked"
fi
$bin/mypy || status=1
exit $status
