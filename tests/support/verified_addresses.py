"""What a table of users says of verified addresses, after a look that accounts and addresses fit."""

from chalicelib.adapters.dynamodb.items import address_key, user_key


def names_by_address(items):
    """The usernames by their verified addresses. Fails if an address leads to nobody, or elsewhere, or nothing does."""
    accounts = {item["user_id"]["S"]: item for item in items if "user_id" in item}
    assert len(accounts) == sum("user_id" in item for item in items), "no user has two names"
    leading = {
        item["username_key"]["S"]: (item["owner_id"]["S"], user_key(item["owner_name"]["S"])["username_key"]["S"])
        for item in items
        if "owner_id" in item and "credential_id" not in item
    }
    verified = [item for item in accounts.values() if item.get("email_verified", {}).get("BOOL")]
    fitting = {
        address_key(item["email"]["S"])["username_key"]["S"]: (item["user_id"]["S"], item["username_key"]["S"])
        for item in verified
    }
    assert len(fitting) == len(verified), "no address is verified for two users"
    assert leading == fitting
    return {item["email"]["S"]: item["username"]["S"] for item in verified}
