// A JavaScript host's part of a sign-in: what it registers, where it listens for its answer, the
// browser that it opens, and the memory for what it was given. `sign_in.py` says the same in Python.
// No SDK is imported here; the members are those that both SDKs want of an `OAuthClientProvider`.

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";

const BROWSER = fileURLToPath(new URL("browser.mjs", import.meta.url));

export class SignIn {
  #client;
  #tokens;
  #verifier;
  #discovered;
  #answer;
  #server = createServer((request, response) => {
    this.#answer = new URL(request.url, this.redirectUrl).searchParams;
    response.end("You may close this page.");
  });

  /** How often a person was asked. */
  count = 0;

  /** `settings` is `{}` for a client that registers itself, else `{"id"}` or `{"document"}`. */
  static async open(settings) {
    const signIn = new SignIn();
    await new Promise((resolve) => signIn.#server.listen(0, "127.0.0.1", resolve));
    signIn.redirectUrl = `http://127.0.0.1:${signIn.#server.address().port}/callback`;
    signIn.clientMetadataUrl = settings.document;
    if (settings.id) signIn.#client = { client_id: settings.id };
    return signIn;
  }

  get clientMetadata() {
    return {
      client_name: "Interop host",
      redirect_uris: [this.redirectUrl],
      application_type: "native",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }

  state() {
    return randomUUID();
  }

  clientInformation() {
    return this.#client;
  }

  saveClientInformation(client) {
    this.#client = client;
  }

  tokens() {
    return this.#tokens;
  }

  saveTokens(tokens) {
    this.#tokens = tokens;
  }

  codeVerifier() {
    return this.#verifier;
  }

  saveCodeVerifier(verifier) {
    this.#verifier = verifier;
  }

  discoveryState() {
    return this.#discovered;
  }

  saveDiscoveryState(state) {
    this.#discovered = state;
  }

  /** Returns when the browser has brought the answer, or rejects with what the browser saw. */
  async redirectToAuthorization(url) {
    this.count += 1;
    this.#answer = undefined;
    await new Promise((resolve, reject) => {
      execFile(process.execPath, [BROWSER, url.href], (error, _out, seen) => {
        if (error) reject(new Error(`the browser: ${seen.trim()}`));
        else resolve();
      });
    });
  }

  /** The parameters of the redirect that came back. */
  answer() {
    if (!this.#answer) throw new Error("nobody came back from the sign-in");
    const refused = this.#answer.get("error");
    if (refused) throw new Error(`the sign-in: ${refused} ${this.#answer.get("error_description") ?? ""}`);
    return this.#answer;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
