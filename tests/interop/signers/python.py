"""Signs the requests of signed-requests with volcenginesdk-core and compares.

Usage: python.py requests.jsonl

Where the official signers differ among themselves, ours follows the documents: tests/vectors/disagreements.json has the
cases, d01 and so on. A request that one of them explains has to be signed differently; all others have to be signed alike.
"""

import collections
import datetime
import json
import sys
from urllib.parse import parse_qsl, quote, urlsplit

import volcenginesdkcore.signv4 as signv4
from volcenginesdkcore.signv4 import SignerV4


def escaped(text, safe=""):
    return quote(text, safe=safe + "-_.~")


def explained(request, names):
    """The cases that a request is one of."""
    if sorted(names, key=str.encode) != sorted(names, key=escaped):
        yield "d02 (names are sorted as they are escaped)"
    if len({name for name, _ in request["query"]}) != len(request["query"]):
        yield "d04 (of equal names the last is kept)"
    if escaped(request["path"], safe="/") != request["path"]:
        yield "d15 (the path is not escaped)"


def of_headers(request):
    if any(value != value.strip() for _, value in request["headers"]):
        yield "d05 (blanks around a header's value are kept)"


def of_host(request):
    if request["presigned"]["host"] and host(request).endswith((":80", ":443")):
        yield "d09 (a presigned host keeps a default port)"


def host(request):
    return dict(request["headers"])["Host"]


class Clock(datetime.datetime):
    """What the signer takes the time from."""

    now_is = None

    @classmethod
    def utcnow(cls):
        return cls.now_is


signv4.datetime = type("module", (), {"datetime": Clock})

counts = {"passed": 0, "failed": 0}
left_out = collections.Counter()


def compare(what, request, ours, theirs, reasons):
    left_out.update(reasons)
    ok = (ours == theirs) != bool(reasons)
    counts["passed" if ok else "failed"] += 1
    if not ok and counts["failed"] <= 10:
        print(f"  MISMATCH: {what}: {json.dumps(request)}")
        print(f"    explained by: {', '.join(reasons) or 'nothing'}\n    ours:   {ours}\n    theirs: {theirs}")
    return bool(reasons)


same = different = 0
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        request = json.loads(line)
        Clock.now_is = datetime.datetime.strptime(request["date"], "%Y%m%dT%H%M%SZ")
        who = request["access_key_id"], request["secret_access_key"], request["region"], request["service"]
        headers, query = dict(request["headers"]), request["query"]
        SignerV4.sign(
            request["path"], request["method"], headers, request["body"], None, query, *who, request["session_token"]
        )
        names = [name for name, _ in query]
        reasons = [*explained(request, names), *of_headers(request)]
        different += compare("headers", request, request["python"], headers["Authorization"], reasons)
        same += not reasons

        if request["presigned"]:
            signed_host = host(request) if request["presigned"]["host"] else None
            theirs = SignerV4.sign_url(request["path"], "GET", dict(query), *who, request["session_token"], signed_host)
            ours = parse_qsl(urlsplit(request["presigned"]["uri"]).query, keep_blank_values=True)
            theirs = parse_qsl(theirs, keep_blank_values=True)
            reasons = [*explained(request, [name for name, _ in ours]), *of_host(request)]
            different += compare("presigned", request, sorted(ours), sorted(theirs), reasons)
            same += not reasons

print(f"volcenginesdk-core: {same} that have to be signed alike, {different} that have to differ")
for reason, times in sorted(left_out.items()):
    print(f"  {times:5}  {reason}")
print(f"{counts['passed']} passed, {counts['failed']} failed")
sys.exit(counts["failed"] > 0 or same < 5_000)
