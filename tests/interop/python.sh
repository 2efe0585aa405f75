#!/usr/bin/env bash
# The official Python SDKs against volc-emulator: volcenginesdk-ecs, and the generation before it, volcengine. See
# emulators.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/interop/emulators.sh

# The first pins volcenginesdk-core, its signer, to the same version; the second is its own.
packages=(volcenginesdk-ecs==5.0.54 volcengine==1.0.229)
folder=target/interop/python

command -v python3 >/dev/null || skip "no python3"
installed=$("$folder/bin/pip" freeze 2>/dev/null || true)
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" && continue
  python3 -m venv --clear "$folder" || skip "python3 cannot make a virtual environment (Debian: python3-venv)"
  "$folder/bin/pip" install -q "${packages[@]}" || skip "${packages[*]} could not be installed"
  break
done
python() {
  alone PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE=1 "$folder/bin/python" "$@"
}

cargo build -q -p volc-emulator
python "$here/python/forced.py" "$here/errors.json" >"$folder/faults.json"
failed=0
for sdk in new_sdk old_sdk; do
  start
  urls=("$url")
  start --scenario "$folder/faults.json"
  urls+=("$url")
  if [ "$sdk" = new_sdk ]; then
    start --scenario docs/lost-reply.json
    urls+=("$url")
  fi
  python "$here/python/scenarios.py" "$sdk" "${urls[@]}" || failed=1
done
exit "$failed"
