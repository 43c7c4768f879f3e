"""Which files are in the site's bucket, under which keys."""

import shutil

import boto3
import pytest
from moto import mock_aws

from infra.deployment.errors import DeploymentError
from infra.deployment.site import CACHE_CONTROL, Site, empty

BUCKET = "a-site"


@pytest.fixture
def client(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def folder(tmp_path):
    for name, text in {
        "index.html": "<h1>Home</h1>",
        "js/page.js": "",
        "members/index.html": "<h1>Members</h1>",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def publish(client, folder):
    """Bring the bucket to what the folder has, and return what that took."""

    def publish():
        site = Site(client, BUCKET, folder)
        differences = site.differences()
        site.apply(differences)
        return differences

    return publish


def keys(client):
    return {item["Key"] for item in client.list_objects_v2(Bucket=BUCKET)["Contents"]}


def test_a_folders_index_is_stored_under_the_path_that_the_distribution_asks_for_too(client, publish):
    publish()

    assert keys(client) == {"index.html", "js/page.js", "members/index.html", "members/"}
    for key in ("members/index.html", "members/"):
        found = client.get_object(Bucket=BUCKET, Key=key)
        assert (found["Body"].read(), found["ContentType"]) == (b"<h1>Members</h1>", "text/html; charset=utf-8")


def test_pages_are_uploaded_after_all_that_they_refer_to(publish):
    assert publish().upload == ("js/page.js", "index.html", "members/", "members/index.html")


def test_a_second_time_changes_nothing_and_an_index_that_is_gone_takes_both_keys_with_it(client, folder, publish):
    publish()
    assert not publish()

    (folder / "members" / "index.html").unlink()

    assert publish().delete == ("members/", "members/index.html")
    assert keys(client) == {"index.html", "js/page.js"}


def test_a_bucket_is_emptied_of_old_versions_and_delete_markers_too(client, folder, publish):
    publish()
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    (folder / "index.html").write_text("<h1>Home, changed</h1>")
    (folder / "js" / "page.js").unlink()
    publish()
    found = client.list_object_versions(Bucket=BUCKET)
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (5, 1)

    assert empty(client, BUCKET) == 6

    client.delete_bucket(Bucket=BUCKET)  # which S3 refuses while there is anything in it


def test_a_version_that_is_not_deleted_is_an_error_that_names_it(client, publish, monkeypatch):
    publish()
    refused = [{"Key": "index.html", "Code": "AccessDenied"}]
    monkeypatch.setattr(client, "delete_objects", lambda **_arguments: {"Errors": refused})

    with pytest.raises(DeploymentError, match=r"index\.html: AccessDenied"):
        empty(client, BUCKET)


def test_what_was_overwritten_can_be_brought_back(client, folder, publish):
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    publish()
    (folder / "index.html").write_text("<h1>Broken</h1>")
    publish()
    (version,) = [
        each["VersionId"]
        for each in client.list_object_versions(Bucket=BUCKET, Prefix="index.html")["Versions"]
        if not each["IsLatest"]
    ]

    # As docs/operations/upgrade.md says it.
    source = f"{BUCKET}/index.html?versionId={version}"
    client.copy_object(Bucket=BUCKET, Key="index.html", CopySource=source)

    found = client.get_object(Bucket=BUCKET, Key="index.html")
    assert (found["Body"].read(), found["ContentType"]) == (b"<h1>Home</h1>", "text/html; charset=utf-8")
    assert found["CacheControl"] == CACHE_CONTROL


def test_a_file_of_the_sites_own_goes_before_one_of_ours_and_ours_comes_back_when_it_goes(client, folder, tmp_path):
    own = tmp_path / "own"
    (own / "members").mkdir(parents=True)
    (own / "members" / "index.html").write_text("<h1>Own</h1>")
    (own / "orders.html").write_text("<h1>Orders</h1>")
    ours = tmp_path / "ours"
    shutil.copytree(folder, ours, ignore=shutil.ignore_patterns("own"))

    def bodies():
        site = Site(client, BUCKET, own, ours)
        site.apply(site.differences())
        return {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys(client)}

    both = bodies()
    assert (both["members/"], both["members/index.html"]) == (b"<h1>Own</h1>", b"<h1>Own</h1>")
    assert (both["index.html"], both["orders.html"]) == (b"<h1>Home</h1>", b"<h1>Orders</h1>")
    shutil.rmtree(own)
    alone = bodies()
    assert "orders.html" not in alone
    assert (alone["members/"], alone["index.html"]) == (b"<h1>Members</h1>", b"<h1>Home</h1>")
