"""What an answer that nobody expected means: who gave it, and what to do."""

POINTS_ELSEWHERE = (
    "The distribution does not send /api/* to the API. Its behavior for `/api/*` has to name the REST API's origin: "
    "make deploy STAGE=…, and wait until the distribution's change is deployed."
)
OLD_VERSION = "Another version than that of this checkout may be deployed: make deploy STAGE=…"
NO_ANSWER = "Run this again. If it stays, see whether the distribution is enabled and its last change is deployed."
_LOGS = "Look into the log of the API's Lambda: its lines have `error`, `reason` and `exception`."
_GATEWAYS_OWN = (
    "The answer is API Gateway's own, without our gateway responses. Forbidden or Missing Authentication Token: the "
    "path leads to no route; the origin's path and the stage `api` have to agree. Anything else: its gateway "
    "responses are missing or old. make deploy STAGE=…"
)
_CLOUDFRONTS_OWN = (
    "The answer is CloudFront's own error page. 403: the distribution does not allow the method or the host name for "
    "this path, or WAF stops it. 502 to 504: it cannot reach its origin. Compare the behavior `/api/*` and its origin "
    "with the stack."
)
_BY_STATUS = {
    401: "If a token was sent, it did not arrive or is not taken: the distribution has to pass `Authorization`, "
    "cookies and bodies on, and the authorizer needs the keys that the API signs with (docs/keys.md).",
    429: "Too many attempts came from here. Wait as long as `Retry-After` says: an address may fail 100 times an hour.",
    503: f"The database or the key store is throttled or out of reach, or the function could not be run. {_LOGS}",
}


def why_no_account(status, headers, members):
    """Why no account is to be had after a refused registration, and what to do; None if another may be had."""
    if members.get("error") == "registration_closed":
        return "registration is closed here"
    if (status, members.get("error")) != (429, "too_many_attempts"):
        return None
    seconds = headers.get("retry-after", "")
    wait = f"{-(-int(seconds) // 60)} min" if seconds.isdecimal() else "an hour"
    return (
        "this address may register no more accounts now (LYCHGATE_REGISTRATIONS_PER_HOUR). "
        f"Wait {wait}, or ask from another address"
    )


def remedy(status, headers, body):
    """What to do about an answer of the API that is not the one that was wanted. Header names are in lower case."""
    start = body[:200].lstrip().lower()
    server = headers.get("server", "").lower()
    if "amazons3" in server or b"<code>accessdenied" in body.lower():
        return f"The answer came from the bucket. {POINTS_ELSEWHERE}"
    if start.startswith((b"<!doctype html", b"<html")):
        if "cloudfront" in server and status >= 400:
            return _CLOUDFRONTS_OWN
        return f"The answer is a page where JSON is wanted. {POINTS_ELSEWHERE}"
    if start.startswith(b'{"message"'):
        return _GATEWAYS_OWN
    return _BY_STATUS.get(status) or (_LOGS if status >= 500 else OLD_VERSION)
