"""What stands for bcrypt where hashing is not what is tested."""


class PlainHasher:
    """Hashes nothing."""

    def hash(self, password):
        return f"hash of {password}"

    def verify(self, password, password_hash):
        return password_hash == self.hash(password)

    def needs_rehash(self, password_hash):
        return False
