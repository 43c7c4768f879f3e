"""Your site's own hooks. docs/hooks.md shows each of them. Later versions leave this file alone."""

from __future__ import annotations

from chalicelib.use_cases.hooks import Hooks

hooks = Hooks()
