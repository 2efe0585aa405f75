"""Times the official SDK, volcenginesdk-ecs: its signer alone, and whole calls as its users write them.

Usage: python.py ACCESS_KEY_ID SECRET_ACCESS_KEY HOST:PORT

Prints its version. Then it reads lines such as "sign 100 20": do so for 100 images, 20 times. It answers each with the
nanoseconds that took.
"""

import sys
import time
from importlib.metadata import version

import volcenginesdkcore
import volcenginesdkecs
from volcenginesdkcore.signv4 import SignerV4

ACCESS_KEY_ID, SECRET_ACCESS_KEY, SERVER = sys.argv[1:]
REGION = "cn-beijing"

configuration = volcenginesdkcore.Configuration()
configuration.host, configuration.scheme = SERVER, "http"
configuration.region = REGION
configuration.ak, configuration.sk = ACCESS_KEY_ID, SECRET_ACCESS_KEY
api = volcenginesdkecs.ECSApi(volcenginesdkcore.ApiClient(configuration))


def ids(images):
    return [f"image-{n:020}" for n in range(images)]


def signing(images):
    """From a query in a dictionary, which the SDK makes of its models first: that is left out."""
    query = {"Action": "DeleteImages", "DeleteBindedSnapshots": "false", "Version": "2020-04-01"}
    query.update((f"ImageIds.{n}", image) for n, image in enumerate(ids(images), 1))

    def sign():
        headers = {"Host": "ecs.cn-beijing.volcengineapi.com"}
        SignerV4.sign("/", "GET", headers, "", None, query, ACCESS_KEY_ID, SECRET_ACCESS_KEY, REGION, "ecs")

    return sign


def calling(images):
    def call():
        request = volcenginesdkecs.DeleteImagesRequest(image_ids=ids(images), delete_binded_snapshots=False)
        assert api.delete_images(request).operation_details

    return call


print(f"volcenginesdk-ecs {version('volcenginesdk-ecs')}", flush=True)
subjects = {}
for images in 1, 100:
    subjects[f"sign {images}"], subjects[f"call {images}"] = signing(images), calling(images)
for line in sys.stdin:
    what, count = line.rsplit(" ", 1)
    subject, count = subjects[what], int(count)
    started = time.perf_counter_ns()
    for _ in range(count):
        subject()
    print(time.perf_counter_ns() - started, flush=True)
