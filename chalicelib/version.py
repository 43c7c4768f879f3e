"""The version of Lychgate."""

VERSION = "0.1.0"
