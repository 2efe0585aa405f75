"""Deletes images through the official Python SDK and compares what it reports with what the emulator still has.

Usage: delete_images.py http://127.0.0.1:PORT emulator.json
"""

import json
import sys
import urllib.request

import volcenginesdkcore
import volcenginesdkecs
from volcenginesdkcore.rest import ApiException

URL, CONFIG = sys.argv[1:]
with open(CONFIG, encoding="utf-8") as file:
    SETUP = json.load(file)
PERMANENT, TEMPORARY = SETUP["credentials"]

counts = {"passed": 0, "failed": 0}


def expect(what, found, wanted):
    ok = found == wanted
    counts["passed" if ok else "failed"] += 1
    print(f"  {'ok' if ok else 'MISMATCH'}: {what}:{shown(found)}")
    if not ok:
        print(f"  expected:{shown(wanted)}")


def shown(value):
    """A short line for a list of IDs or a refusal, a line an image for what was listed."""
    match value:
        case "listed", dict(images) if len(images) <= 10:
            return "".join(f"\n      {id:20} {code or 'deleted'}" for id, code in images.items())
        case "listed", dict(images):
            return f" {len(images)} images, {sorted({code or 'deleted' for code in images.values()})}"
        case "refused", status, code:
            return f" refused, {status} {code}"
        case _:
            return f" {value}"


def api(credentials, **changes):
    """The SDK's client for one set of keys, as its users make it, but pointed at the emulator."""
    who = {**credentials, **changes}
    configuration = volcenginesdkcore.Configuration()
    configuration.host = URL.removeprefix("http://")
    configuration.scheme = "http"
    configuration.region = SETUP["region"]
    configuration.ak = who["access_key_id"]
    configuration.sk = who["secret_access_key"]
    configuration.session_token = who["session_token"]
    configuration.connect_timeout = configuration.read_timeout = 10.0
    # One request a call: what is compared is a single answer, not what the SDK makes of several.
    configuration.auto_retry = False
    return volcenginesdkecs.ECSApi(volcenginesdkcore.ApiClient(configuration))


def delete(client, ids, snapshots=False):
    """What the SDK reports: ("listed", {id: code or None}), or ("refused", status, code)."""
    request = volcenginesdkecs.DeleteImagesRequest(image_ids=ids, delete_binded_snapshots=snapshots)
    try:
        answer = client.delete_images(request)
    except ApiException as error:
        if error.body is None:
            return "refused", error.status, error.reason
        metadata = json.loads(error.body)["ResponseMetadata"]
        print(f"  request {metadata['RequestId']}: {error.status} {metadata['Error']['Message']}")
        return "refused", error.status, metadata["Error"]["Code"]
    print(f"  request {answer.metadata().request_id}")
    details = answer.operation_details or []
    listed = {detail.image_id: detail.error.code if detail.error else None for detail in details}
    if len(listed) != len(details):
        return "listed twice", [detail.image_id for detail in details]
    return "listed", listed


def there():
    """The truth: the IDs that the emulator still has, asked without the SDK and without a proxy."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"{URL}/_emulator/images", timeout=10) as reply:
        return sorted(image["id"] for image in json.load(reply))


def scenario(title):
    print(f"\n{title}")


def main():
    print(f"{volcenginesdkcore.ApiClient().user_agent} against {URL}")
    client = api(PERMANENT)
    remaining = sorted(image["id"] for image in SETUP["images"])

    scenario("refused: nothing may be deleted")
    refusals = [
        ("an unknown key", api(PERMANENT, access_key_id="AKLTunknown"), (401, "InvalidAccessKey")),
        ("a wrong secret", api(PERMANENT, secret_access_key="wrong"), (401, "SignatureDoesNotMatch")),
        ("a wrong token", api(TEMPORARY, session_token="wrong"), (401, "InvalidSecretToken")),
        ("a missing token", api(TEMPORARY, session_token=None), (401, "InvalidSecretToken")),
    ]
    for what, refused, wanted in refusals:
        expect(what, delete(refused, ["image-available1"]), ("refused", *wanted))
    too_many = [f"image-{n}" for n in range(100)] + ["image-available1"]
    expect("101 IDs", delete(client, too_many), ("refused", 400, "LimitExceeded.MaximumImageIds"))
    expect("no IDs", delete(client, None), ("refused", 400, "MissingParameter.ImageId"))
    expect("images still there", there(), remaining)

    scenario("success")
    gone = ["image-available1", "image-available2"]
    expect("two images", delete(client, gone), ("listed", {id: None for id in gone}))
    remaining = [id for id in remaining if id not in gone]
    expect("images still there", there(), remaining)

    scenario("success with temporary credentials, snapshots deleted too")
    expect(
        "one image",
        delete(api(TEMPORARY), ["image-available3"], snapshots=True),
        ("listed", {"image-available3": None}),
    )
    remaining.remove("image-available3")
    expect("images still there", there(), remaining)

    scenario("partial failure, every documented code")
    wanted = {
        "image-available4": None,
        "image-missing": "InvalidImage.NotFound",
        "image-shared": "InvalidImage.Shared",
        "image-copying": "OperationDenied.ImageIsCopying",
        "image-exporting": "OperationDenied.ImageIsExporting",
        "image-wrongstatus": "InvalidImageStatus",
        "image-failing": "InternalError",
    }
    expect("seven images", delete(client, list(wanted)), ("listed", wanted))
    remaining.remove("image-available4")
    expect("images still there", there(), remaining)

    scenario("signing: an ID that has to be escaped, and the order from ten IDs on")
    strange = "image a+b/c%25*~'=&é😀"
    expect("one missing image", delete(client, [strange]), ("listed", {strange: "InvalidImage.NotFound"}))
    hundred = [f"image-{n}" for n in range(100)]
    wanted = {id: "InvalidImage.NotFound" for id in hundred}
    expect("100 missing images", delete(client, hundred), ("listed", wanted))
    expect("images still there", there(), remaining)

    print("\n{passed} passed, {failed} failed".format(**counts))
    return counts["failed"] != 0


if __name__ == "__main__":
    sys.exit(main())
