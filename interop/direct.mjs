// Runs every client directly against every server, without a gateway in between, as `peers.json`
// lists them. A test that fails through the gateway and passes here has found a fault of the
// gateway; one that fails here too has found a fault of the peers.
//
//   node direct.mjs [CLIENT|SERVER…]    only the pairs that have one of the names in them

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const interop = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");
const only = process.argv.slice(2);
const { clients, servers } = JSON.parse(readFileSync(join(interop, "peers.json"), "utf8"));
const scratch = mkdtempSync(join(tmpdir(), "portcullis-interop-"));
let failed = 0;

try {
  furnish();
  for (const [name, server] of Object.entries(servers)) {
    await everyClient(name, server, "stdio", { command: stdioCommand(server) });
    if (server.http) await overHttp(name, server);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(failed === 0 ? "every pair passed\n" : `${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);

/** The files that the filesystem, memory and git servers are asked about. */
function furnish() {
  writeFileSync(join(scratch, "hello.txt"), "hello\n");
  const ada = { type: "entity", name: "Ada", entityType: "person", observations: ["writes programs"] };
  writeFileSync(join(scratch, "memory.jsonl"), `${JSON.stringify(ada)}\n`);
  const repository = join(scratch, "repository");
  mkdirSync(repository);
  const git = (...argv) => execFileSync("git", ["-C", repository, ...argv], { stdio: "ignore" });
  git("init");
  git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--allow-empty", "-m", "first commit");
}

function stdioCommand(server) {
  const argv = fill(server.stdio);
  const env = Object.entries(fill(server.env ?? {})).map(([key, value]) => `${key}=${value}`);
  return env.length === 0 ? argv : ["env", ...env, ...argv];
}

async function overHttp(name, server) {
  const port = await freePort();
  const { command, env, url } = fill(server.http, port);
  const child = spawn(command[0], command.slice(1), { env: { ...process.env, ...env }, stdio: "ignore" });
  try {
    await listening(port, child);
    await everyClient(name, server, "http", { url });
  } finally {
    child.kill();
  }
}

async function everyClient(name, server, transport, peer) {
  for (const [client, { command, eras }] of Object.entries(clients)) {
    for (const era of eras.filter((era) => era === "auto" || server.eras.includes(era))) {
      if (only.length > 0 && !only.includes(client) && !only.includes(name)) continue;
      const problem = await pair(fill(command), server, era, peer);
      failed += problem === undefined ? 0 : 1;
      process.stdout.write(`${problem === undefined ? "ok  " : "FAIL"} ${client} ${era} → ${name} ${transport}\n`);
      if (problem !== undefined) process.stdout.write(`     ${problem.trim().replaceAll("\n", "\n     ")}\n`);
    }
  }
}

/** Runs one client against one server; returns what is wrong, if anything is. */
async function pair([program, ...argv], server, era, peer) {
  const asked = fill({ call: server.call, resource: server.resource, prompt: server.prompt });
  argv.push("--era", era);
  argv.push(...(peer.url ? ["--url", peer.url] : ["--command", JSON.stringify(peer.command)]));
  argv.push("--call", asked.call.name, "--arguments", JSON.stringify(asked.call.arguments));
  if (asked.resource) argv.push("--resource", asked.resource.uri);
  if (asked.prompt) argv.push("--prompt", asked.prompt.name, "--prompt-arguments", JSON.stringify(asked.prompt.arguments));
  const { code, out, err } = await run(program, argv);
  if (code !== 0) return err;
  const report = JSON.parse(out);
  if (!report.tools.includes(asked.call.name)) return `tools/list lacks ${asked.call.name}`;
  if (era === "modern" && report.protocolVersion !== "2026-07-28") return `negotiated ${report.protocolVersion}`;
  if (report.call.isError) return `call failed: ${JSON.stringify(report.call)}`;
  for (const part of ["call", "resource", "prompt"]) {
    const said = JSON.stringify(report[part]);
    if (asked[part] && !said.includes(asked[part].expect)) return `${part} lacks ${asked[part].expect}: ${said}`;
  }
  return undefined;
}

function fill(value, port) {
  const text = JSON.stringify(value)
    .replaceAll("{interop}", interop)
    .replaceAll("{scratch}", scratch)
    .replaceAll("{port}", String(port));
  return JSON.parse(text);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const listener = createServer().on("error", reject);
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });
}

/** Resolves when the port takes connections, rejects when the server has ended or 20 s have passed. */
async function listening(port, child) {
  const deadline = Date.now() + 20_000;
  while (child.exitCode === null && Date.now() < deadline) {
    const open = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
      socket.setTimeout(1000, () => resolve(false));
      socket.on("close", () => resolve(false)).on("connect", () => socket.end());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

function run(program, argv) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}
