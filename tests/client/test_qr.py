"""The QR codes that the page draws, module by module against those of segno."""

import base64
import json
import random
import string
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
import segno
from segno import encoder

from tests.client.find_node import node_folder

PROGRAM = Path(__file__).with_name("qr_matrices.mjs")
SECONDS = 300
CAPACITIES = (
    *(14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666),
    *(711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370),
    *(1452, 1538, 1628, 1722, 1809, 1911, 1989, 2099, 2213, 2331),
)
"""How many bytes a symbol of each version has room for at level M (ISO/IEC 18004:2015, table 7)."""


@pytest.fixture(autouse=True)
def standard_padding(monkeypatch):
    """Let segno pad as section 7.4.10 says.

    Bits fill up the last codeword if it is not full. segno fills up a full one too, by eight bits: another symbol,
    which reads the same. The data of byte mode always end with a full codeword.
    """
    monkeypatch.setattr(encoder, "write_padding_bits", lambda *_: None)


def drawn(texts: list[str]) -> list[list[str]]:
    ran = subprocess.run(
        [node_folder() / "node", PROGRAM],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return json.loads(ran.stdout)


def expected(text: str, mask: int | None = None) -> list[str]:
    """Return what segno draws, with the mask of its choice if none is given: to choose is most of its work."""
    code = segno.make(text, error="m", mode="byte", encoding="utf-8", boost_error=False, micro=False, mask=mask)
    return ["".join("01"[module] for module in row) for row in code.matrix]


def mask_of(modules: list[str]) -> int:
    """Read which mask a symbol says to have (section 7.9.1)."""
    return int(modules[8][2:5], 2) ^ 0b101


def otpauth_uri(draw: random.Random) -> str:
    """Return a URI as an authenticator app scans it, for a name of some script."""
    alphabet = draw.choice(
        [string.ascii_lowercase, string.ascii_letters + string.digits + ".-_@+", "äöüßéñ", "山川花火", "дом"]
    )
    name = "".join(draw.choices(alphabet, k=draw.randint(1, 24)))
    issuer = draw.choice(["Lychgate", "auth.example.org", "Käse & Söhne", "d1234abcd.cloudfront.net"])
    secret = base64.b32encode(draw.randbytes(20)).decode("ascii")
    label = f"{quote(issuer, safe='')}:{quote(name, safe='')}"
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}&algorithm=SHA1&digits=6&period=30"


@pytest.mark.parametrize("number", [100, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_many_uris_are_drawn_as_segno_draws_them_in_the_smallest_version_that_has_room(number):
    draw = random.Random(18004)
    uris = [otpauth_uri(draw) for _ in range(number)]
    assert len(set(uris)) == len(uris)
    matrices = drawn(uris)
    assert {mask_of(modules) for modules in matrices} == set(range(8))
    for uri, modules in zip(uris, matrices, strict=True):
        assert modules == expected(uri, mask_of(modules)), uri


@pytest.mark.parametrize("number", [50, pytest.param(500, marks=pytest.mark.exhaustive)])
def test_the_mask_is_the_one_that_segno_chooses(number):
    draw = random.Random(783)
    uris = [otpauth_uri(draw) for _ in range(number)]
    for uri, modules in zip(uris, drawn(uris), strict=True):
        assert modules == expected(uri), uri


@pytest.mark.parametrize(
    "step", [pytest.param(2, id="full"), pytest.param(1, id="full and begun", marks=pytest.mark.exhaustive)]
)
def test_each_version_is_drawn_full_and_left_for_the_next_by_one_byte_more(step):
    draw = random.Random(40)
    texts = ["".join(draw.choices(string.printable, k=length)) for room in CAPACITIES for length in (room, room + 1)]
    matrices = drawn(texts[:-1])
    assert [(len(modules) - 17) // 4 for modules in matrices] == [*sorted([*range(1, 41), *range(2, 41)])]
    for text, modules in list(zip(texts, matrices, strict=False))[::step]:
        assert modules == expected(text, mask_of(modules))


def test_a_text_that_is_not_ascii_is_drawn_in_utf_8_and_none_at_all_is_drawn_too():
    texts = ["", "é", "花", "🔑 Schlüssel", "\0\x7f"]
    assert drawn(texts) == [expected(text) for text in texts]


def test_a_text_that_is_too_long_is_a_range_error():
    with pytest.raises(subprocess.CalledProcessError) as caught:
        drawn(["a" * (CAPACITIES[-1] + 1)])
    assert "RangeError: The text is too long for a QR code" in caught.value.stderr
