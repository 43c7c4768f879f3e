"""The page's files in their bucket: which to upload, with which headers, and which to delete.

Owns content types and caching. File names have no hash, because the page has no build step. So browsers revalidate each
time (ETag). CloudFront caches a file for a year, and each change invalidates its cache. CloudFront asks the bucket for
each path as it is, and has an index for `/` only. So a folder's index is also stored under the folder's path.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from infra.deployment.errors import DeploymentError, code_of
from infra.local.static_site import INDEX, content_type

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

CACHE_CONTROL = "public, max-age=0, must-revalidate, s-maxage=31536000"
"""RFC 9111 section 5.2.2: private caches revalidate, shared caches keep files for a year."""


@dataclass(frozen=True)
class Differences:
    """The differences between the bucket and the folder, by file names."""

    upload: tuple[str, ...]
    delete: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.upload or self.delete)


class Site:
    """The files of folders, and the bucket that holds these files only.

    A file of an earlier folder goes before one of the same name in a later one.
    """

    def __init__(self, client: S3Client, bucket: str, *folders: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._files = {
            path.relative_to(folder).as_posix(): path
            for folder in reversed(folders)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        }
        indexes = {name.removesuffix(INDEX): path for name, path in self._files.items() if name.endswith(f"/{INDEX}")}
        self._files.update(indexes)

    def content_digest(self) -> str:
        """Return a digest of the files and their headers, in hex."""
        digest = hashlib.sha256(CACHE_CONTROL.encode())
        for name, path in self._files.items():
            digest.update(f"{name}\0{content_type(path.suffix)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def differences(self) -> Differences:
        """Compare folder and bucket."""
        there = set(keys(self._client, self._bucket))
        upload = [name for name in self._files if name not in there or not self._is_same(name)]
        # Pages last, so that all files that they refer to exist.
        upload.sort(key=lambda name: (self._files[name].suffix == ".html", name))
        return Differences(tuple(upload), tuple(sorted(there - self._files.keys())))

    def apply(self, differences: Differences) -> None:
        """Upload new and changed files, then delete old ones."""
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
        # The ETag is the MD5 of an object that was uploaded in one part and is encrypted with S3's own keys.
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        found = (there["ETag"].strip('"'), there.get("ContentType"), there.get("CacheControl"))
        return found == (digest, content_type(path.suffix), CACHE_CONTROL)


def keys(client: S3Client, bucket: str) -> list[str]:
    """Return the keys of all objects in a bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def exists(client: S3Client, bucket: str) -> bool:
    """Return whether a bucket of this name exists. Raises ClientError 403 if it belongs to another account."""
    try:
        client.head_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) in {"404", "NoSuchBucket"}:
            return False
        raise
    return True


def empty(client: S3Client, bucket: str) -> int:
    """Delete all objects in a bucket, with their old versions and delete markers, and return how many that were.

    Raises DeploymentError if some are still there. A bucket that was never versioned has one version of each object.
    """
    count = 0
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
        there = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        if not there:
            continue
        versions: list[ObjectIdentifierTypeDef] = [
            {"Key": each["Key"], "VersionId": each["VersionId"]} for each in there
        ]
        refused = client.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True}).get("Errors", [])
        if refused:
            raise DeploymentError(
                f"{len(refused)} files of the bucket {bucket} could not be deleted, the first of them"
                f" {refused[0].get('Key')}: {refused[0].get('Code')}. It needs s3:DeleteObjectVersion. Run the same"
                " command again"
            )
        count += len(versions)
    return count
