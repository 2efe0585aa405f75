#!/usr/bin/env python3
"""Writes the generated seeds, corpus/<target>/seed-*, from the data files in ../tests. Run it after adding one.

parse_response reads two bytes of HTTP status (big-endian), then the body: one seed per file in tests/replies.
encode_query reads names and values in turn, each ended by a 0xFF byte: a few queries of tests/vectors/public.json.
Seeds added by hand take another name than seed-reply-* and seed-query-* and are left alone.
"""

import json
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


if __name__ == "__main__":
    main()
