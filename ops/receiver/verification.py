"""Verifies deliveries by Standard Webhooks: with the official library where it is importable, else by itself."""

import base64
import hashlib
import hmac
import time

try:
    from standardwebhooks.webhooks import Webhook, WebhookVerificationError
except ImportError:
    Webhook = None

TOLERANCE_SECONDS = 5 * 60
SECRET_PREFIX = "whsec_"


class Refused(Exception):
    """A delivery that does not verify; the text says why."""


def key_of(secret):
    text = secret.removeprefix(SECRET_PREFIX)
    return base64.b64decode(text + "=" * (-len(text) % 4))


class OwnVerifier:
    """The specification written out once more, for where the library is not to be had or its time counts."""

    name = "own"

    def __init__(self, secret):
        self.key = key_of(secret)

    def verify(self, body, headers):
        identifier, timestamp = headers.get("webhook-id"), headers.get("webhook-timestamp")
        signatures = headers.get("webhook-signature")
        if not (identifier and timestamp and signatures):
            raise Refused("a webhook header is missing")
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
            raise Refused("the timestamp is unreadable, too old or too new")
        signed = f"{identifier}.{timestamp}.".encode() + body
        expected = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        for signature in signatures.split(" "):
            version, _, value = signature.partition(",")
            if version == "v1" and hmac.compare_digest(value, expected):
                return
        raise Refused("no signature matches")


class LibraryVerifier:
    """The official `standardwebhooks` package."""

    name = "standardwebhooks"

    def __init__(self, secret):
        self.webhook = Webhook(secret)

    def verify(self, body, headers):
        try:
            self.webhook.verify(body, headers)
        except (WebhookVerificationError, ValueError) as error:
            raise Refused(str(error)) from error


def verifier_class(wanted="auto"):
    """The verifier for `auto`, `library` or `own`; `auto` takes the library where it is installed."""
    if wanted == "own" or wanted == "auto" and Webhook is None:
        return OwnVerifier
    if Webhook is None:
        raise SystemExit("standardwebhooks is not installed; run ./ops/setup")
    return LibraryVerifier


def has_body_signature(secret, body, headers):
    """Whether `X-Webhook-Signature`, the form that this system specifies beside the standard one, is there and right."""
    value = headers.get("x-webhook-signature", "")
    expected = "sha256=" + hmac.new(key_of(secret), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(value, expected)
