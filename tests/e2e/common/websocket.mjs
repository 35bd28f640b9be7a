// The WebSocket of a browser, as far as the documents' example uses it, for a Node that has none of its own; with the Origin
// that a browser would send, which Node's own cannot.
import { randomBytes } from "node:crypto";
import { request } from "node:http";

globalThis.WebSocket = class {
  readyState = 0;
  constructor(url, protocols) {
    const ends = (code, reason) => {
      if (this.readyState !== 3) { this.readyState = 3; this.onclose?.({ code, reason }); }
    };
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
          if (kind === 8) { socket.end(); ends(body.readUInt16BE(0), body.subarray(2).toString()); }
          if (kind === 9) this.frame(10, body);
        }
      };
      socket.on("data", take);
      socket.on("error", () => {});
      socket.on("close", () => ends(1006, ""));
      this.readyState = 1;
      this.onopen?.({});
      take(Buffer.alloc(0));
    });
    asked.on("response", (response) => { console.error(response.statusCode); ends(1006, ""); response.resume(); });
    asked.on("error", () => ends(1006, ""));
    asked.end();
  }
  frame(kind, body) {
    const mask = randomBytes(4);
    const head = body.length < 126 ? Buffer.from([128 | kind, 128 | body.length]) : Buffer.from([128 | kind, 254, body.length >> 8, body.length & 255]);
    this.socket.write(Buffer.concat([head, mask, body.map((byte, at) => byte ^ mask[at % 4])]));
  }
  send(text) { this.frame(1, Buffer.from(text)); }
  close(code = 1000) { if (this.readyState === 1) this.frame(8, Buffer.from([code >> 8, code & 255])); }
};
