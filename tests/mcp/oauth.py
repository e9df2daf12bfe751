"""The official Python client logs in to Meanwhile by itself, and again when it needs more.

Usage: oauth.py MODE URL: MODE is `legacy` (2025-11-25) or `auto` (2026-07-28); URL is that of /mcp.
The authorization server agrees to everything: its page is the redirect back.
"""

import asyncio
import sys
from urllib.parse import parse_qs, urlparse

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

VERSIONS = {"legacy": "2025-11-25", "auto": "2026-07-28"}
REDIRECT = "http://127.0.0.1:3000/callback"


class Storage:
    """Keeps what the client got in memory."""

    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """Opens the page that the client asks for, and brings back where it leads."""

    asked = []

    async def open(self, url):
        self.asked.append(parse_qs(urlparse(url).query)["scope"][0])
        async with httpx2.AsyncClient(trust_env=False) as http:
            self.back = (await http.get(url)).headers["location"]

    async def came_back(self):
        assert self.back.startswith(REDIRECT), self.back
        query = {name: values[0] for name, values in parse_qs(urlparse(self.back).query).items()}
        return AuthorizationCodeResult(**query)


async def main(mode, url):
    storage, browser = Storage(), Browser()
    login = OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(client_name="test", redirect_uris=[REDIRECT]),
        storage=storage,
        redirect_handler=browser.open,
        callback_handler=browser.came_back,
    )
    async with httpx2.AsyncClient(auth=login, trust_env=False) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            assert client.protocol_version == VERSIONS[mode], client.protocol_version
            job = {"title": "Stretch", "payload": "Remind me to stretch", "job_type": "RECURRING",
                   "trigger_config": {"interval_seconds": 86_400}}
            made = await client.call_tool("job_create", job)
            assert not made.is_error, made
            job = made.structured_content["job"]
            assert browser.asked == ["jobs:read jobs:write"], browser.asked
            run = {"job_id": job["job_id"], "run_now": True}
            ran = await client.call_tool("job_update", run)
            assert not ran.is_error, ran
            first, more = browser.asked
            assert set(more.split()) == {*first.split(), "jobs:run"}, more
            by = job["created_by"]
            print(f"as {storage.client.client_id} for {by['user_id'] if isinstance(by, dict) else by}")


asyncio.run(main(*sys.argv[1:]))
