"""Pages an organisation through Okta's own Python SDK and compares the counts.

    python -m venv sdk-env && sdk-env/bin/pip install okta
    cargo run -p okta-sim -- --users 1250 --groups 60 &        # prints: listening on http://127.0.0.1:PORT
    sdk-env/bin/python page_through.py http://127.0.0.1:PORT TOKEN [USERS GROUPS MEMBERSHIPS]

USERS counts deprovisioned users, GROUPS counts Everyone, MEMBERSHIPS leaves Everyone's out; without them
the simulator is asked (GET /_sim/stats). Exits 1 on a mismatch, 2 on an error of the SDK.

Tried with version 3.4.6, whose `Authorization` header is `SSWStoken` without a space.
"""

import asyncio
import json
import os
import sys
import urllib.request

from okta.client import Client
from okta.pagination import PaginationHelper


async def page(call, **arguments):
    """Yields every row of a list, following its cursor."""
    after = None
    while True:
        rows, response, error = await call(after=after, **arguments)
        if error is not None:
            print(f"error of {call.__name__}: {error}", file=sys.stderr)
            sys.exit(2)
        for row in rows:
            yield row
        after = PaginationHelper.extract_next_cursor(response.headers)
        if after is None:
            return


async def count(url, token):
    # The only way to the SDK's testing switch that its constructor doesn't drop.
    os.environ["OKTA_TESTING_TESTINGDISABLEHTTPSCHECK"] = "true"
    client = Client({"orgUrl": url, "token": token})
    users = {user.id async for user in page(client.list_users, search="status pr", limit=200)}
    listed = {user.id async for user in page(client.list_users, limit=200)}
    groups = [group async for group in page(client.list_groups, limit=50, expand="stats")]
    memberships = 0
    for group in groups:
        if group.type == "BUILT_IN" and group.profile.actual_instance.name == "Everyone":
            continue
        members = [user.id async for user in page(client.list_group_users, group_id=group.id, limit=200)]
        assert set(members) <= users, f"{group.id} has members that are no users"
        memberships += len(members)
    return {
        "users": len(users),
        "users_listed": len(listed),
        "groups": len({group.id for group in groups}),
        "memberships": memberships,
    }


def expected(url, numbers):
    if numbers:
        return dict(zip(("users", "groups", "memberships"), map(int, numbers)))
    with urllib.request.urlopen(f"{url}/_sim/stats") as response:
        return json.load(response)["organisation"]


def main():
    url, token, *numbers = sys.argv[1:]
    wanted = expected(url, numbers)
    found = asyncio.run(count(url, token))
    wrong = {name: (value, wanted[name]) for name, value in found.items() if wanted.get(name, value) != value}
    for name, (value, want) in wrong.items():
        print(f"{name}: found {value}, expected {want}", file=sys.stderr)
    print(json.dumps(found))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
