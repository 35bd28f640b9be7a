"""What must hold of the facades of JSON and of HTTP: order, once, resuming, interrupts, input, what is too large, garbage.
With nothing but Python's own library, as somebody without ours would come. Arguments: where (ws://127.0.0.1:PORT), what."""
import base64, http.client, json, os, random, select, socket, struct, sys
from urllib.parse import urlsplit

url, token = urlsplit(sys.argv[1]), os.environ["RIALTO_TOKEN"]
dice = random.Random(7)


def eval_id():
    return base64.b32encode(dice.randbytes(16)).decode().lower().rstrip("=")


class Json:
    def __init__(self, session="work"):
        self.socket = socket.create_connection((url.hostname, url.port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(f"GET /v1/ws?session={session}&kernel=python HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: rialto.json.v1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        self.stream = self.socket.makefile("rb")
        assert b" 101 " in (status := self.stream.readline()), status
        while self.stream.readline().strip():
            pass

    def frame(self, kind, data, mask=b"\1\2\3\4"):
        size = struct.pack("!BBQ", 0x80 | kind, 0xFF, len(data))
        masked = bytes(a ^ b for a, b in zip(data, mask * (len(data) // 4 + 1)))
        self.socket.sendall(size + mask + masked)

    def say(self, **message):
        self.frame(1, json.dumps(message).encode())

    def next(self):
        """The next message; (code, reason) where it is closed; None where it is cut."""
        while head := self.stream.read(2):
            size = head[1] if head[1] < 126 else int.from_bytes(self.stream.read(2 if head[1] == 126 else 8), "big")
            data = self.stream.read(size)
            if head[0] & 15 == 1:
                return json.loads(data)
            if head[0] & 15 == 8:
                return int.from_bytes(data[:2], "big"), data[2:].decode()

    def until(self, **wanted):
        while True:
            message = self.next()
            assert isinstance(message, dict), message
            if all(message.get(key) == value for key, value in wanted.items()):
                return message

    def closed(self):
        while isinstance(message := self.next(), dict):
            pass
        return message

    def run(self, code, **more):
        """Submits, and gives what it printed and how it ended."""
        name, out, number = eval_id(), "", None
        self.say(type="submit", eval=name, code=code, **more)
        while True:
            message = self.next()
            if message.get("eval") == name and "n" in message:
                number = message["n"]
            if message["type"] == "output" and message["n"] == number:
                out += "".join(run["data"] for run in message["runs"])
            if message["type"] == "ended" and message["n"] == number:
                return out, message


def works(by=None):
    other = by or Json()
    if not by:
        other.say(type="attach", tail=0)
    out, ended = other.run("print('works')")
    assert (out, ended["outcome"]) == ("works\n", "ok"), (out, ended)
    return other


def json_order():
    ws = Json()
    ws.say(type="attach")
    for n in range(300):
        ws.say(type="submit", eval=eval_id(), code=f"import sys; print('o{n}'); print('e{n}', file=sys.stderr)")
    lines, last, ended = [], 0, 0
    while ended < 300:
        message = ws.next()
        if "seq" in message:
            assert message["seq"] == last + 1, (message, last)
            last = message["seq"]
        if message["type"] == "output":
            lines += "".join(run["data"] for run in message["runs"]).split()
        ended += message["type"] == "ended"
    assert lines == [f"{kind}{n}" for n in range(300) for kind in "oe"], lines[:20]


def json_once():
    code, name = "import os; os.write(os.open('ran', os.O_WRONLY | os.O_APPEND | os.O_CREAT), b'x'); print('once')", eval_id()
    ws = Json()
    for _ in range(5):
        ws.say(type="submit", eval=name, code=code)
        ws.socket.shutdown(socket.SHUT_RDWR)
        ws = Json()
    ws.say(type="attach")
    ws.say(type="submit", re=5, eval=name, code=code)
    ws.until(type="eval_info", re=5)
    ws.say(type="submit", re=6, eval=name, code="'other'")
    assert ws.until(re=6)["name"] == "id_reused"
    out, ended = ws.run("print(open('ran').read())")
    while "x" not in out:
        out, ended = ws.run("print(open('ran').read())")
    assert out.strip().splitlines()[-1] == "x", out


def json_resume():
    """Cut anywhere in two megabytes, many times: attached again behind the last that was seen."""
    ws, epoch, last, out, cuts, done = Json(), 0, 0, "", 0, False
    ws.say(type="submit", eval=eval_id(), code="for i in range(20000): print(f'{i:099}')")
    while not done:
        ws.say(type="attach", **({"after": {"epoch": epoch, "seq": last}} if last else {}))
        enough = len(out) + dice.randrange(1, 200_000)
        while not done and (len(out) < enough or cuts >= 12):
            message = ws.next()
            assert message["type"] not in ("gap", "rewound"), message
            epoch = message.get("epoch", epoch) if message["type"] == "attached" else epoch
            if "seq" in message:
                assert message["seq"] == last + 1, (message["seq"], last)
                last = message["seq"]
            if message["type"] == "output":
                out += "".join(run["data"] for run in message["runs"])
            done = message["type"] == "ended"
        if not done:
            cuts += 1
            ws.socket.shutdown(socket.SHUT_RDWR)
            ws = Json()
    assert cuts >= 8 and out == "".join(f"{i:099}\n" for i in range(20000)), (cuts, len(out))


def json_interrupt():
    ws = Json()
    ws.say(type="attach", tail=0)
    name = eval_id()
    ws.say(type="submit", eval=name, code="while True: print('flood' * 20)")
    ws.say(type="submit", eval=eval_id(), code="print('next')")
    for _ in range(20):
        ws.until(type="output")
    ws.say(type="interrupt", re=9, eval=name)
    assert ws.until(type="interrupt_answer", re=9)["verdict"] == "interrupted"
    works()


def json_input():
    ws = Json()
    ws.say(type="attach", tail=0)
    ws.say(type="submit", eval=eval_id(), code="print('hello', input('who? '))")
    asked = ws.until(type="asked")
    ws.say(type="input", re=4, ask=asked["ask"], data="ada")
    out = ws.until(type="output")
    assert "hello ada" in "".join(run["data"] for run in out["runs"]), out


def json_oversize():
    bystander = works()
    ws = Json()
    ws.say(type="attach", tail=0)
    ws.socket.sendall(struct.pack("!BBQ", 0x81, 0xFF, 9 * 1024 * 1024) + b"\1\2\3\4")
    assert (why := ws.closed())[0] == 1009, why
    ws = Json()
    ws.say(type="submit", re=3, eval=eval_id(), code="#" * (3 << 20))
    # That is long, and not too long.
    ws.until(type="eval_info", re=3)
    works(bystander)


def json_room():
    bystander = works()
    text = b'{"type":"nonsense"}' + b" " * ((8 << 20) - 4096)
    many = [Json() for _ in range(4)]
    # Four that are nearly whole are more than there is room for: one of them is told so, and nobody else pays.
    for ws in many:
        ws.until(type="greeted")
        ws.socket.sendall(struct.pack("!BBQ", 0x81, 0xFF, len(text)) + b"\0\0\0\0" + text[:-1])
    refused = None
    while not refused:
        for ready in select.select([ws.socket for ws in many], [], [], 60)[0]:
            ws = next(ws for ws in many if ws.socket is ready)
            if isinstance(message := ws.next(), tuple):
                refused, why = ws, message
    assert why[0] == 1013 and "24 MiB" in why[1], why
    many.remove(refused)
    for ws in many:
        ws.socket.sendall(text[-1:])
        assert ws.until(type="error")["name"] == "bad_message"
    works(bystander)
    # It was given back.
    late = Json()
    late.frame(1, text)
    assert late.until(type="error")["name"] == "bad_message"


def json_garbage():
    bystander = works()
    # No message: it is told so, and stays.
    ws = Json()
    ws.say(type="attach", tail=0)
    for text in [b"{", b"[]", b"1", b'{"type":"nonsense"}', b'{"type":"submit"}', b'{"type":"submit","eval":"x","code":1}', b"\"" * 9]:
        ws.frame(1, text)
        assert ws.until(type="error")["name"] in ("bad_message", "unknown_message"), text
    ws.frame(2, b"\0\1\2")
    ws.until(type="error")
    # At the wrong time.
    ws.say(type="attach", tail=0, re=8)
    ws.say(type="interrupt", re=9, eval=eval_id())
    ws.until(re=9)
    works(ws)
    # No frame, no text, or bytes of the dice: closed, with a reason.
    for bytes_ in [b"\xf1\x80\1\2\3\4", b"\x83\x85\1\2\3\4abcde", b"\x81\x05hello", b"\x81\x82\0\0\0\0\xff\xfe"]:
        ws = Json()
        ws.socket.sendall(bytes_)
        assert (why := ws.closed())[0] in (1002, 1007) and why[1], (bytes_, why)
    for _ in range(40):
        ws = Json()
        try:
            ws.socket.sendall(dice.randbytes(dice.randrange(1, 3000)))
            ws.socket.shutdown(socket.SHUT_WR)
            ws.closed()
        except ConnectionError:
            pass
    works(bystander)


def ask(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    body = json.dumps(body) if isinstance(body, dict) else body
    connection.request(method, path, body, {"Authorization": f"Bearer {token}", **headers})
    response = connection.getresponse()
    data = response.read()
    return response.status, json.loads(data) if data[:1] == b"{" else data


def follow(session, last=None):
    """The messages of a stream of events, with the id of each; and how to cut it."""
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": last} if last else {})}
    connection.request("GET", f"/v1/sessions/{session}/events", headers=headers)
    taken, response = connection.sock, connection.getresponse()
    assert response.status == 200, response.read()

    def messages():
        name = None
        while line := response.readline().decode():
            if line.startswith("id: "):
                name = line[4:].strip()
            elif line.startswith("data: "):
                yield name, json.loads(line[6:])
                name = None
    return messages(), lambda: taken.shutdown(socket.SHUT_RDWR)


def submit(session, code, name=None):
    status, info = ask("POST", f"/v1/sessions/{session}/evals?kernel=python", {"code": code, "eval": name or eval_id()})
    assert status in (200, 202), (status, info)
    return info


def http_order_and_resume():
    """Two megabytes and two hundred evals, the stream cut anywhere, many times."""
    submit("web", "for i in range(20000): print(f'{i:099}')")
    for n in range(200):
        submit("web", f"print('small{n}')")
    last, cuts, out, ended, seen = None, 0, "", 0, 0
    while ended < 201:
        messages, cut = follow("web", last)
        enough = seen + dice.randrange(1, 60)
        for name, message in messages:
            assert message["type"] not in ("gap", "rewound"), message
            if name:
                assert int(name.split(":")[1]) == seen + 1, (name, seen)
                last, seen = name, seen + 1
            if message["type"] == "output":
                out += "".join(run["data"] for run in message["runs"])
            ended += message["type"] == "ended"
            if ended == 201 or (seen >= enough and cuts < 12):
                break
        cut()
        cuts += 1
    wanted = "".join(f"{i:099}\n" for i in range(20000)) + "".join(f"small{n}\n" for n in range(200))
    assert out == wanted and cuts > 5, (cuts, len(out))


def http_once_interrupt_and_input():
    name = eval_id()
    for _ in range(4):
        submit("web2", "print('ran')", name)
    status, why = ask("POST", "/v1/sessions/web2/evals", {"code": "'other'", "eval": name})
    assert (status, why["name"]) == (409, "id_reused"), why
    flood = eval_id()
    submit("web2", "while True: print('flood' * 20)", flood)
    while ask("GET", f"/v1/sessions/web2/evals/{flood}")[1]["state"] != "running":
        pass
    status, answer = ask("POST", f"/v1/sessions/web2/evals/{flood}/interrupt")
    assert (status, answer["verdict"]) == (200, "interrupted"), answer
    submit("web2", "print('hello', input('who? '))")
    messages, cut = follow("web2")
    ran = 0
    for _, message in messages:
        text = "".join(run["data"] for run in message.get("runs", []))
        ran += text.count("ran\n")
        if message["type"] == "asked":
            status, answer = ask("POST", "/v1/sessions/web2/requests", {"type": "input", "ask": message["ask"], "data": "ada"})
            assert status == 200, answer
        if "hello ada" in text:
            break
    cut()
    assert ran == 1, ran


def http_oversize_and_garbage():
    submit("web3", "1")
    path = "/v1/sessions/web3/evals"
    status, why = ask("POST", path, "x" * (9 << 20))
    assert status == 413, (status, why)
    for body in ["{", "[]", "1", '{"code":1}', '{"code":"1","eval":"short"}', "\0\1\2", "{}"]:
        status, why = ask("POST", path, body)
        assert status == 400 and why["name"] in ("bad_message", "unknown_message"), (body, status, why)
    for request in [{"type": "nonsense"}, {"type": "attach"}, {"type": "input", "ask": 99, "data": "x"}]:
        status, why = ask("POST", "/v1/sessions/web3/requests", request)
        assert status in (400, 404, 409), (request, status, why)
    for cursor in ["x", "1:x", "-1:1"]:
        status, why = ask("GET", "/v1/sessions/web3/events", **{"Last-Event-ID": cursor})
        assert status == 400, (cursor, status, why)
    for method, where, expected in [("PUT", path, 405), ("GET", "/v1/sessions/web3/evals/99", 404), ("GET", "/v1/sessions/no", 404)]:
        assert ask(method, where)[0] == expected, (method, where, ask(method, where))
    for _ in range(40):
        raw = socket.create_connection((url.hostname, url.port), timeout=60)
        try:
            raw.sendall(b"POST /v1/sessions/web3/evals HTTP/1.1\r\n" + dice.randbytes(dice.randrange(1, 3000)))
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
        except ConnectionError:
            pass
    status, info = ask("GET", "/v1/sessions/web3")
    assert status == 200 and info["type"] == "status", info
    submit("web3", "2")


for name in sys.argv[2:]:
    globals()[name]()
    print(name)
