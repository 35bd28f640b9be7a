// The other thread: it reads commands, hands them on, and carries interrupts into the middle of what the main thread does. It also
// is the lifeline that ends a kernel nobody hears of.
'use strict';
const { Session } = require('inspector');
const { Socket } = require('net');
const { workerData } = require('worker_threads');
const { port, words: CTL, fd, pid } = workerData;
const [KILL, MSG, ACK] = [0, 1, 2];

const session = new Session();
session.connectToMainThread();
let functions = null;   // of the main thread, by its inspector's id
let forwarded = 0;      // commands to run
let outstanding = 0;    // interrupts and what they led to, not yet through
const fences = [];      // wait for that
let ticking = false;

let nudging = null;

/// A request that comes in the instant before the main thread begins to wait would be heard when the wait is over: perhaps never.
/// Any other one wakes it. (This one asks for nothing, and needs no answer.)
function begun() {
  outstanding++;
  nudging ??= setInterval(() => session.post('Runtime.getIsolateId', () => {}), 20);
}

function over() {
  outstanding--;
  if (outstanding > 0) return;
  clearInterval(nudging);
  nudging = null;
  port.postMessage(['recover']);
  for (const fence of fences.splice(0)) forward(fence);
}

function forward(frame) {
  Atomics.add(CTL, MSG, 1);
  port.postMessage(frame);
  Atomics.notify(CTL, MSG);
}

let killing = 0;        // requests to stop code that have not taken effect,
const waiting = [];     // and calls that would be what they stop

function call(name, args, done) {
  if (killing > 0) return waiting.push([name, args, done]);
  return post(name, args, done);
}

const post = (name, args, done) => session.post('Runtime.callFunctionOn', {
  objectId: functions,
  functionDeclaration: `function (...args) { return this.${name}(...args); }`,
  arguments: args.map((value) => ({ value })),
  silent: true,
  returnByValue: true,
}, done);

/// Until it is decided.
function interrupt(hard, again) {
  call('interrupted', [forwarded, hard, again], (error, answer) => {
    const n = error ? 0 : answer.result.value;
    if (n > 0) setTimeout(interrupt, 5, hard, n);
    else over();
  });
}

port.on('message', (what) => {
  if (what === 'kill') {
    begun();
    killing++;
    session.post('Runtime.terminateExecution', () => {
      killing--;
      if (killing === 0) for (const one of waiting.splice(0)) post(...one);
      over();
    });
    // Only now: what comes next on the main thread is that request.
    Atomics.store(CTL, KILL, 1);
  } else if (what === 'tick' && !ticking) {
    ticking = true;
    setTimeout(() => {
      ticking = false;
      call('ticked', [], () => {});
    }, 10);
  }
});

function hear(frame) {
  switch (frame[0]) {
    case 1:
      forwarded++;
      return forward(frame);
    case 2:
      return outstanding > 0 ? fences.push(frame) : forward(frame);
    case 6:
      begun();
      return interrupt(frame[1] > 0, 0);
    case 7:
      Atomics.add(CTL, ACK, 1);
      return Atomics.notify(CTL, ACK);
    default:
      return forward(frame);
  }
}

// Until the supervisor is gone, or user code has closed the channel: then nobody will ever hear of this process.
function gone() {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    process.kill(pid, 'SIGKILL');
  }
}

session.post('Runtime.evaluate', { expression: 'globalThis.__rialto' }, (error, { result }) => {
  functions = result.objectId;
  const channel = new Socket({ fd, readable: true, writable: false });
  let unread = Buffer.alloc(0);
  channel.on('data', (data) => {
    unread = unread.length > 0 ? Buffer.concat([unread, data]) : data;
    let at = 0;
    while (unread.length - at >= 4) {
      const length = unread.readUInt32LE(at);
      if (unread.length - at < length + 4) break;
      hear(new Uint8Array(unread.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    unread = unread.subarray(at);
  });
  channel.on('end', gone);
  channel.on('error', gone);
  channel.on('close', gone);
  port.postMessage(['up']);
});
