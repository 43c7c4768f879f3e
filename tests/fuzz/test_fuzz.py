"""No input may raise anything but the refusal. `HYPOTHESIS_PROFILE=nightly` tries many more."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import targets

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=12), children, max_size=4),
    max_leaves=12,
)
SEGMENT = st.text("ABCXYZabcxyz019-_", max_size=60)
# Public and private keys of every kind, to be spoilt.
GOOD_KEYS = targets.RING["keys"]
MEMBERS = sorted(
    {name for key in GOOD_KEYS for name in key} | {"key_ops", "nbf", "exp", "iat", "revoked", "x5c", "k", "oth"}
)
PEPPER = "A" * 43


def dumped(value):
    return json.dumps(value)


@pytest.mark.slow  # of `make quick` it would be the longest
@given(
    st.text()
    | st.builds(".".join, st.lists(SEGMENT, max_size=5))
    | st.builds("{}.{}.{}".format, SEGMENT, SEGMENT, SEGMENT)
)
def test_texts_are_refused(compact):
    assert not targets.verify(compact)


@given(JSON | st.binary())
def test_what_is_no_text_is_refused(value):
    if not isinstance(value, str):
        assert not targets.verify(value)


@given(st.binary(max_size=200) | JSON.map(dumped).map(str.encode))
def test_headers_over_a_good_signature_are_refused(header):
    assert not targets.verify(targets.signed(header, json.dumps(targets.GOOD_CLAIMS).encode()))


@given(st.binary(max_size=400) | JSON.map(dumped).map(str.encode), st.sampled_from(["at+jwt", "refresh+jwt"]))
def test_payloads_under_a_good_signature_are_refused(payload, typ):
    assert not targets.verify(targets.signed(targets.good_header(typ), payload))


@given(
    st.dictionaries(st.sampled_from([*targets.GOOD_CLAIMS, "nbf"]), JSON, min_size=1, max_size=3),
    st.sampled_from(["at+jwt", "refresh+jwt"]),
)
def test_spoilt_claims_are_refused_or_harmless(changes, typ):
    targets.verify(targets.signed(targets.good_header(typ), json.dumps(targets.GOOD_CLAIMS | changes).encode()))


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "zip"]), JSON, min_size=1, max_size=3))
def test_spoilt_headers_are_refused_or_harmless(changes):
    header = json.loads(targets.good_header()) | changes
    targets.verify(targets.signed(json.dumps(header).encode(), json.dumps(targets.GOOD_CLAIMS).encode()))


@given(
    st.text()
    | st.builds(".".join, st.lists(SEGMENT, max_size=5))
    | st.builds("{}.{}.{}".format, SEGMENT, SEGMENT, SEGMENT)
)
def test_texts_are_no_proofs(text):
    assert not targets.prove(text)


@given(st.binary(max_size=400) | JSON.map(dumped).map(str.encode))
def test_headers_and_payloads_of_proofs_over_a_good_signature_are_refused(octets):
    assert not targets.prove(targets.proven(octets, targets.PROOF_CLAIMS))
    assert not targets.prove(targets.proven(targets.PROOF_HEADER, octets))


@given(
    st.dictionaries(st.sampled_from(["typ", "alg", "jwk", "kid", "crit"]), JSON, max_size=2),
    st.dictionaries(
        st.sampled_from([*targets.CLIENT_KEY.jwk, "d", "k", "alg", "use", "key_ops", "x5c"]), JSON, max_size=2
    ),
    st.dictionaries(st.sampled_from([*targets.PROOF_CLAIMS, "ath", "nonce", "exp"]), JSON, max_size=2),
)
def test_spoilt_proofs_are_refused_or_harmless(header, jwk, claims):
    spoilt = targets.PROOF_HEADER | {"jwk": targets.CLIENT_KEY.jwk | jwk} | header
    targets.prove(targets.proven(spoilt, targets.PROOF_CLAIMS | claims))


@given(st.text() | JSON.map(dumped))
def test_settings_that_are_no_keys_are_refused_with_their_name(text):
    if not text.startswith("file://"):
        assert not targets.load_public(text)
    assert not targets.load_private(text)


@given(
    st.lists(st.sampled_from(GOOD_KEYS), min_size=1, max_size=3),
    st.dictionaries(st.sampled_from(MEMBERS), JSON | st.sampled_from([k[m] for k in GOOD_KEYS for m in k]), max_size=3),
    st.sets(st.sampled_from(MEMBERS), max_size=2),
    st.booleans(),
)
def test_spoilt_keys_are_refused_with_their_name_or_harmless(keys, changes, missing, private):
    first, *others = keys
    spoilt = {name: value for name, value in (first | changes).items() if name not in missing}
    ring = {"keys": [spoilt, *others], "pepper": PEPPER}
    if private:
        targets.load_private(json.dumps(ring))
        return
    public = {"keys": [{n: v for n, v in key.items() if n not in {"p", "q", "dp", "dq", "qi"}} for key in ring["keys"]]}
    for key in public["keys"]:
        if changes.get("d") is None:
            key.pop("d", None)
    targets.load_public(json.dumps(public))


@given(JSON)
def test_peppers_that_are_none_are_refused(pepper):
    assert not targets.load_private(json.dumps({"keys": GOOD_KEYS[:1], "pepper": pepper}))


@given(st.text() | st.text(max_size=2).map(lambda text: text * 700), st.text() | st.text(max_size=3).map("x".join))
def test_names_and_passwords_are_refused_in_words_or_fit(username, password):
    targets.register(username, password)


@given(st.text(), st.text() | st.from_regex(r"[a-z]{0,3}\$2[aby]?\$0[34]\$[./A-Za-z0-9]{50,56}", fullmatch=True))
def test_a_stored_hash_that_may_be_damaged_fits_nothing(password, stored):
    assert not targets.check(password, stored)


@given(JSON)
def test_later_peppers_that_are_none_are_refused(peppers):
    taken = targets.load_private(json.dumps({"keys": GOOD_KEYS[:1], "pepper": PEPPER, "peppers": peppers}))
    assert taken is (peppers == [])
