"""A kernel of Jupyter's that is as slow as a test wants it to be, each time in the same place.

    slow.py CONNECTION_FILE FOLDER

Its code is a list of these words; that an eval has begun is published. What `waits` waits for is one byte that somebody writes to FOLDER/go.

    go          ends at once
    taken       waits until an interrupt has been taken note of, and ends as if nothing were
    hit         waits until an interrupt is carried out, and ends by it
    hold        the next request on the shell socket waits before it is served; that it is there is published, twice
    late        the next interrupt by message is published and waits before it is carried out, in whatever runs then, and answered
    beaten      waits until its heart has beaten twice since the eval began or was stopped
    stop        stops its own process
    compute     runs for three seconds
    heartless   from the next eval on no heart beats while code runs
"""

import hashlib
import hmac
import json
import os
import signal
import sys
import threading
import time
import uuid

import zmq

place = json.load(open(sys.argv[1]))
gate = os.path.join(sys.argv[2], "go")
os.mkfifo(gate)
context = zmq.Context()
sending = threading.Lock()


def bound(kind, port):
    socket = context.socket(kind)
    socket.bind(f"tcp://{place['ip']}:{place[port]}")
    return socket


iopub, shell, control = bound(zmq.PUB, "iopub_port"), bound(zmq.ROUTER, "shell_port"), bound(zmq.ROUTER, "control_port")
heart, stdin = bound(zmq.REP, "hb_port"), bound(zmq.ROUTER, "stdin_port")


def waits():
    with open(gate, "rb") as file:
        file.read(1)


def send(socket, first, kind, content, parent):
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "slow", "username": "", "version": "5.3",
              "date": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())}
    parts = [json.dumps(part).encode() for part in (header, parent, {}, content)]
    seal = hmac.new(place["key"].encode(), b"".join(parts), hashlib.sha256).hexdigest().encode()
    with sending:
        socket.send_multipart([*first, b"<IDS|MSG>", seal, *parts])


def publish(kind, content, parent):
    send(iopub, [kind.encode()], kind, content, parent)


def receive(socket):
    frames = socket.recv_multipart()
    at = frames.index(b"<IDS|MSG>")
    return frames[:at], json.loads(frames[at + 2]), json.loads(frames[at + 5])


class Bell:
    """Rung by any thread or a handler of a signal; who waits for it sees each ring once."""

    def __init__(self):
        self.out, self.into = os.pipe()

    def ring(self):
        os.write(self.into, b"x")

    def wait(self):
        os.read(self.out, 1)

    def forget(self):
        os.set_blocking(self.out, False)
        try:
            while os.read(self.out, 4096):
                pass
        except BlockingIOError:
            pass
        os.set_blocking(self.out, True)


taken, carried_out, beats, runs = Bell(), Bell(), Bell(), threading.Lock()
held = {"hold": False, "late": False, "heartless": False}


def interrupted(*_):
    taken.ring()
    carried_out.ring()


def controls():
    while True:
        who, header, _ = receive(control)
        if header["msg_type"] == "interrupt_request":
            late, held["late"] = held["late"], False
            if late:
                publish("stream", {"name": "stdout", "text": "late\n"}, header)
            taken.ring()
            if late:
                waits()
            carried_out.ring()
            send(control, who, "interrupt_reply", {"status": "ok"}, header)
        elif header["msg_type"] == "shutdown_request":
            send(control, who, "shutdown_reply", {"status": "ok", "restart": False}, header)
            os._exit(0)


def beat():
    while True:
        word = heart.recv()
        if held["heartless"]:
            with runs:
                pass
        heart.send(word)
        beats.ring()


def run(words, header):
    for bell in (taken, carried_out, beats):
        bell.forget()
    publish("stream", {"name": "stdout", "text": "up\n"}, header)
    for word in words:
        if word in held:
            held[word] = True
        elif word == "taken":
            taken.wait()
        elif word == "hit":
            carried_out.wait()
            return {"status": "error", "ename": "KeyboardInterrupt", "evalue": "", "traceback": []}
        elif word == "beaten":
            beats.wait()
            beats.wait()
        elif word == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
            beats.forget()
        elif word == "compute":
            time.sleep(3)
    return {"status": "ok", "execution_count": 1, "user_expressions": {}}


def serve():
    while True:
        who, header, content = receive(shell)
        if held["hold"]:
            held["hold"] = False
            for word in ("here\n", "still here\n"):
                publish("stream", {"name": "stdout", "text": word}, header)
            waits()
        kind = header["msg_type"]
        publish("status", {"execution_state": "busy"}, header)
        if kind == "execute_request":
            with runs:
                reply = run(content["code"].split(), header)
        elif kind == "kernel_info_request":
            reply = {"status": "ok", "protocol_version": "5.3", "language_info": {"name": "python", "version": "0"}}
        elif kind == "is_complete_request":
            reply = {"status": "complete"}
        else:
            reply = {"status": "error"}
        send(shell, who, kind.replace("_request", "_reply"), reply, header)
        publish("status", {"execution_state": "idle"}, header)


signal.signal(signal.SIGINT, interrupted)
for task in (controls, beat):
    threading.Thread(target=task, daemon=True).start()
serve()
