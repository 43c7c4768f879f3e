"""The connection."""

import ssl
import time
import warnings
from http.client import HTTPException
from urllib.parse import urlsplit

import pytest

from tests.support.live.report import WrongError, check

# ACM renews 60 days before the end, so a certificate that comes this close is one that is not renewed.
LEAST_DAYS_LEFT = 14


def shake_hands(live, context=None):
    connection = live.site.connect(context=context)
    try:
        return connection.sock.version(), connection.sock.getpeercert()
    finally:
        connection.close()


def test_the_certificate_is_valid_and_stays_so_for_a_while(connection):
    try:
        _, certificate = shake_hands(connection)
    except ssl.SSLCertVerificationError as refused:
        raise WrongError(
            f"The certificate of {connection.site.host} is refused: {refused.verify_message}.",
            "Open the distribution's certificate in ACM: it has to be issued, and to name this host. SSL_CERT_FILE "
            "names the certificates of a private authority. Behind a proxy that opens TLS this may be the proxy's.",
        ) from None
    except OSError:
        pytest.skip("there was no handshake")
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400
    check(
        days >= LEAST_DAYS_LEFT,
        f"The certificate ends on {certificate['notAfter']}, in {days:.0f} days.",
        "ACM renews what it can validate: look at the certificate's validation records in DNS.",
    )


def test_tls_of_today_is_spoken(connection):
    try:
        version, _ = shake_hands(connection)
    except ssl.SSLCertVerificationError:
        pytest.skip("the certificate is refused")
    except OSError as broken:
        version = f"a handshake that failed: {broken}"
    check(
        version in {"TLSv1.2", "TLSv1.3"},
        f"TLS 1.2 or newer was offered, and there was {version}.",
        "The distribution's minimum protocol has to be TLSv1.2_2021. Is it HTTPS that listens there?",
    )


def test_tls_of_the_past_is_refused(live, connection):
    if live.site.host.endswith(".cloudfront.net"):
        pytest.skip("CloudFront's own names always speak them; a domain of your own does not")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent over what it agrees on
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        version, _ = shake_hands(live, context)
    except ssl.SSLError as refused:
        if refused.reason in {"NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL"}:
            pytest.skip("this machine's OpenSSL does not speak them either")
        return
    except OSError:
        return  # hung up on: refused without a word
    raise WrongError(
        f"The site speaks {version}, which RFC 8996 forbids.",
        "Set the distribution's minimum protocol to TLSv1.2_2021.",
    )


def test_http_leads_to_https_for_good(live, connection):
    if live.site.port != 443 and live.http_port == 80:
        pytest.skip("the URL has a port of its own")
    try:
        status, headers = live.redirect()
    except ConnectionRefusedError:
        return  # nobody listens for http://
    except (OSError, HTTPException) as broken:
        pytest.skip(f"http:// could not be asked: {type(broken).__name__}")
    target = urlsplit(headers.get("location", ""))
    check(
        status in {301, 307, 308} and target.scheme == "https" and target.hostname == live.site.host,
        f"http://{live.site.host}/ answered {status}, Location {headers.get('location', 'missing')}, and should "
        f"redirect for good to {live.site.origin}/.",
        "Set the viewer protocol policy of the distribution's default behavior to redirect-to-https.",
    )
