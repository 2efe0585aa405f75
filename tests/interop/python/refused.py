"""What both SDKs' clients raise."""


class Refused(Exception):
    """A call-level error: its code, its HTTP status where the SDK tells it, and what the SDK says."""

    def __init__(self, status, code, text):
        super().__init__(text)
        self.status = status
        self.code = code
