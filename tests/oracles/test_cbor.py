"""CBOR: the examples of RFC 8949, and what is refused."""

import cbor2
import fido2.cbor
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credentials.cbor import MAX_DEPTH, MalformedCbor, decode, decode_first
from tests.support.authenticator import cbor

# RFC 8949 appendix A.
EXAMPLES = {
    "00": 0,
    "17": 23,
    "1818": 24,
    "1903e8": 1000,
    "1a000f4240": 1000000,
    "1b000000e8d4a51000": 1000000000000,
    "1bffffffffffffffff": 2**64 - 1,
    "20": -1,
    "3903e7": -1000,
    "3bffffffffffffffff": -(2**64),
    "f4": False,
    "f5": True,
    "f6": None,
    "40": b"",
    "4401020304": b"\x01\x02\x03\x04",
    "60": "",
    "62c3bc": "ü",
    "80": [],
    "8301820203820405": [1, [2, 3], [4, 5]],
    "a0": {},
    "a201020304": {1: 2, 3: 4},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819": list(range(1, 26)),
}

REFUSED = {
    "nothing": "",
    "two values": "0000",
    "a head without its argument": "18",
    "an argument that ends too early": "1a0000",
    "octets that end too early": "4201",
    "text that ends too early": "6461",
    "an array that ends too early": "8201",
    "a map that ends too early": "a101",
    "a length of 2**64 - 1": "5bffffffffffffffff",
    "an array of 2**64 - 1": "9bffffffffffffffff",
    "a map of 2**64 - 1": "bbffffffffffffffff",
    "23 in two octets": "1817",
    "255 in three octets": "1900ff",
    "65535 in five octets": "1a0000ffff",
    "2**32 - 1 in nine octets": "1b00000000ffffffff",
    "a length that is not in its shortest form": "580100",
    "octets of indefinite length": "5f42010243030405ff",
    "text of indefinite length": "7f657374726561646d696e67ff",
    "an array of indefinite length": "9fff",
    "a map of indefinite length": "bf61610161629f0203ffff",
    "a break by itself": "ff",
    "an integer of indefinite length": "1f",
    "reserved additional information": "1c",
    "a tag": "c074323031332d30332d32315432303a30343a30305a",
    "the tag that says that it is CBOR": "d9d9f700",
    "a tag of nothing": "c0",
    "a tag of a key and a value": "c10000",
    "a float of 16 bits": "f93c00",
    "a float of 32 bits": "fa47c35000",
    "a float of 64 bits": "fb3ff199999999999a",
    "undefined": "f7",
    "a simple value": "f0",
    "a simple value in two octets": "f8ff",
    "false as a simple value in two octets": "f814",
    "text that is not UTF-8": "62c328",
    "a surrogate": "63eda080",
    "a key twice": "a201020102",
    "a key twice, as text": "a2616101616102",
    "a truth value as a key": "a1f500",
    "null as a key": "a1f600",
    "octets as a key": "a14000",
    "an array as a key": "a18000",
    "a map as a key": "a1a000",
}


@pytest.mark.parametrize("encoded", EXAMPLES)
def test_takes_an_example_of_the_rfc(encoded):
    value = decode(bytes.fromhex(encoded))
    assert (value, type(value)) == (EXAMPLES[encoded], type(EXAMPLES[encoded]))


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    with pytest.raises(MalformedCbor):
        decode(bytes.fromhex(REFUSED[name]))


def test_a_key_may_be_zero_and_another_value_false():
    assert decode(bytes.fromhex("a200f401f4")) == {0: False, 1: False}


@pytest.mark.parametrize("container", [b"\x81", b"\xa1\x00"])
def test_nesting_has_a_limit_and_depth_costs_no_stack(container):
    assert decode(container * MAX_DEPTH + b"\x00")
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(MalformedCbor, match="nested"):
            decode(container * depth + b"\x00")


def test_the_first_value_ends_where_the_next_begins():
    assert decode_first(bytes.fromhex("ff8201022000"), 1) == ([1, 2], 4)


def test_there_is_no_value_behind_the_end():
    with pytest.raises(MalformedCbor):
        decode_first(b"\x00", 5)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=40),
    lambda values: (
        st.lists(values, max_size=30) | st.dictionaries(st.integers(-(2**64), 2**64 - 1) | st.text(), values)
    ),
    max_leaves=20,
)


def depth_of(value):
    if not isinstance(value, list | dict):
        return 0
    return 1 + max(map(depth_of, value.values() if isinstance(value, dict) else value), default=0)


@given(VALUES.filter(lambda value: depth_of(value) <= MAX_DEPTH))
def test_what_three_encoders_write_is_read(value):
    assert decode(cbor(value)) == value
    assert decode(cbor2.dumps(value)) == value
    if "None" not in repr(value):  # fido2 does not write it
        assert decode(fido2.cbor.encode(value)) == value


@given(st.binary(max_size=60))
def test_octets_are_read_as_another_reader_reads_them_or_refused(octets):
    try:
        value = decode(octets)
    except MalformedCbor:
        return
    assert cbor2.loads(octets) == value
    assert cbor(value) == octets, "there is one spelling, but for the order of a map's keys, which the value keeps"


@given(VALUES.filter(lambda value: depth_of(value) <= MAX_DEPTH), st.data())
def test_a_value_that_ends_early_or_late_is_refused(value, data):
    octets = cbor(value)
    for wrong in (octets[: data.draw(st.integers(0, len(octets) - 1))], octets + b"\x00"):
        with pytest.raises(MalformedCbor):
            decode(wrong)
