// Starts the program as a newcomer would: in an empty folder, with nothing set but where to listen, and that
// it ends at once.
import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const BINARY = resolve(process.env.WAYBILL_BIN ?? "target/debug/waybill");

/** Where screenshots and the program's log go. */
export const OUT = resolve(process.env.BROWSER_OUT ?? "target/browser");

const TOKEN = (user) => ["token", "--user", user, "--ttl", "1h"];

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/**
 * The running program: its `url`, a `token()` for a merchant, the `text(file)` of a file in its data folder,
 * `run(args, input)` of its command line, and `stop()`, which gives its exit code. `settings` are WAYBILL_…
 */
export async function startProgram(settings = {}) {
  mkdirSync(OUT, { recursive: true });
  const cwd = await mkdtemp(join(tmpdir(), "waybill-browser-"));
  const outside = Object.entries(process.env).filter(([name]) => !name.startsWith("WAYBILL_"));
  const port = await freePort();
  // No load balancer has to learn that it ends.
  const own = { WAYBILL_HTTP__BIND: `127.0.0.1:${port}`, WAYBILL_HTTP__LINGER: "0s" };
  const env = { ...Object.fromEntries(outside), ...own, ...settings };
  const url = `http://127.0.0.1:${port}`;

  const child = spawn(BINARY, [], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(join(OUT, "waybill.log"));
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = new Promise((done, failed) => {
    child.on("error", failed);
    child.on("exit", (code, signal) => done(code ?? signal));
  });
  let gone;
  exited.then((code) => (gone = `exit ${code}`), (error) => (gone = error.message));

  const stop = async () => {
    // Longer than the 30 s that the program may drain; a program that has to be killed fails the test.
    const timer = setTimeout(() => child.kill("SIGKILL"), 35_000);
    child.kill("SIGTERM");
    const code = await exited;
    clearTimeout(timer);
    log.end();
    await rm(cwd, { recursive: true, force: true });
    return code;
  };

  const patience = Date.now() + 30_000;
  for (;;) {
    if (gone) throw new Error(`${BINARY} did not start (${gone}): see ${OUT}/waybill.log`);
    const answer = await fetch(`${url}/readyz`).catch(() => undefined);
    if (answer?.ok) break;
    if (Date.now() > patience) {
      await stop();
      throw new Error(`${url}/readyz did not say 200 within 30 s: see ${OUT}/waybill.log`);
    }
    await sleep(50);
  }

  const run = async (args, input = "") => {
    const running = promisify(execFile)(BINARY, args, { cwd, env });
    running.child.stdin.end(input);
    return (await running).stdout.trim();
  };
  const token = async (user = "browser-test") => run(TOKEN(user));
  const text = (file) => readFile(join(cwd, "data", file), "utf8");
  return { url, token, run, text, stop, pid: child.pid };
}
