"""A client over volcengine, the generation before volcenginesdk-ecs, as its generic service class is used.

It leaves lists and truth values to its users, and the reading of answers, too: an error inside a 200 is a success to it.
"""

import json

from volcengine import VERSION
from volcengine.ApiInfo import ApiInfo
from volcengine.base.Service import Service
from volcengine.Credentials import Credentials
from volcengine.ServiceInfo import ServiceInfo

from refused import Refused

NAME = f"volcengine {VERSION}"
# Its exception is the answer's text.
REPORTS_STATUS = False


class Sdk:
    def __init__(self, url, region, who):
        self.host, self.region, self.who = url.removeprefix("http://"), region, who

    def service(self, place):
        who, action = self.who, place["action"]
        credentials = Credentials(who["access_key_id"], who["secret_access_key"], place["service"], self.region)
        info = ServiceInfo(self.host, {"Accept": "application/json"}, credentials, 10, 10, "http")
        query = {"Action": action, "Version": place["version"]}
        service = Service(info, {action: ApiInfo(place["method"], "/", query, {}, {})})
        # Its constructor prefers keys from the environment and from files.
        service.set_ak(who["access_key_id"])
        service.set_sk(who["secret_access_key"])
        service.set_session_token(who["session_token"] or "")
        return service

    def presigned(self, place, parameters):
        return f"http://{self.host}/?{self.service(place).get_sign_url(place['action'], dict(flat(parameters)))}"

    def call(self, place, parameters):
        service, action = self.service(place), place["action"]
        parameters = dict(flat(parameters))
        try:
            text = service.get(action, parameters) if place["method"] == "GET" else service.post(action, parameters, {})
        except Exception as error:
            raise refused(json.loads(str(error)), "raised") from None
        answer = json.loads(text)
        if "Error" in answer["ResponseMetadata"]:
            raise refused(answer, "returned as a success")
        return answer["Result"]


def refused(answer, how):
    metadata = answer["ResponseMetadata"]
    text = f"request {metadata['RequestId']}: {how}: {metadata['Error']['Message']}"
    return Refused(None, metadata["Error"]["Code"], text)


def flat(value, name=""):
    """Names and values as they are on the wire."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from flat(each, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for n, each in enumerate(value, 1):
            yield from flat(each, f"{name}.{n}")
    else:
        yield name, str(value).lower() if isinstance(value, bool) else str(value)
