// The queue over TLS, with a certificate that only this test's program trusts.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { freePort, startPort, startRedis } from "./rig.mjs";

test("a server is reached over TLS if its certificate is trusted", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "waybill-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const content = ["-subj", "/CN=redis", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"];
  const kind = ["-addext", "basicConstraints=critical,CA:FALSE"];
  const out = ["-keyout", key, "-out", cert];
  execFileSync("openssl", [...request, ...content, ...kind, ...out], { stdio: "ignore" });
  const tls = await freePort();
  const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no"];
  const redis = await startRedis("--tls-port", `${tls}`, ...files, "--requirepass", "word");
  t.after(() => redis.stop());

  const url = `rediss://:word@127.0.0.1:${tls}`;
  const port = startPort(redis, url, { SSL_CERT_FILE: cert });
  t.after(() => port.stop());
  assert.deepEqual(await port.add("q", { id: "a" }), ["New"]);
  assert.deepEqual((await port.claim("q")).map(({ id }) => id), ["a"]);

  const distrusts = startPort(redis, url);
  t.after(() => distrusts.stop());
  await assert.rejects(distrusts.add("q", { id: "b" }), /unavailable/);
});
