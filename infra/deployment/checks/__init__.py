"""Checks before a deployment, which read and change nothing."""
