"""Drives one SDK through calls.json and errors.json, and compares what it reports with what should come of it.

Usage: scenarios.py new_sdk|old_sdk http://127.0.0.1:PORT http://127.0.0.1:PORT [http://127.0.0.1:PORT]

The second emulator is the one whose errors are forced. The third, for an SDK whose attempts are looked at, is that of
docs/lost-reply.json.
"""

import importlib
import json
import pathlib
import sys
import urllib.request

from recorder import Recorder
from refused import Refused

DATA = pathlib.Path(__file__).parent.parent


def load(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


SETUP = load("emulator.json")
PERMANENT, TEMPORARY = SETUP["credentials"]

counts = {"passed": 0, "failed": 0}


def expect(what, found, wanted):
    ok = found == wanted
    counts["passed" if ok else "failed"] += 1
    print(f"  {'ok' if ok else 'MISMATCH'}: {what}:{shown(found)}")
    if not ok:
        print(f"  expected:{shown(wanted)}")


def shown(value):
    """A short line for a refusal, a line an image for what was listed."""
    match value:
        case {"listed": images}:
            return "".join(f"\n      {id:20} {code or 'deleted'}" for id, code in images.items())
        case {"refused": [status, code]}:
            return f" refused, {code}" if status is None else f" refused, {status} {code}"
        case {"images": images}:
            return f" {', '.join(images)}"
        case {"described": image}:
            return "".join(f"\n      {name:20} {member}" for name, member in image.items())
        case _:
            return f" {value}"


def reported(sdk, call):
    """What the SDK reports of a call, in the words of calls.json."""
    place = {name: call.get(name, default) for name, default in DEFAULTS.items()}
    parameters = dict(call["parameters"])
    if "before" in call:
        parameters["ImageIds"] = [f"image-{n}" for n in range(call["before"])] + parameters["ImageIds"]
    try:
        result = opened(sdk.presigned(place, parameters)) if call.get("presigned") else sdk.call(place, parameters)
        if place["action"] == "DeleteImages":
            return deleted(result)
        if place["action"] == "GetCallerIdentity":
            return {"account": result["AccountId"]}
        if "described" in call["expect"]:
            (image,) = result["Images"]
            return {"described": {name: image.get(name) for name in call["expect"]["described"]}}
        return {"images": listed(sdk, place, parameters, result, call.get("pages", 1))}
    except Refused as refused:
        print(f"  {refused}")
        return {"refused": [refused.status, refused.code]}


DEFAULTS = {"service": "ecs", "version": "2020-04-01", "method": "GET", "action": "DeleteImages"}


def deleted(result):
    details = result["OperationDetails"]
    images = {detail["ImageId"]: (detail.get("Error") or {}).get("Code") for detail in details}
    if len(images) != len(details):
        return {"listed twice": [detail["ImageId"] for detail in details]}
    if len(images) > 10 and set(images.values()) == {"InvalidImage.NotFound"}:
        return {"missing": len(images)}
    return {"listed": images}


def listed(sdk, place, parameters, result, pages):
    """The IDs of so many pages; a token that leads further, or not that far, is one ID too many."""
    total = result["TotalCount"]
    images = [image["ImageId"] for image in result["Images"]]
    for _ in range(pages - 1):
        result = sdk.call(place, {**parameters, "NextToken": result["NextToken"]})
        images += [image["ImageId"] for image in result["Images"]]
    if result.get("NextToken"):
        images.append("another page")
    return images if total == len(images) else [*images, f"{total} in all"]


def opened(url):
    """What whoever has a presigned URL gets."""
    return fetched(url)["Result"]


def there(url):
    """The truth: the IDs that the emulator still has."""
    return sorted(image["id"] for image in fetched(f"{url}/_emulator/images"))


def fetched(url):
    """Without an SDK and without a proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(url, timeout=10) as reply:
        return json.load(reply)


def attempts(sdk, url, everything):
    """What the SDK does by default, where a call may take more than one request."""
    print("\nattempts: the first reply is lost, after the deletion")
    recorder = Recorder(url)
    client = sdk.Sdk(recorder.url, SETUP["region"], PERMANENT, once=False)
    call = {"parameters": {"ImageIds": ["image-available1"]}}
    again = {"listed": {"image-available1": "InvalidImage.NotFound"}}
    expect("it is sent again, and the second reply is returned", reported(client, call), again)
    remaining = [id for id in everything if id != "image-available1"]
    expect("images still there", {"images": there(url)}, {"images": remaining})
    expect("requests", len(recorder.received), 2)
    expect("dates", different(recorder, "X-Date"), 2)
    expect("signatures", different(recorder, "Authorization"), 2)

    print("\nattempts: a redirect on the same host")
    recorder = Recorder(url, redirect=True)
    client = sdk.Sdk(recorder.url, SETUP["region"], PERMANENT, once=False)
    call = {"parameters": {"ImageIds": ["image-available2"]}}
    expect("it is not followed", reported(client, call), {"refused": [302, "Moved"]})
    expect("images still there", {"images": there(url)}, {"images": remaining})
    expect("requests", len(recorder.received), 1)


def different(recorder, header):
    """How many values a header had. Every request has to have it."""
    return len({headers[header] for headers in recorder.received})


def main():
    sdk, url, forced, *lossy = sys.argv[1:]
    sdk = importlib.import_module(sdk)
    print(f"{sdk.NAME} against {url}")
    everything = remaining = sorted(image["id"] for image in SETUP["images"])

    def wanted(refused):
        status, code = refused
        return {"refused": [status if sdk.REPORTS_STATUS else None, code]}

    for group in load("calls.json"):
        print(f"\n{group['title']}")
        for call in group["calls"]:
            who = {**(TEMPORARY if call.get("temporary") else PERMANENT), **call.get("who", {})}
            expected = call["expect"]
            expected = wanted(expected["refused"]) if "refused" in expected else expected
            expect(call["what"], reported(sdk.Sdk(url, SETUP["region"], who), call), expected)
        remaining = [id for id in remaining if id not in group.get("gone", [])]
        expect("images still there", {"images": there(url)}, {"images": remaining})

    print("\nrefused: every error of the service and of the platform, forced")
    client = sdk.Sdk(forced, SETUP["region"], PERMANENT)
    for error in load("errors.json"):
        what = error.get("code") or json.dumps(error["fault"])
        expect(what, reported(client, {"parameters": {"ImageIds": ["image-available1"]}}), wanted(error["refused"]))
    expect("images still there", {"images": there(forced)}, {"images": everything})

    for url in lossy:
        attempts(sdk, url, everything)

    print("\n{passed} passed, {failed} failed".format(**counts))
    return counts["failed"] != 0


if __name__ == "__main__":
    sys.exit(main())
