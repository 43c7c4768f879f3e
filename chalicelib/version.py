"""The version of Lychgate that runs."""

VERSION = "0.1.0"
