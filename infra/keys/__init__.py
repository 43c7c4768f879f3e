"""What an operator does with signing keys: make, add, retire and revoke them."""
