# Sourced by the scripts beside it, from the repository's root: what they have in common.
#
# Each of them drives an SDK of other people against volc-emulator. Our client and our emulator share one reading of the
# documents; here a foreign client, which signs with code of its own, has to agree with it. What is called and what has to
# come of it is data, the same for every SDK: calls.json, and errors.json for errors that are forced. What differs is how an
# SDK sends again and what it makes of a redirect: the scenarios say what is expected there, and a recorder in front of the
# emulator keeps what the SDK sent.
#
# A script exits 0 when everything came out as expected, 69 (with the reason as its last line) where its language or its
# packages cannot be had, and with another status otherwise. All it installs goes to target/interop.

here=tests/interop
emulators=()
trap 'for emulator in ${emulators[@]+"${emulators[@]}"}; do kill "$emulator" 2>/dev/null && wait "$emulator" || true; done' EXIT

skip() { # skip REASON
  echo "$1"
  exit 69
}

# start ARGUMENT...: an emulator of emulator.json; `url` says where it listens. Until the script ends.
start() {
  local output line
  exec {output}< <(exec cargo run -q -p volc-emulator -- "$here/emulator.json" --listen 127.0.0.1:0 "$@")
  emulators+=($!)
  # It was built already, but another build may hold cargo's lock.
  read -r -t 300 line <&"$output" || { echo "the emulator did not say where it listens"; exit 1; }
  case $line in
    "listening on http://127.0.0.1:"*) url=${line#listening on } ;;
    *) echo "expected 'listening on http://127.0.0.1:PORT' from the emulator, found: $line"; exit 1 ;;
  esac
}

# SDKs would send even loopback requests through a proxy named in the environment, and take keys from there.
alone() { # alone COMMAND...
  env -u http_proxy -u HTTP_PROXY -u https_proxy -u HTTPS_PROXY -u all_proxy -u ALL_PROXY \
    -u VOLC_ACCESSKEY -u VOLC_SECRETKEY -u VOLCENGINE_ACCESS_KEY -u VOLCENGINE_SECRET_KEY -u VOLCENGINE_SESSION_TOKEN "$@"
}
