"""Deploys Lychgate to AWS and removes it. This package itself is not deployed."""
