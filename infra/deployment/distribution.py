"""What the distribution has cached of an earlier page, and forgetting it.

Owns when that is necessary: where the files have changed, and where an earlier run changed them and was cut off before
it said so. The newest invalidation's reference names the files that it was made for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudfront.client import CloudFrontClient

_DIGEST_LENGTH = 32


def is_invalidated_for(client: CloudFrontClient, distribution: str, content_digest: str) -> bool:
    """Say whether the newest invalidation was made for these files."""
    items = client.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    if not items:
        return False
    newest = max(items, key=lambda item: item["CreateTime"])
    found = client.get_invalidation(DistributionId=distribution, Id=newest["Id"])["Invalidation"]
    return found["InvalidationBatch"]["CallerReference"].startswith(content_digest[:_DIGEST_LENGTH])


def invalidate(client: CloudFrontClient, distribution: str, content_digest: str) -> None:
    """Forget every file: one path, however many files there are. It takes effect within a minute or so."""
    client.create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={
            "Paths": {"Quantity": 1, "Items": ["/*"]},
            "CallerReference": f"{content_digest[:_DIGEST_LENGTH]}-{time.time_ns()}",
        },
    )
