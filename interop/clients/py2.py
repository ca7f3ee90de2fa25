"""A host built on the Python SDK 2.x.

With `--era auto` it probes with `server/discover` and falls back to `initialize`; `legacy`
forces the handshake, `modern` adopts 2026-07-28 without asking.
"""

from contextlib import AsyncExitStack
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult

from contract import Plan, call_again, document, every_page, main, step
from sign_in import SignIn

MODERN = "2026-07-28"


async def session(plan: Plan, report: dict[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        sign_in = await stack.enter_async_context(SignIn(plan.sign_in or {}))
        if plan.url:
            auth = None
            if plan.sign_in is not None:
                auth = sign_in.provider(plan.url, came_back)
            http = await stack.enter_async_context(create_mcp_http_client(headers=plan.headers, auth=auth))
            server = streamable_http_client(plan.url, http_client=http)
        else:
            command, *arguments = plan.command
            server = StdioServerParameters(command=command, args=arguments, cwd=plan.cwd)
        mode = MODERN if plan.era == "modern" else plan.era
        client = await step("connect", stack.enter_async_context(Client(server, mode=mode)))
        report["protocolVersion"] = client.protocol_version
        await operations(plan, client, report)
        await call_again(plan, client.call_tool, report)
        report["signIns"] = sign_in.count


def came_back(answer: dict[str, str]) -> AuthorizationCodeResult:
    return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))


async def operations(plan: Plan, client: Client, report: dict[str, Any]) -> None:
    tools = await every_page("tools/list", "tools", "next_cursor", lambda c: client.list_tools(cursor=c))
    report["tools"] = [tool.name for tool in tools]
    if plan.call:
        name, arguments = plan.call
        report["call"] = document(await step("tools/call", client.call_tool(name, arguments)))
    if plan.resource:
        resources = await every_page(
            "resources/list", "resources", "next_cursor", lambda c: client.list_resources(cursor=c)
        )
        report["resources"] = [resource.uri for resource in resources]
        report["resource"] = document(await step("resources/read", client.read_resource(plan.resource)))
    if plan.prompt:
        prompts = await every_page("prompts/list", "prompts", "next_cursor", lambda c: client.list_prompts(cursor=c))
        report["prompts"] = [prompt.name for prompt in prompts]
        name, arguments = plan.prompt
        report["prompt"] = document(await step("prompts/get", client.get_prompt(name, arguments)))


main("py2", session)
