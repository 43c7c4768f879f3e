"""The checks of the connection: certificate, version of TLS, and that plain HTTP leads to it."""

from __future__ import annotations

import http.client
import ssl
import time
import warnings
from collections.abc import Sequence
from urllib.parse import urlsplit

from infra.smoke.report import Check, FailedError, LeftOutError
from infra.smoke.site import Handshake, Site

LEAST_DAYS_LEFT = 14
"""Days. ACM renews 60 days before the end, so a certificate that comes this close is one that is not renewed."""

CERTIFICATE = "The certificate is valid, and stays so for a while."
TLS_VERSION = "TLS 1.2 or newer is spoken."
OLD_TLS = "TLS 1.0 and 1.1 are refused."
REDIRECT = "http:// leads to https://."

_DAY = 24 * 3600

# X.509 verification results, as OpenSSL numbers them (X509_V_ERR_…).
_VERDICTS = {
    9: "it is not valid yet: is this machine's clock right?",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends at a self-signed certificate that this machine does not know",
    20: "nobody whom this machine trusts has issued it",
    62: "it is for another name",
    64: "it is for another address",
}


class TransportChecks:
    """What there is to say about the connection to a site over HTTPS."""

    def __init__(self, site: Site, now: float | None = None) -> None:
        self._site = site
        self._now = time.time() if now is None else now
        self._handshake: Handshake | None = None

    @property
    def usable(self) -> bool:
        """Whether the rest can be checked over this connection."""
        return self._handshake is not None

    def checks(self) -> Sequence[Check]:
        """Return the checks in their order."""
        return (
            Check(CERTIFICATE, self._certificate),
            Check(TLS_VERSION, self._version),
            Check(OLD_TLS, self._old_versions),
            Check(REDIRECT, self._redirect),
        )

    def _certificate(self) -> str:
        try:
            self._handshake = self._site.shake_hands()
        except ssl.SSLCertVerificationError as refused:
            verdict = _VERDICTS.get(refused.verify_code, refused.verify_message)
            raise FailedError(
                f"The certificate of {self._site.host} is refused: {verdict}.",
                "Open the distribution's certificate in ACM: it has to be issued, and to name this host. For a private "
                "authority give --ca-file. Behind a proxy that opens TLS this may be the proxy's certificate.",
            ) from None
        except OSError:
            raise LeftOutError("there was no handshake") from None
        ends = ssl.cert_time_to_seconds(self._handshake.certificate["notAfter"])
        days = int((ends - self._now) // _DAY)
        until = time.strftime("%Y-%m-%d", time.gmtime(ends))
        if days < LEAST_DAYS_LEFT:
            raise FailedError(
                f"The certificate ends on {until}, in {days} days.",
                "ACM renews what it can validate: look at the certificate's validation records in DNS.",
            )
        return f"until {until}, {days} days"

    def _version(self) -> str:
        if self._handshake is not None:
            return self._handshake.version
        try:
            self._site.shake_hands()
        except ssl.SSLCertVerificationError:
            raise LeftOutError("the certificate is refused") from None
        except OSError as broken:
            raise FailedError(
                f"TLS 1.2 or newer was offered, and the handshake failed: {broken}",
                "The distribution's minimum protocol has to be TLSv1.2_2021. Is it HTTPS that listens there?",
            ) from None
        raise LeftOutError("the handshake failed once and then succeeded")

    def _old_versions(self) -> str:
        if self._handshake is None:
            raise LeftOutError("there was no handshake")
        if self._site.host.endswith(".cloudfront.net"):
            raise LeftOutError("CloudFront's own names always speak them; a domain of your own does not")
        try:
            agreed = self._site.shake_hands(_context_of_old())
        except ssl.SSLError as refused:
            if refused.reason in {"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL"}:
                raise LeftOutError("this machine's OpenSSL does not speak them either") from None
            return ""
        except OSError:
            return ""  # hung up on: refused without a word
        raise FailedError(
            f"The site speaks {agreed.version}, which RFC 8996 forbids.",
            "Set the distribution's minimum protocol to TLSv1.2_2021.",
        )

    def _redirect(self) -> str:
        if self._site.has_own_port and self._site.http_port == 80:  # noqa: PLR2004 - of HTTP
            raise LeftOutError("the URL has a port of its own")
        try:
            answer = self._site.ask_without_tls()
        except ConnectionRefusedError:
            return "nobody listens for http://"
        except (OSError, http.client.HTTPException) as broken:
            raise LeftOutError(f"http:// could not be asked: {broken}") from None
        location = answer.header("Location") or ""
        target = urlsplit(location)
        if answer.status in {301, 307, 308} and target.scheme == "https" and target.hostname == self._site.host:
            return str(answer.status)
        where = f" and Location {location}" if location else ""
        raise FailedError(
            f"{answer.question} answered {answer.status}{where}, and should redirect for good to {self._site.origin}/.",
            "Set the viewer protocol policy of the distribution's default behavior to redirect-to-https.",
        )


def _context_of_old() -> ssl.SSLContext:
    """Return a context that offers TLS 1.0 and 1.1 alone. Nothing is sent over what it agrees on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context
