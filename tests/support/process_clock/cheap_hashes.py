"""Lets a process hash passwords and mailed codes with little work, where how much work that is is not what is tested.

The hashes say that they are of the configured cost, so that all that looks at it behaves as it does elsewhere: only
processes that hash in this way can check them.
"""

import hashlib

LEAST_COST = 4
"""bcrypt's."""

SAVED = 6
"""Each step of a cost halves the work. Hashes whose costs differ still take different work, down to bcrypt's least."""


def install():
    """Do so in this process, passwords once it imports bcrypt."""
    from loading import once_loaded  # these processes alone have this folder on their path

    hashlib.scrypt = of_codes(hashlib.scrypt)
    once_loaded("bcrypt", lambda bcrypt: vars(bcrypt).update(replacements(bcrypt)))


def replacements(bcrypt):
    """Return what stands for functions of bcrypt, by their names."""
    hashpw, checkpw, gensalt = bcrypt.hashpw, bcrypt.checkpw, bcrypt.gensalt
    return {
        "hashpw": lambda password, salt: salt[:7] + hashpw(password, _cheaper(salt))[7:],
        "checkpw": lambda password, hashed: checkpw(password, _cheaper(hashed)),
        "gensalt": lambda rounds=12, prefix=b"2b": b"$%b$%02d$" % (prefix, rounds) + gensalt(LEAST_COST)[7:],
    }


def of_codes(scrypt):
    """Return what stands for scrypt, which is as it was for all but the hashes of mailed codes."""

    def hashed(text, *, salt, n, r, p, dklen=64, **others):
        if (n, r, p, dklen) == (2**14, 8, 1, 32):
            n >>= SAVED
        return scrypt(text, salt=salt, n=n, r=r, p=p, dklen=dklen, **others)

    return hashed


def _cheaper(text):
    """Return a salt or a hash with a lower cost: of `$2b$10$` and 53 or 22 characters the two digits."""
    cost = max(LEAST_COST, int(text[4:6]) - SAVED)
    return text[:4] + b"%02d" % cost + text[6:]
