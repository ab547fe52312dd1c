"""Prints what was posted to each platform connection of an API key's owner. Needs nothing but Python 3."""

import json
import os
import sys
import time
import urllib.error
import urllib.request

API_URL = os.environ.get("API_URL", "http://localhost:3000")
ATTEMPTS = 5


def get(path):
    """The body of a GET. Waits as long as a 503 says, a few times."""
    headers = {"Authorization": f"Bearer {os.environ['API_KEY']}"}
    request = urllib.request.Request(API_URL + path, headers=headers)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            wait = error.headers.get("Retry-After")
            if error.code != 503 or wait is None or attempt == ATTEMPTS:
                raise
            time.sleep(int(wait))


def main():
    for platform in get("/v1/platforms?includeInactive=true"):
        stats = get(f"/v1/platforms/{platform['id']}/stats")
        print(f"{platform['name']}: {platform['status']}, {stats['totalPosts']} posts")


try:
    main()
except urllib.error.HTTPError as error:
    # Problem details (RFC 9457): the code is for programs, the detail for people.
    is_problem = error.headers.get_content_type() == "application/problem+json"
    problem = json.load(error) if is_problem else {"code": error.code, "detail": error.reason}
    sys.exit(f"{problem['code']}: {problem['detail']}")
