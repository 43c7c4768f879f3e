"""The measurements of `make bench`. This package is not deployed."""
