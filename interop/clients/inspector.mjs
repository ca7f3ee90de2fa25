// The Inspector's command-line client, run once per operation as its README tells. It wants
// Node 22.19 or later; the lock file carries one for Linux on x86-64, so that an older Node on
// the machine is enough there.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { main, step } from "./contract.mjs";

const { version } = createRequire(import.meta.url)("../node_modules/@modelcontextprotocol/inspector/package.json");
const modules = fileURLToPath(new URL("../node_modules/", import.meta.url));
const launcher = join(modules, "@modelcontextprotocol/inspector/clients/launcher/build/index.js");

await main("inspector", version, async (plan) => {
  // The Inspector keeps state under the home directory; the user's own must stay as it is.
  const home = await mkdtemp(join(tmpdir(), "portcullis-inspector-"));
  try {
    return await operations(plan, (method, ...options) => step(method, () => inspect(plan, home, method, options)));
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});

async function operations(plan, inspector) {
  const report = { protocolVersion: (await inspector("initialize")).protocolVersion };
  report.tools = (await inspector("tools/list")).tools.map((tool) => tool.name);
  if (plan.call) {
    report.call = await inspector(
      "tools/call",
      "--tool-name",
      plan.call.name,
      "--tool-args-json",
      JSON.stringify(plan.call.arguments),
    );
  }
  if (plan.resource) {
    report.resources = (await inspector("resources/list")).resources.map((resource) => resource.uri);
    report.resource = await inspector("resources/read", "--uri", plan.resource);
  }
  if (plan.prompt) {
    report.prompts = (await inspector("prompts/list")).prompts.map((prompt) => prompt.name);
    const pairs = Object.entries(plan.prompt.arguments).map(([key, value]) => `${key}=${value}`);
    const values = pairs.length === 0 ? [] : ["--prompt-args", ...pairs];
    report.prompt = await inspector("prompts/get", "--prompt-name", plan.prompt.name, ...values);
  }
  return report;
}

/** One run of the CLI; returns the JSON it prints, or fails with what it says. */
async function inspect(plan, home, method, options) {
  const target = plan.url
    ? ["--server-url", plan.url, "--transport", "http", ...headerOptions(plan.headers)]
    : [...plan.command];
  const placed = plan.url
    ? [...target, "--method", method, ...options]
    : ["--method", method, ...options, ...(plan.cwd ? ["--cwd", plan.cwd] : []), "--", ...target];
  const argv = [launcher, "--cli", "--format", "json", "--protocol-era", plan.era, ...placed];
  const { code, out, err } = await run(node(), argv, { ...process.env, HOME: home });
  if (code !== 0) throw new Error(`exit ${code}: ${(err || out).trim()}`);
  return JSON.parse(out).result ?? JSON.parse(out);
}

function headerOptions(headers) {
  return Object.entries(headers).flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
}

/** The Node that runs the Inspector: this one if it is new enough, else the one in the lock file. */
function node() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 19)) return process.execPath;
  const carried = join(modules, "node22/bin/node");
  if (existsSync(carried)) return carried;
  throw new Error(`the Inspector needs Node 22.19 or later, this is ${process.versions.node}`);
}

function run(program, argv, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}
