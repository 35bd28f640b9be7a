// The WebSocket of a browser, as far as the documents' example uses it, for a Node that has none of its own; with the Origin
// that a browser would send, which Node's own cannot.
import { randomBytes } from "node:crypto";
import { request } from "node:http";

globalThis.WebSocket = class {
  constructor(url, protocols) {
    const headers = {
      Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", Origin: process.env.ORIGIN,
      "Sec-WebSocket-Key": randomBytes(16).toString("base64"), "Sec-WebSocket-Protocol": protocols.join(", "),
    };
    const asked = request(url.replace(/^ws/, "http"), { headers });
    asked.on("upgrade", (response, socket, head) => {
      this.protocol = response.headers["sec-websocket-protocol"];
      this.socket = socket;
      let rest = head;
      const take = (data) => {
        rest = Buffer.concat([rest, data]);
        for (;;) {
          if (rest.length < 2) return;
          let [length, at] = [rest[1] & 127, 2];
          if (length === 126) [length, at] = [rest.length < 4 ? Infinity : rest.readUInt16BE(2), 4];
          else if (length === 127) [length, at] = [rest.length < 10 ? Infinity : Number(rest.readBigUInt64BE(2)), 10];
          if (rest.length < at + length) return;
          const [kind, body] = [rest[0] & 15, rest.subarray(at, at + length)];
          rest = rest.subarray(at + length);
          if (kind === 1) this.onmessage?.({ data: body.toString() });
          if (kind === 8) { socket.end(); this.onclose?.({ code: body.readUInt16BE(0), reason: body.subarray(2).toString() }); }
          if (kind === 9) this.frame(10, body);
        }
      };
      socket.on("data", take);
      this.onopen?.({});
      take(Buffer.alloc(0));
    });
    asked.on("response", (response) => { console.error(response.statusCode); this.onclose?.({ code: 1006, reason: "" }); response.resume(); });
    asked.on("error", () => this.onclose?.({ code: 1006, reason: "" }));
    asked.end();
  }
  frame(kind, body) {
    const mask = randomBytes(4);
    const head = body.length < 126 ? Buffer.from([128 | kind, 128 | body.length]) : Buffer.from([128 | kind, 254, body.length >> 8, body.length & 255]);
    this.socket.write(Buffer.concat([head, mask, body.map((byte, at) => byte ^ mask[at % 4])]));
  }
  send(text) { this.frame(1, Buffer.from(text)); }
  close(code = 1000) { this.frame(8, Buffer.from([code >> 8, code & 255])); }
};
