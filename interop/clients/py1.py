"""A host built on the Python SDK 1.x, which knows only the revisions up to 2025-11-25.

`--era` is therefore not used.
"""

from contextlib import asynccontextmanager
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.types import PaginatedRequestParams

from contract import Plan, call_again, document, every_page, main, step
from sign_in import SignIn


@asynccontextmanager
async def streams(plan: Plan, sign_in: SignIn):
    if plan.url:
        auth = None
        if plan.sign_in is not None:
            auth = sign_in.provider(plan.url, lambda answer: (answer["code"], answer.get("state")))
        async with create_mcp_http_client(headers=plan.headers, auth=auth) as http:
            async with streamable_http_client(plan.url, http_client=http) as (read, write, _):
                yield read, write
    else:
        command, *arguments = plan.command
        server = StdioServerParameters(command=command, args=arguments, cwd=plan.cwd)
        async with stdio_client(server) as (read, write):
            yield read, write


def page(cursor: str | None) -> PaginatedRequestParams | None:
    return PaginatedRequestParams(cursor=cursor) if cursor else None


async def session(plan: Plan, report: dict[str, Any]) -> None:
    async with (
        SignIn(plan.sign_in or {}) as sign_in,
        streams(plan, sign_in) as (read, write),
        ClientSession(read, write) as client,
    ):
        greeting = await step("connect", client.initialize())
        report["protocolVersion"] = greeting.protocolVersion
        tools = await every_page("tools/list", "tools", "nextCursor", lambda c: client.list_tools(params=page(c)))
        report["tools"] = [tool.name for tool in tools]
        if plan.call:
            name, arguments = plan.call
            report["call"] = document(await step("tools/call", client.call_tool(name, arguments)))
        if plan.resource:
            resources = await every_page(
                "resources/list", "resources", "nextCursor", lambda c: client.list_resources(params=page(c))
            )
            report["resources"] = [str(resource.uri) for resource in resources]
            report["resource"] = document(await step("resources/read", client.read_resource(plan.resource)))
        if plan.prompt:
            prompts = await every_page(
                "prompts/list", "prompts", "nextCursor", lambda c: client.list_prompts(params=page(c))
            )
            report["prompts"] = [prompt.name for prompt in prompts]
            name, arguments = plan.prompt
            report["prompt"] = document(await step("prompts/get", client.get_prompt(name, arguments)))
        await call_again(plan, client.call_tool, report)
        report["signIns"] = sign_in.count


main("py1", session)
