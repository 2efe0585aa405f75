#!/usr/bin/env python3
"""Writes the generated seeds, corpus/<target>/seed-*, from the data files in ../tests. Run it after adding one.

parse_response reads two bytes of HTTP status (big-endian), then the body: one seed per file in tests/replies.
encode_query reads names and values in turn, each ended by a 0xFF byte: a few queries of tests/vectors/public.json.
verify_request reads the text of an HTTP/1.1 request: a few signed ones of the same file.
drive_deletion reads a script, a decision a byte: random ones, long enough for a whole run, which the fuzzer would be long in
coming to. The first byte says what is looked at; in every second script most decisions are that nothing goes wrong.
Seeds added by hand take another name than seed-reply-*, seed-query-*, seed-signed-* and seed-script-*, and are left alone.
"""

import json
import random
from pathlib import Path

FUZZ = Path(__file__).resolve().parent
TESTS = FUZZ.parent / "tests"

# One per thing that the encoder has to get right: order from ten IDs on, duplicates, and every escape.
QUERIES = [
    "pub-03-one-id-dbs-false",
    "pub-05-two-ids-shuffled-wire-order",
    "pub-08-eleven-ids-dbs-false",
    "pub-09-hundred-ids",
    "pub-11-duplicate-id-values",
    "pub-14-esc-space",
    "pub-15-esc-plus",
    "pub-16-esc-tilde",
    "pub-17-esc-slash",
    "pub-18-esc-percent",
    "pub-19-esc-star",
    "pub-20-esc-quote",
    "pub-21-esc-cjk",
    "pub-22-esc-emoji",
    "pub-23-esc-mixed",
]

# One for each form of a signature.
SIGNED = [
    "pub-01-one-id",
    "pub-12-token",
    "pub-33-port-443",
    "pub-45-profile-xdate-only",
    "pub-47-profile-go",
    "pub-49-profile-python-default-token",
    "pub-50-post-form",
    "pub-52-presign-no-host",
    "pub-55-presign-host-token",
    "pub-58-presign-expires",
]


def write(target, prefix, seeds):
    folder = FUZZ / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{prefix}*"):
        old.unlink()
    for name, data in seeds.items():
        (folder / f"{prefix}{name}").write_bytes(data)
    print(f"{target}: {len(seeds)} seeds")


def main():
    replies = {}
    for path in sorted((TESTS / "replies").glob("*.json")):
        reply = json.loads(path.read_text(encoding="utf-8"))
        replies[path.stem] = reply["status"].to_bytes(2, "big") + reply["body"].encode()
    write("parse_response", "seed-reply-", replies)

    vectors = json.loads((TESTS / "vectors" / "public.json").read_text(encoding="utf-8"))
    by_id = {vector["id"]: vector["query"] for vector in vectors["vectors"]}
    queries = {
        name: b"".join(piece.encode() + b"\xff" for pair in by_id[name] for piece in pair)
        for name in QUERIES
    }
    # What no text can hold: duplicate names, an empty name, an empty value, a name without a value, bytes beyond UTF-8.
    queries["odd-pieces"] = b"a\xff2\xffa\xff1\xff\xffv\xffn\xff\xff\xc3\x28\x00\xff\x80\xfftail"
    write("encode_query", "seed-query-", queries)

    by_id = {vector["id"]: vector for vector in vectors["vectors"]}
    write("verify_request", "seed-signed-", {name: signed(by_id[name]) for name in SIGNED})

    scripts = {}
    for number in range(24):
        choose = random.Random(number)
        decisions = [choose.randrange(256) if number % 2 == 0 or choose.random() < 0.25 else 0 for _ in range(400)]
        scripts[f"{number:02}"] = bytes([number // 2 % 4, *decisions])
    write("drive_deletion", "seed-script-", scripts)


def signed(vector):
    """The request of a vector as it is sent."""
    query, headers = vector["expected"].get("query_string"), vector["headers"]
    if query is None:
        query = vector["expected"]["canonical_query"]
        headers = [*headers, ["Authorization", vector["expected"]["authorization"]]]
    names = [name for name, _ in headers]
    more = [] if "Host" in names else [["Host", vector["host"]]]
    head = "".join(f"{name}: {value}\r\n" for name, value in [*more, *headers])
    return f"{vector['method']} {vector['path']}?{query} HTTP/1.1\r\n{head}\r\n{vector['body']}".encode()


if __name__ == "__main__":
    main()
