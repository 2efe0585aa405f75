"""Prints the emulator's scenario file for errors.json: its first error for the first request, and so on.

Usage: forced.py errors.json
"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    errors = json.load(file)
forced = [error.get("fault") or {"api-error": {"code": error["code"], "after_deletion": False}} for error in errors]
print(json.dumps([{"when": {"requests": [n]}, "fault": fault} for n, fault in enumerate(forced, 1)]))
