"""A client over volcenginesdk-ecs, as its users write it, but pointed at the emulator."""

import ast
import json
import re

import volcenginesdkcore
import volcenginesdkecs
from volcenginesdkcore.flatten import Flatten
from volcenginesdkcore.rest import ApiException
from volcenginesdkcore.signv4 import SignerV4

from refused import Refused

NAME = volcenginesdkcore.ApiClient().user_agent
REPORTS_STATUS = True

# What the package has methods for; the rest goes through the SDK's generic API.
METHODS = {"DeleteImages": "delete_images", "DescribeImages": "describe_images"}


class Sdk:
    def __init__(self, url, region, who, once=True):
        configuration = volcenginesdkcore.Configuration()
        configuration.host = url.removeprefix("http://")
        configuration.scheme = "http"
        configuration.region = region
        configuration.ak = who["access_key_id"]
        configuration.sk = who["secret_access_key"]
        configuration.session_token = who["session_token"]
        configuration.connect_timeout = configuration.read_timeout = 10.0
        if once:
            # One request a call: what is compared is a single answer, not what the SDK makes of several.
            configuration.auto_retry = False
        self.client = volcenginesdkcore.ApiClient(configuration)
        self.configuration = configuration

    def presigned(self, place, parameters):
        key, host = self.configuration, self.configuration.host
        query = {"Action": place["action"], "Version": place["version"], **Flatten(parameters).flat()}
        query = SignerV4.sign_url(
            "/", "GET", query, key.ak, key.sk, key.region, place["service"], session_token=key.session_token, host=host
        )
        return f"http://{host}/?{query}"

    def call(self, place, parameters):
        try:
            return self.answer(place, parameters)
        except ApiException as error:
            if error.status == 200:
                # An error inside a 200. All that is told of it is a dictionary with code and message, printed.
                told = ast.literal_eval(error.reason)
                raise Refused(error.status, told["Code"], f"{error.status} {told['Message']}") from None
            metadata = json.loads(error.body)["ResponseMetadata"]
            text = f"request {metadata['RequestId']}: {error.status} {metadata['Error']['Message']}"
            raise Refused(error.status, metadata["Error"]["Code"], text) from None

    def answer(self, place, parameters):
        action, method = place["action"], METHODS.get(place["action"])
        if method and (place["service"], place["version"], place["method"]) == ("ecs", "2020-04-01", "GET"):
            request = model(getattr(volcenginesdkecs, f"{action}Request"), parameters)
            answer = getattr(volcenginesdkecs.ECSApi(self.client), method)(request)
            return plain(answer)
        content_type = "text/plain" if place["method"] == "GET" else "application/json"
        info = volcenginesdkcore.UniversalInfo(**place, content_type=content_type)
        return volcenginesdkcore.UniversalApi(self.client).do_call(info, parameters)


def model(kind, values):
    """One of the SDK's request models, from names as they are on the wire."""
    names = {wire: name for name, wire in kind.attribute_map.items()}

    def field(name, value):
        item = re.fullmatch(r"list\[(\w+ForDescribeImagesInput)\]", kind.swagger_types[name])
        return [model(getattr(volcenginesdkecs, item[1]), each) for each in value] if item else value

    return kind(**{names[wire]: field(names[wire], value) for wire, value in values.items()})


def plain(value):
    """What the SDK read into its models, by names as they are on the wire; what is None is left out."""
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not hasattr(value, "attribute_map"):
        return value
    members = {wire: plain(getattr(value, name)) for name, wire in value.attribute_map.items()}
    return {wire: member for wire, member in members.items() if member is not None}
