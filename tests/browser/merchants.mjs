// What merchants do beside their orders: they hand in their KYC, and their systems take webhooks or do not.
import { once } from "node:events";
import { createServer } from "node:http";
import { deflateSync } from "node:zlib";
import { until } from "./story.mjs";

export const DETAILS = {
  legalName: "Asha Crafts Private Limited", businessKind: "private_limited", pan: "AAPFU0939F",
  gstin: "27AAPFU0939F1ZV", bank: { ifsc: "HDFC0000001", accountNumber: "50100123451234" },
  address: { line1: "12 Sample Street", city: "Pune", state: "Maharashtra", pincode: "411001" },
};
export const KINDS = ["pan_card", "gst_certificate", "cancelled_cheque", "address_proof"];

function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let n = 0; n < 8; n += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}

/** A picture of grey lines on a light card. */
export function png(width = 480, height = 300) {
  const number = (n) => Buffer.from(Uint32Array.of(n).buffer).reverse();
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    return Buffer.concat([number(data.length), body, number(crc(body))]);
  };
  const row = (y) => [0, ...Array.from({ length: width }, (_, x) =>
    (y % 40 > 24 && x > 30 && x < width - 30 - ((y - (y % 40)) * 7) % 160 ? 150 : 232))];
  const header = Buffer.concat([number(width), number(height), Buffer.from([8, 0, 0, 0, 0])]);
  const lines = deflateSync(Buffer.from(Array.from({ length: height }, (_, y) => row(y)).flat()));
  return Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), chunk("IHDR", header),
    chunk("IDAT", lines), chunk("IEND", Buffer.alloc(0))]);
}

/** One page that says this. */
export const pdf = (words) => Buffer.from(`%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj
4 0 obj<</Length ${words.length + 33}>>stream
BT /F 24 Tf 40 100 Td (${words}) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
`);

/** A merchant of this name with a token; `call(method, path, body)` fails unless the answer is good. */
export async function merchant(program, name) {
  const token = await program.token(name);
  const call = async (method, path, body) => {
    const raw = Buffer.isBuffer(body);
    const type = raw ? "application/octet-stream" : "application/json";
    const response = await fetch(program.url + path, {
      method, headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": type }) },
      body: raw ? body : body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text).data : null;
  };
  return {
    name, call,
    kyc: () => call("GET", "/v1/kyc"),
    tell: (changes) => call("PUT", "/v1/kyc", { ...DETAILS, ...changes }),
    upload: (kind, bytes, label = `${kind}.file`) =>
      call("PUT", `/v1/kyc/documents/${kind}?name=${encodeURIComponent(label)}`, bytes),
    submit: () => call("POST", "/v1/kyc/submit", {}),
    /** Tells, uploads pictures and a PDF, hands in. */
    async handIn(changes) {
      await this.tell(changes);
      for (const kind of KINDS) await this.upload(kind, kind === "gst_certificate" ? pdf(kind) : png());
      return this.submit();
    },
  };
}

/** A system that answers webhooks with `receiver.status`, and keeps the ids of what it was sent. */
export async function startReceiver(status = 200) {
  const receiver = { status, ids: [] };
  const server = createServer(async (request, response) => {
    await request.toArray();
    receiver.ids.push(request.headers["webhook-id"]);
    response.writeHead(receiver.status).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  receiver.url = `http://127.0.0.1:${server.address().port}/hooks`;
  receiver.stop = () => new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  });
  return receiver;
}

/**
 * An order of the shop whose event a receiver that answers 410 did not take, at so many addresses: `order`,
 * one `endpoint` and the `eventId`. Such an address is given up at once.
 */
export async function givenUp(program, story, shop, receiver, addresses = 1) {
  const made = [];
  for (let n = 0; n < addresses; n += 1) {
    const body = { url: `${receiver.url}/${shop.name}/${n}`, eventTypes: ["order.created"] };
    made.push(await shop.call("POST", "/v1/webhook-endpoints", body));
  }
  const order = await story.order({ merchant: shop.name });
  for (const { id } of made) {
    await until("the address to be given up", async () =>
      (await shop.call("GET", `/v1/webhook-endpoints/${id}`)).state === "disabled");
  }
  const [delivery] = await shop.call("GET", `/v1/webhook-endpoints/${made[0].id}/deliveries`);
  return { order, endpoint: made[0], eventId: delivery.eventId };
}
