"""The contract that every Python client here keeps; `contract.mjs` says the same in JavaScript.

No SDK is imported here, because the two clients use two that cannot be installed together.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Awaitable, Callable


@dataclass(frozen=True)
class Plan:
    """What a client is told to do."""

    url: str | None
    headers: dict[str, str]
    sign_in: dict[str, str] | None
    command: list[str] | None
    cwd: str | None
    era: str
    again: int
    timeout: float
    call: tuple[str, dict[str, Any]] | None
    resource: str | None
    prompt: tuple[str, dict[str, str]] | None


class Failed(Exception):
    """A failure with the operation that it happened in."""


def plan() -> Plan:
    parser = argparse.ArgumentParser()
    peer = parser.add_mutually_exclusive_group(required=True)
    peer.add_argument("--url")
    peer.add_argument("--command", type=json.loads)
    parser.add_argument("--bearer")
    parser.add_argument("--sign-in", type=json.loads)
    parser.add_argument("--cwd")
    parser.add_argument("--call")
    parser.add_argument("--arguments", type=json.loads, default={})
    parser.add_argument("--resource")
    parser.add_argument("--prompt")
    parser.add_argument("--prompt-arguments", type=json.loads, default={})
    parser.add_argument("--era", choices=["auto", "legacy", "modern"], default="auto")
    parser.add_argument("--protocol", help="not used: the SDK offers the newest that it knows")
    parser.add_argument("--again", type=int, default=0)
    parser.add_argument("--timeout-ms", type=int, default=20000)
    given = parser.parse_args()
    return Plan(
        url=given.url,
        headers={"Authorization": f"Bearer {given.bearer}"} if given.bearer else {},
        sign_in=given.sign_in,
        command=given.command,
        cwd=given.cwd,
        era=given.era,
        again=given.again,
        timeout=given.timeout_ms / 1000,
        call=(given.call, given.arguments) if given.call else None,
        resource=given.resource,
        prompt=(given.prompt, given.prompt_arguments) if given.prompt else None,
    )


async def step(operation: str, action: Awaitable[Any]) -> Any:
    """Runs one operation, naming it in the error."""
    try:
        return await action
    except Exception as wrapped:
        error = innermost(wrapped)
        # Both SDKs carry a JSON-RPC error as `.error` with code and message.
        detail = getattr(error, "error", None)
        code = f" {detail.code}" if detail is not None else ""
        raise Failed(f"{operation}:{code} {error or type(error).__name__}") from wrapped


def innermost(error: BaseException) -> BaseException:
    """Task groups wrap what went wrong, often twice; the wrapping tells nobody anything."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def every_page(operation: str, key: str, cursor_name: str, request: Callable[..., Awaitable[Any]]) -> list[Any]:
    """Follows the cursor until the list is complete."""
    items: list[Any] = []
    cursor = None
    while True:
        page = await step(operation, request(cursor))
        items.extend(getattr(page, key))
        cursor = getattr(page, cursor_name)
        if cursor is None:
            return items


async def call_again(plan: Plan, call: Callable[..., Awaitable[Any]], report: dict[str, Any]) -> None:
    """Makes the call again after each line on standard input, and says when it waits for one."""
    if plan.again and plan.call:
        report["again"] = []
        for time in range(1, plan.again + 1):
            print(json.dumps({"waiting": time}), flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            answer = await step(f"tools/call, again {time}", call(*plan.call))
            report["again"].append(document(answer))


def document(result: Any) -> Any:
    """A result as the JSON document that the protocol defines."""
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


def main(client: str, session: Callable[[Plan, dict[str, Any]], Awaitable[None]]) -> None:
    """Runs a client: prints its report as one JSON document, or its failure on stderr with exit 1."""
    todo = plan()
    report: dict[str, Any] = {"client": client, "version": version("mcp")}
    try:
        asyncio.run(asyncio.wait_for(session(todo, report), todo.timeout))
    except BaseException as wrapped:
        error = innermost(wrapped)
        line = str(error) if isinstance(error, Failed) else f"{client}: {type(error).__name__} {error}"
        print(line.rstrip(), file=sys.stderr)
        sys.exit(1)
    print(json.dumps(report, ensure_ascii=False))
