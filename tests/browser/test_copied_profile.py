"""What a copy of a browser's files is worth: the rows of docs/security-model.md that only a real browser can show.

The page here makes and keeps its key as RFC 9449 clients in browsers do: by WebCrypto, not extractable, in IndexedDB.
"""

import os
import re
import shutil
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.api_client import over_http
from tests.support.browsers import BROWSER_FLAGS, PATIENCE_MS
from tests.support.proofs import ClientKey

A_CLIENT = """
const opened = new Promise((resolve, reject) => {
  const request = indexedDB.open("a client's", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("keys");
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
const inStore = async (mode, act) => {
  const transaction = (await opened).transaction("keys", mode);
  const request = act(transaction.objectStore("keys"));
  await new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  return request.result;
};
const segment = (octets) => btoa(String.fromCharCode(...new Uint8Array(octets)))
  .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const json = (value) => segment(new TextEncoder().encode(JSON.stringify(value)));
const ES256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const publicPart = async ({ publicKey }) => {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { kty, crv, x, y };
};
const call = async (path, members) => {
  const keys = await inStore("readonly", (store) => store.get("key"));
  const htu = `${location.origin}/api/auth/${path}`;
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: await publicPart(keys) };
  const claims = { jti: crypto.randomUUID(), htm: "POST", htu, iat: Math.floor(Date.now() / 1000) };
  const signed = `${json(header)}.${json(claims)}`;
  const signature = await crypto.subtle.sign(ES256, keys.privateKey, new TextEncoder().encode(signed));
  const headers = { "Content-Type": "application/json", DPoP: `${signed}.${segment(signature)}` };
  return (await fetch(htu, { method: "POST", headers, body: JSON.stringify(members) })).status;
};
"""
JOIN = f"""async (username) => {{ {A_CLIENT}
  const keys = await crypto.subtle.generateKey(ES256, false, ["sign", "verify"]);
  await inStore("readwrite", (store) => store.put(keys, "key"));
  const password = "seven old oak boards and a latch";
  const status = await call("register", {{ username, password, token_delivery: "cookie" }});
  return {{ status, jwk: await publicPart(keys) }};
}}"""
REFRESH = f"async () => {{ {A_CLIENT} return call('refresh', {{}}); }}"
EXPORT = f"""async () => {{ {A_CLIENT}
  const {{ privateKey }} = await inStore("readonly", (store) => store.get("key"));
  const refused = (format) => crypto.subtle.exportKey(format, privateKey).then(() => "", (error) => error.name);
  return Promise.all(["jwk", "pkcs8"].map(refused));
}}"""


@pytest.fixture
def open_profile(browser, server):
    """Open a profile from its folder, in a tab of the site in which no client of ours runs."""
    contexts = []

    def open_profile(folder):
        contexts.append(
            browser.browser_type.launch_persistent_context(
                folder, executable_path=os.environ["CHROMIUM"], args=BROWSER_FLAGS
            )
        )
        contexts[-1].set_default_timeout(PATIENCE_MS)
        page = contexts[-1].new_page()
        page.goto(f"{server.url}/favicon.svg")
        return page

    yield open_profile
    for context in contexts:
        context.close()


@pytest.fixture
def owner(open_profile, tmp_path):
    """Whoever has a bound session in a browser that is closed by now: the profile's folder, key and cookie."""
    page = open_profile(tmp_path / "profile")
    joined = page.evaluate(JOIN, f"kim.{time.time_ns()}")
    assert joined["status"] == 201
    assert page.evaluate(EXPORT) == ["InvalidAccessError", "InvalidAccessError"]
    (cookie,) = [each for each in page.context.cookies() if each["name"] == "refresh_token"]
    page.context.close()
    return tmp_path / "profile", joined["jwk"], cookie


def test_a_copied_profile_continues_the_session_and_its_cookies_alone_do_not(
    owner, open_profile, browser, server, tmp_path
):
    profile, _, cookie = owner
    with browser.new_context() as elsewhere:
        elsewhere.add_cookies([cookie])
        answer = elsewhere.request.post(f"{server.url}/api/auth/refresh", data={}, headers={"Origin": server.url})
        assert (answer.status, answer.json()["error"]) == (400, "invalid_dpop_proof")
    copied = shutil.copytree(profile, tmp_path / "copied", ignore=shutil.ignore_patterns("Singleton*"))
    assert open_profile(copied).evaluate(REFRESH) == 200


def test_a_key_that_no_script_can_export_stands_in_the_profiles_files_in_clear(owner, server):
    profile, jwk, cookie = owner
    files = [path for path in (profile / "Default" / "IndexedDB").rglob("*") if path.is_file()]
    found = [a_client_with(key, server) for path in files for key in keys_in(path)]
    thiefs = [client for client in found if client.jwk == jwk]
    assert thiefs
    headers = {"Cookie": f"refresh_token={cookie['value']}", "Origin": server.url, **thiefs[0].headers("/auth/refresh")}
    api = over_http(int(server.url.rpartition(":")[2]), below="/api")
    assert api.post("/auth/refresh", headers=headers).status == 200


def keys_in(path):
    """Return the private keys of P-256 in a file that are written as in RFC 5915: number, then point."""
    numbers = re.findall(rb"\x02\x01\x01\x04\x20(.{32})\xa1\x44\x03\x42\x00\x04", path.read_bytes(), re.DOTALL)
    return [ec.derive_private_key(int.from_bytes(number, "big"), ec.SECP256R1()) for number in numbers]


def a_client_with(private_key, server):
    client = ClientKey(issuer=f"{server.url}/api")
    client.private_key = private_key
    return client
