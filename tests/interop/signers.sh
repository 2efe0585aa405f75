#!/usr/bin/env bash
# The official signers against ours, on random requests: volcenginesdk-core for Python and @volcengine/openapi for Node. Where
# the two have to agree is said by signers/python.py and signers/node.mjs, with a reason for each difference.
#
#   tests/interop/signers.sh [SEED]
#
# Exits 0 when all came out as expected. Where a language or its package cannot be had the other one is still compared; then it
# exits 69, with the reason as its last line. All it installs goes to target/interop/signers.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

here=tests/interop/signers
folder=target/interop/signers
package=volcenginesdk-core==5.0.54
# So many that each signer has 10,000 that have to be signed alike.
count=12000

missing=()
left_out() { # left_out REASON
  echo "$1"
  missing+=("$1")
}

python_signer() {
  command -v python3 >/dev/null || { left_out "no python3"; return; }
  if ! "$folder/python/bin/pip" freeze 2>/dev/null | grep -qxF "$package"; then
    python3 -m venv --clear "$folder/python" || { left_out "python3 cannot make a virtual environment (Debian: python3-venv)"; return; }
    "$folder/python/bin/pip" install -q "$package" || { left_out "$package could not be installed"; return; }
  fi
  PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1 "$folder/python/bin/python" "$here/python.py" "$folder/requests.jsonl"
}

node_signer() {
  command -v npm >/dev/null || { left_out "no npm"; return; }
  if ! cmp -s "$here/package-lock.json" "$folder/node/package-lock.json" || [ ! -d "$folder/node/node_modules" ]; then
    mkdir -p "$folder/node"
    cp "$here/package.json" "$here/package-lock.json" "$folder/node"
    npm ci --prefix "$folder/node" --ignore-scripts --no-audit --no-fund --loglevel=error || {
      rm -f "$folder/node/package-lock.json" # half an installation is none
      left_out "@volcengine/openapi could not be installed"
      return
    }
  fi
  node "$here/node.mjs" "$folder/requests.jsonl" "$folder/node"
}

mkdir -p "$folder"
cargo run -q -p volc-tests --bin signed-requests -- "$count" "${1:-1}" >"$folder/requests.jsonl"
failed=0
python_signer || failed=1
node_signer || failed=1
if [ "$failed" = 0 ] && [ "${#missing[@]}" -gt 0 ]; then
  IFS=';'
  echo "${missing[*]}"
  exit 69
fi
exit "$failed"
