"""A Python host's part of a sign-in; `sign_in.mjs` says the same in JavaScript.

The two SDKs have the same provider but for what its callback returns, which the client says.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any, Callable
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from contract import Failed

BROWSER = Path(__file__).with_name("browser.mjs")


class Memory:
    """What the SDK wants kept."""

    def __init__(self, client: OAuthClientInformationFull | None) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class SignIn:
    """The listener for the answer, and how often a person was asked."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings
        self.count = 0
        self.redirect = ""
        self.answer: dict[str, str] = {}

    async def __aenter__(self) -> "SignIn":
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.redirect = f"http://127.0.0.1:{port}/callback"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readline()).decode()
        while (await reader.readline()).strip():
            pass
        query = parse_qs(urlsplit(line.split(" ")[1]).query)
        self.answer = {name: values[0] for name, values in query.items()}
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 7\r\n\r\nClosed.")
        await writer.drain()
        writer.close()

    async def open_browser(self, url: str) -> None:
        self.count += 1
        self.answer = {}
        browser = await asyncio.create_subprocess_exec(
            "node", str(BROWSER), url, stderr=asyncio.subprocess.PIPE
        )
        _, seen = await browser.communicate()
        if browser.returncode != 0:
            raise Failed(f"the browser: {seen.decode().strip()}")
        if "error" in self.answer:
            raise Failed(f"the sign-in: {self.answer['error']} {self.answer.get('error_description', '')}")

    def provider(self, url: str, returned: Callable[[dict[str, str]], Any]) -> OAuthClientProvider:
        """The SDK's provider. `returned` makes of the redirect's parameters what the SDK expects."""
        told: dict[str, Any] = {
            "redirect_uris": [self.redirect],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        }
        known = None
        if "id" in self.settings:
            known = OAuthClientInformationFull(client_id=self.settings["id"], **told)

        async def come_back() -> Any:
            return returned(self.answer)

        return OAuthClientProvider(
            url,
            OAuthClientMetadata(client_name="Interop host", **told),
            Memory(known),
            redirect_handler=self.open_browser,
            callback_handler=come_back,
            client_metadata_url=self.settings.get("document"),
        )


if __name__ == "__main__":
    sys.exit("a part of the clients")
