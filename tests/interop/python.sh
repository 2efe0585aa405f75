#!/usr/bin/env bash
# The official Python SDK against volc-emulator. Our client and our emulator share one reading of the documents; here a
# foreign client, which signs with code of its own, has to agree with it.
#
# Exits 0 when everything came out as expected, 69 (with the reason as its last line) where Python, venv or the package
# cannot be had, and with another status otherwise. All it installs goes to target/interop/python.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

sdk=volcenginesdk-ecs==5.0.54 # pins volcenginesdk-core, the signer, to the same version
venv=target/interop/python
here=tests/interop

skip() {
  echo "$1"
  exit 69
}

command -v python3 >/dev/null || skip "no python3"
if ! "$venv/bin/pip" freeze 2>/dev/null | grep -qxF "$sdk"; then
  python3 -m venv --clear "$venv" || skip "python3 cannot make a virtual environment (Debian: python3-venv)"
  "$venv/bin/pip" install -q "$sdk" || skip "$sdk could not be installed"
fi

cargo build -q -p volc-emulator
exec 3< <(exec cargo run -q -p volc-emulator -- "$here/emulator.json" --listen 127.0.0.1:0)
emulator=$!
trap 'kill "$emulator" 2>/dev/null && wait "$emulator" || true' EXIT
read -r -t 60 line <&3 || { echo "the emulator did not say where it listens"; exit 1; }
case $line in
  "listening on http://127.0.0.1:"*) ;;
  *) echo "expected 'listening on http://127.0.0.1:PORT' from the emulator, found: $line"; exit 1 ;;
esac

# The SDK would send even loopback requests through a proxy named in the environment.
env -u http_proxy -u HTTP_PROXY PYTHONUTF8=1 "$venv/bin/python" "$here/delete_images.py" "${line#listening on }" "$here/emulator.json"
