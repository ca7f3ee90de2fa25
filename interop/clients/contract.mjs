// The contract that every JavaScript client here keeps: how it is told what to do, and how it
// reports what happened. `contract.py` says the same in Python. No SDK is imported here.

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const USAGE = `usage: CLIENT (--url URL [--bearer TOKEN | --sign-in JSON] | --command '["program","argument"]' [--cwd DIR])
              [--call TOOL [--arguments JSON]] [--resource URI] [--prompt NAME [--prompt-arguments JSON]]
              [--era auto|legacy|modern] [--protocol VERSION] [--again N] [--timeout-ms N]`;

/** A failure with the operation that it happened in. */
export class Failed extends Error {
  constructor(operation, cause) {
    const code = cause?.code === undefined ? "" : ` ${cause.code}`;
    super(`${operation}:${code} ${cause?.message ?? cause}`, { cause });
  }
}

/** Reads the command line. Exits 2 on wrong use. */
export function plan() {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: "string" },
        bearer: { type: "string" },
        "sign-in": { type: "string" },
        command: { type: "string" },
        cwd: { type: "string" },
        call: { type: "string" },
        arguments: { type: "string", default: "{}" },
        resource: { type: "string" },
        prompt: { type: "string" },
        "prompt-arguments": { type: "string", default: "{}" },
        era: { type: "string", default: "auto" },
        protocol: { type: "string" },
        again: { type: "string", default: "0" },
        "timeout-ms": { type: "string", default: "20000" },
      },
    });
    if ((values.url === undefined) === (values.command === undefined)) {
      throw new Error("give exactly one of --url and --command");
    }
    if (!["auto", "legacy", "modern"].includes(values.era)) {
      throw new Error(`unknown era: ${values.era}`);
    }
    const command = values.command === undefined ? undefined : JSON.parse(values.command);
    if (command !== undefined && !(Array.isArray(command) && command.length > 0)) {
      throw new Error("--command wants a JSON array of strings");
    }
    return {
      url: values.url,
      headers: values.bearer === undefined ? {} : { Authorization: `Bearer ${values.bearer}` },
      signIn: values["sign-in"] && JSON.parse(values["sign-in"]),
      command,
      cwd: values.cwd,
      era: values.era,
      protocol: values.protocol,
      again: Number(values.again),
      timeout: Number(values["timeout-ms"]),
      call: values.call && { name: values.call, arguments: JSON.parse(values.arguments) },
      resource: values.resource,
      prompt: values.prompt && { name: values.prompt, arguments: JSON.parse(values["prompt-arguments"]) },
    };
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    process.exit(2);
  }
}

/** Runs one operation, naming it in the error. */
export async function step(operation, action) {
  try {
    return await action();
  } catch (error) {
    throw new Failed(operation, error);
  }
}

/** Follows `nextCursor` until the list is complete. */
export async function everyPage(operation, key, request) {
  return step(operation, async () => {
    const items = [];
    let cursor;
    do {
      const page = await request(cursor === undefined ? {} : { cursor });
      items.push(...page[key]);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return items;
  });
}

/**
 * Does what the plan asks with a connected client that has the SDK's method names. `attempt` runs a
 * call, and what must come before it can be tried again.
 */
export async function carryOut(plan, client, attempt = (action) => action()) {
  const report = {};
  const tools = await everyPage("tools/list", "tools", (page) => client.listTools(page));
  report.tools = tools.map((tool) => tool.name);
  if (plan.call) {
    report.call = await step("tools/call", () => client.callTool(plan.call));
  }
  if (plan.resource) {
    const resources = await everyPage("resources/list", "resources", (page) => client.listResources(page));
    report.resources = resources.map((resource) => resource.uri);
    report.resource = await step("resources/read", () => client.readResource({ uri: plan.resource }));
  }
  if (plan.prompt) {
    const prompts = await everyPage("prompts/list", "prompts", (page) => client.listPrompts(page));
    report.prompts = prompts.map((prompt) => prompt.name);
    report.prompt = await step("prompts/get", () => client.getPrompt(plan.prompt));
  }
  if (plan.again > 0) report.again = await callAgain(plan, client, attempt);
  return report;
}

/** Makes the call again after each line on standard input, and says when it waits for one. */
async function callAgain(plan, client, attempt) {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const answers = [];
  for (let time = 1; time <= plan.again; time += 1) {
    process.stdout.write(`${JSON.stringify({ waiting: time })}\n`);
    await lines.next();
    answers.push(await step(`tools/call, again ${time}`, () => attempt(() => client.callTool(plan.call))));
  }
  return answers;
}

/** Runs a client: prints its report as one JSON document, or its failure on stderr with exit 1. */
export async function main(client, version, session) {
  const todo = plan();
  const deadline = setTimeout(() => fail(new Failed(client, new Error(`no end after ${todo.timeout} ms`))), todo.timeout);
  try {
    const report = await session(todo);
    clearTimeout(deadline);
    process.stdout.write(`${JSON.stringify({ client, version, ...report })}\n`, () => process.exit(0));
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  process.stderr.write(`${error.message}\n`, () => process.exit(1));
}
