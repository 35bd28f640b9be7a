"""The least a bridge to Python could cost: reads code, evaluates it, answers. What is printed goes the same way, in large pieces."""

import io
import os
import sys


def send(kind, data):
    data = kind + len(data).to_bytes(4, "little") + data
    while data:
        data = data[os.write(1, data) :]


class Printed(io.RawIOBase):
    def writable(self):
        return True

    def write(self, data):
        send(b"o", bytes(data))
        return len(data)


requests = open(0, "rb", buffering=65536)
sys.stdout = io.TextIOWrapper(Printed(), "utf-8")
sys.stdout._CHUNK_SIZE = 65536
names = {}
while kind := requests.read(1):
    code = requests.read(int.from_bytes(requests.read(4), "little"))
    try:
        answer = repr((eval if kind == b"e" else exec)(code, names))
    except KeyboardInterrupt:
        answer = "KeyboardInterrupt"
    sys.stdout.flush()
    send(b"a", answer.encode())
