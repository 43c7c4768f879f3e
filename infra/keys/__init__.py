"""The management of signing keys: creating, adding, retiring and revoking them."""
