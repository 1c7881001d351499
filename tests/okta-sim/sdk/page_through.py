"""Pages an organisation through Okta's own Python SDK and compares the counts.

    python -m venv sdk-env && sdk-env/bin/pip install okta
    cargo run -p okta-sim -- --users 1250 --groups 60 --apps 25 &   # prints: listening on URL
    sdk-env/bin/python page_through.py URL TOKEN [USERS GROUPS MEMBERSHIPS]

USERS counts deprovisioned users, GROUPS counts Everyone, MEMBERSHIPS leaves Everyone's out; without them
the simulator is asked (GET /_sim/stats). The System Log is read after GROUPS_MADE groups were made and deleted
again, both by polling and between two times. Exits 1 on a mismatch, 2 on an error of the SDK.

Tried with version 3.4.6, whose `Authorization` header is `SSWStoken` without a space.
"""

import asyncio
import json
import os
import sys
import urllib.request

from okta.client import Client
from okta.pagination import PaginationHelper


GROUPS_MADE = 70


async def page(call, **arguments):
    """Yields every row of a list, following its cursor; a poll of the log ends with an empty page."""
    after = None
    while True:
        rows, response, error = await call(after=after, **arguments)
        if error is not None:
            print(f"error of {call.__name__}: {error}", file=sys.stderr)
            sys.exit(2)
        for row in rows:
            yield row
        after = PaginationHelper.extract_next_cursor(response.headers)
        if after is None or not rows:
            return


def control(url, path, body):
    """Changes the organisation through the simulator's own endpoints."""
    request = urllib.request.Request(f"{url}/_sim/{path}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as response:
        return json.load(response)


async def count_events(client, url):
    """Makes groups and deletes them again; how many such events a poll and a bounded query tell of."""
    made = [control(url, "groups", {"name": f"made {nth}"})["id"] for nth in range(GROUPS_MADE)]
    for group in made:
        control(url, f"groups/{group}/delete", {})
    polled = {}
    async for event in page(client.list_log_events, filter='target.type eq "UserGroup"', limit=50):
        if event.target[0].id in made:
            polled[event.uuid] = event.event_type
    newest_first = page(client.list_log_events, sort_order="DESCENDING", limit=50)
    bounded = {event.uuid async for event in newest_first if event.target[0].id in made}
    assert set(polled) == bounded, "a poll and a bounded query differ"
    return {
        "groups_created": sum(kind == "group.lifecycle.create" for kind in polled.values()),
        "groups_deleted": sum(kind == "group.lifecycle.delete" for kind in polled.values()),
    }


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
    apps = [app async for app in page(client.list_applications, limit=10)]
    for app in apps:
        assigned = page(client.list_application_users, app_id=app.id, limit=5, expand="user")
        assert {user.id async for user in assigned} <= users, f"{app.id} has users that are no users"
        groups_of_app = page(client.list_application_group_assignments, app_id=app.id)
        assert {group.id async for group in groups_of_app} <= {group.id for group in groups}
    return {
        "users": len(users),
        "users_listed": len(listed),
        "groups": len({group.id for group in groups}),
        "memberships": memberships,
        "apps": len({app.id for app in apps}),
        **await count_events(client, url),
    }


def expected(url, numbers):
    events = {"groups_created": GROUPS_MADE, "groups_deleted": GROUPS_MADE}
    if numbers:
        return events | dict(zip(("users", "groups", "memberships"), map(int, numbers)))
    with urllib.request.urlopen(f"{url}/_sim/stats") as response:
        return events | json.load(response)["organisation"]


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
