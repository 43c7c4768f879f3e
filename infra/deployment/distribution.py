"""Invalidation of the distribution's cache.

Owns when that is necessary: when the files have changed, or when an earlier run changed them and was interrupted before
the invalidation. The reference of the newest invalidation holds a digest of the files that it was made for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudfront.client import CloudFrontClient

_DIGEST_LENGTH = 32


def is_invalidated_for(client: CloudFrontClient, distribution: str, content_digest: str) -> bool:
    """Return whether the newest invalidation was made for the files with this digest."""
    items = client.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    if not items:
        return False
    newest = max(items, key=lambda item: item["CreateTime"])
    found = client.get_invalidation(DistributionId=distribution, Id=newest["Id"])["Invalidation"]
    return found["InvalidationBatch"]["CallerReference"].startswith(content_digest[:_DIGEST_LENGTH])


def invalidate(client: CloudFrontClient, distribution: str, content_digest: str) -> None:
    """Invalidate all files with one path, which is charged as one. It takes effect in about a minute."""
    client.create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/*"]},
            "CallerReference": f"{content_digest[:_DIGEST_LENGTH]}-{time.time_ns()}",
        },
    )
