// A running Node program as a kernel: what `rialto debug PID` brings in by the inspector. `main` stays on the program's own thread and
// runs evals there, between its events; `worker` speaks with the other side and carries interrupts, also into the middle of an eval.
//
// An eval's output is what is written in its own asynchronous context; all else stays the program's. An interrupt ends code only while
// the eval's own part of the main thread runs: who is about to end it says so first, and the main thread does not leave that part
// before it is done.
'use strict';

function main(require, where) {
  if (globalThis[Symbol.for('rialto')]) return 'there already';
  const { AsyncLocalStorage } = require('async_hooks');
  const { Session } = require('inspector');
  const { Worker } = require('worker_threads');
  const util = require('util');
  const state = new Int32Array(new SharedArrayBuffer(16));
  const [BUSY, CLAIMED, UNSENT] = [0, 1, 2];
  const context = new AsyncLocalStorage();
  const session = new Session();
  session.connect();
  let now = null;
  const worker = new Worker(where.source, { eval: true, workerData: { ...where, state }, stdin: false, execArgv: [] });
  const restore = [];
  for (const [number, stream] of [[1, process.stdout], [2, process.stderr]]) {
    const real = stream.write;
    stream.write = function write(chunk, encoding, done) {
      if (context.getStore() !== now || now === null) return real.apply(this, arguments);
      const data = Buffer.from(typeof chunk === 'string' ? Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8') : chunk);
      Atomics.add(state, UNSENT, data.length);
      worker.postMessage(['out', now.n, number, data]);
      // A link that takes nothing more is waited for; one that is gone takes everything.
      for (let size; (size = Atomics.load(state, UNSENT)) > 4 << 20;) Atomics.wait(state, UNSENT, size, 20);
      const after = typeof encoding === 'function' ? encoding : done;
      if (typeof after === 'function') process.nextTick(after);
      return true;
    };
    restore.push(() => { stream.write = real; });
  }
  const failed = (value) => {
    const is = util.types.isNativeError(value);
    const stack = is && typeof value.stack === 'string' ? value.stack.replace(/\n +at Session\.post \(node:inspector[^]*$/, '') : util.inspect(value);
    return [is ? String(value.name) : 'Error', is ? String(value.message) : util.inspect(value), `Uncaught ${stack}\n`];
  };
  const valueOf = (remote) => {
    if (!('objectId' in remote)) {
      if ('unserializableValue' in remote) return (0, eval)(remote.unserializableValue);
      return remote.subtype === 'null' ? null : remote.value;
    }
    let value;
    globalThis[Symbol.for('rialto.hold')] = (it) => { value = it; };
    session.post('Runtime.callFunctionOn', { objectId: remote.objectId, functionDeclaration: 'function () { globalThis[Symbol.for("rialto.hold")](this); }' }, () => {});
    delete globalThis[Symbol.for('rialto.hold')];
    return value !== null && typeof value === 'object' && remote.type !== 'object' ? value.valueOf() : value;
  };
  const end = (eval_, how, ...told) => {
    if (now !== eval_) return;
    now = null;
    worker.postMessage(['end', eval_.n, how, ...told]);
  };
  const over = (eval_, error, answer) => {
    if (now !== eval_) return;
    if (error) return end(eval_, 2, 'Interrupted', 'the eval was interrupted', 'Interrupted: the eval was interrupted\n');
    if (answer.exceptionDetails) return end(eval_, 1, ...failed(valueOf(answer.exceptionDetails.exception ?? answer.result)));
    const value = valueOf(answer.result);
    session.post('Runtime.releaseObjectGroup', { objectGroup: 'rialto' }, () => {});
    end(eval_, 0, eval_.show && value !== undefined ? util.inspect(value) : null);
  };
  const run = (eval_) => {
    now = eval_;
    Atomics.store(state, BUSY, 1);
    context.run(eval_, () => session.post('Runtime.evaluate', {
      expression: `${eval_.code}\n//# sourceURL=<cell-${eval_.n}>`, replMode: true, awaitPromise: true, objectGroup: 'rialto', includeCommandLineAPI: true,
    }, (error, answer) => over(eval_, error, answer)));
    Atomics.store(state, BUSY, 0);
    // What was sent to end this must not reach what comes after it.
    while (Atomics.load(state, CLAIMED) === 1) Atomics.wait(state, CLAIMED, 1, 5);
  };
  worker.on('message', ([what, ...more]) => {
    if (what === 'run') run(more[0]);
    // It was ended, or waits for something: what goes on of it is in the background.
    else if (what === 'stop' && now !== null && now.n === more[0]) end(now, 2, 'Interrupted', 'the eval was interrupted', 'Interrupted: the eval was interrupted\n');
    else if (what === 'failed') process.emitWarning(`rialto: ${more[0]}`);
  });
  worker.on('error', (error) => process.emitWarning(`rialto: ${error.message}`));
  worker.on('exit', () => {
    restore.forEach((one) => one());
    delete globalThis[Symbol.for('rialto')];
  });
  worker.unref();
  globalThis[Symbol.for('rialto')] = worker;
  return 'begun';
}

function worker() {
  const fs = require('fs');
  const net = require('net');
  const vm = require('vm');
  const { timingSafeEqual } = require('crypto');
  const { Session } = require('inspector');
  const { parentPort, workerData: { socket: path, cookie, state } } = require('worker_threads');
  const [BUSY, CLAIMED, UNSENT] = [0, 1, 2];
  const session = new Session();
  session.connectToMainThread();
  let link = null, running = 0, ending = false;
  const fences = [];
  const u8 = (n) => Buffer.from([n]);
  const u16 = (n) => { const out = Buffer.alloc(2); out.writeUInt16LE(n); return out; };
  const u32 = (n) => { const out = Buffer.alloc(4); out.writeUInt32LE(n); return out; };
  const u64 = (n) => { const out = Buffer.alloc(8); out.writeBigUInt64LE(BigInt(n)); return out; };
  const bytes = (data) => Buffer.concat([u32(data.length), data]);
  const text = (words, most = 262144) => {
    const data = Buffer.from(words);
    return bytes(data.length <= most ? data : Buffer.concat([data.subarray(0, most / 2), Buffer.from('\n[...]\n'), data.subarray(-most / 2)]));
  };
  const say = (kind, ...fields) => {
    if (link === null) return;
    const body = Buffer.concat(fields);
    link.write(Buffer.concat([u32(body.length + 1), u8(kind), body]));
  };
  const CHUNK = 32768;

  parentPort.on('message', ([what, n, ...more]) => {
    if (what === 'out') {
      const data = Buffer.from(more[1]);
      for (let at = 0; at < data.length; at += CHUNK) say(2, u64(n), u8(running === n ? 0 : 1), u8(more[0]), bytes(data.subarray(at, at + CHUNK)));
      const sent = () => { Atomics.sub(state, UNSENT, data.length); Atomics.notify(state, UNSENT); };
      if (link !== null && link.writableLength > 1 << 20) link.once('drain', sent).once('close', sent); else sent();
    } else if (what === 'end' && n === running) {
      running = 0;
      const [how, ...told] = more;
      if (how !== 0) say(7, u64(n), u8(how), text(told[0], 1024), text(told[1], 65536), text(told[2]), u8(0));
      else if (told[0] === null) say(7, u64(n), u8(0), u8(0));
      else result(n, Buffer.from(told[0]));
      if (!ending) fences.splice(0).forEach((fence) => say(8, fence));
    }
  });

  function result(n, value) {
    const mime = text('text/plain');
    if (value.length <= 16384) return say(7, u64(n), u8(0), u8(1), u16(1), mime, bytes(value));
    say(4, u64(n), u8(1), u16(1), mime, u64(value.length));
    for (let at = 0; at < value.length; at += CHUNK) say(5, value.subarray(at, at + CHUNK));
    say(7, u64(n), u8(0), u8(0));
  }

  function interrupt() {
    const n = running;
    if (n === 0 || ending) return;
    Atomics.store(state, CLAIMED, 1);
    const done = () => {
      Atomics.store(state, CLAIMED, 0);
      Atomics.notify(state, CLAIMED);
      ending = false;
      parentPort.postMessage(['stop', n]);
      if (running === 0) fences.splice(0).forEach((fence) => say(8, fence));
    };
    ending = true;
    if (Atomics.load(state, BUSY) === 1) session.post('Runtime.terminateExecution', done);
    else done();
  }

  const complete = (code) => {
    try {
      new vm.Script(`async () => {\n${code}\n}`);
    } catch (error) {
      if (/Unexpected end of input|Unterminated template|missing \) after|Unexpected token '\}'/.test(error.message)) return 1;
    }
    return 0;
  };

  function hear(frame) {
    const kind = frame[0];
    if (kind === 1) {
      const n = Number(frame.readBigUInt64LE(1));
      let at = 12;
      const skip = () => { at += 4 + frame.readUInt32LE(at); };
      if (frame[9] & 2) skip();
      const words = frame.readUInt16LE(10);
      if (words !== 0xFFFF) for (let i = 0; i < words; i++) skip();
      let code = frame.toString('utf8', at);
      if (/^\s*\{/.test(code) && !/;\s*$/.test(code)) {
        try {
          new vm.Script(`(${code})`);
          code = `(${code})`;
        } catch { /* It is a block. */ }
      }
      running = n;
      parentPort.postMessage(['run', { n, show: (frame[9] & 1) === 1, code }]);
    } else if (kind === 2) {
      if (running !== 0 || ending) fences.push(frame.subarray(1, 5)); else say(8, frame.subarray(1, 5));
    } else if (kind === 4) {
      const id = frame.subarray(1, 9);
      if (frame[9] !== 3) return say(9, id, u8(0), text('a running Node program cannot be asked that'));
      say(9, id, u8(3), complete(frame.toString('utf8', 15)) === 0 ? u8(0) : Buffer.concat([u8(1), text('  ')]));
    } else if (kind === 5) link.destroy();
    else if (kind === 6) interrupt();
  }

  const server = net.createServer((coming) => {
    let unread = Buffer.alloc(0);
    coming.on('error', () => {});
    coming.on('data', (data) => {
      unread = unread.length > 0 ? Buffer.concat([unread, data]) : data;
      while (unread.length >= 5) {
        const length = unread.readUInt32LE(0);
        if (length > 17 << 20) return coming.destroy();
        if (unread.length < length + 4) return;
        const frame = unread.subarray(4, length + 4);
        unread = unread.subarray(length + 4);
        if (coming === link) {
          hear(frame);
          continue;
        }
        const shown = frame.subarray(5, 5 + frame.readUInt32LE(1));
        if (frame[0] !== 0 || shown.length !== cookie.length || !timingSafeEqual(shown, Buffer.from(cookie))) return coming.destroy();
        // Its supervisor has died, and this is the next one.
        if (link !== null) link.destroy();
        link = coming;
        running = 0;
        fences.length = 0;
        say(1, text('javascript'), text(process.versions.node), text(process.execPath));
      }
    });
    coming.on('close', () => {
      if (coming !== link) return;
      interrupt();
      link = null;
    });
  });
  server.on('error', (error) => parentPort.postMessage(['failed', error.message]));
  // A socket of a program that is gone is in the way; one that lives was asked before we came.
  fs.rmSync(path, { force: true });
  server.listen(path, () => fs.chmodSync(path, 0o600));
  process.on('exit', () => fs.rmSync(path, { force: true }));
}
