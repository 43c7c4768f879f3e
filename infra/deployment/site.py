"""The page's files in their bucket: what has to be uploaded, with which headers, and what is stale.

Owns content types and caching. Names carry no hash, because the page has no build step; so browsers ask each time
(ETag) and CloudFront, which is told of every change, keeps a file for a year.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deployment.errors import code_of
from infra.local.static_site import content_type

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CACHE_CONTROL = "public, max-age=0, must-revalidate, s-maxage=31536000"
"""RFC 9111 section 5.2.2: private caches revalidate, shared ones keep."""


@dataclass(frozen=True)
class Differences:
    """What makes the bucket differ from the folder."""

    upload: tuple[str, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.upload or self.delete)


class Site:
    """The files of a folder, and the bucket that is to hold them and nothing else."""

    def __init__(self, client: S3Client, bucket: str, folder: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        }

    def content_digest(self) -> str:
        """Return a digest of all that visitors get from the files, in hex."""
        digest = hashlib.sha256(CACHE_CONTROL.encode())
        for name, path in self._files.items():
            digest.update(f"{name}\0{content_type(path.suffix)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def differences(self) -> Differences:
        """Compare folder and bucket."""
        there = set(keys(self._client, self._bucket))
        upload = [name for name in self._files if name not in there or not self._is_same(name)]
        # The page last: by then all that it names is there.
        upload.sort(key=lambda name: (name.endswith(".html"), name))
        return Differences(tuple(upload), tuple(sorted(there - self._files.keys())))

    def apply(self, differences: Differences) -> None:
        """Upload, and then delete what is stale."""
        for name in differences.upload:
            path = self._files[name]
            self._client.put_object(
                Bucket=self._bucket,
                Key=name,
                Body=path.read_bytes(),
                ContentType=content_type(path.suffix),
                CacheControl=CACHE_CONTROL,
            )
        for name in differences.delete:
            self._client.delete_object(Bucket=self._bucket, Key=name)

    def _is_same(self, name: str) -> bool:
        path = self._files[name]
        try:
            there = self._client.head_object(Bucket=self._bucket, Key=name)
        except ClientError as error:
            if code_of(error) in {"404", "NoSuchKey"}:
                return False
            raise
        # The ETag of an object that was put whole and is encrypted by S3's own keys is its MD5.
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        found = (there["ETag"].strip('"'), there.get("ContentType"), there.get("CacheControl"))
        return found == (digest, content_type(path.suffix), CACHE_CONTROL)


def keys(client: S3Client, bucket: str) -> list[str]:
    """List what is in a bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def exists(client: S3Client, bucket: str) -> bool:
    """Say whether a bucket of this name is anybody's. Raises ClientError 403 if it is not this account's."""
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) in {"404", "NoSuchBucket"}:
            return False
        raise
    return True


def empty(client: S3Client, bucket: str) -> int:
    """Delete all files and return how many there were."""
    names = keys(client, bucket)
    for name in names:
        client.delete_object(Bucket=bucket, Key=name)
    return len(names)
