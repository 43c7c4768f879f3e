"""A password hasher that counts its work."""

from chalicelib.credentials.passwords import PasswordHasher
from chalicelib.credentials.peppers import Peppers


class CountingHasher(PasswordHasher):
    def __init__(self, cost=4):
        super().__init__(peppers=Peppers.of(bytes(32)), cost=cost)
        self.verifications = 0
        self.hashed = 0

    def hash(self, password):
        self.hashed += 1
        return super().hash(password)

    def verify(self, password, password_hash):
        self.verifications += 1
        return super().verify(password, password_hash)
