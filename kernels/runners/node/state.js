// What all of the runner stands on: what it needs of Node, bound before user code can replace it, and what it remembers.
//
// Two threads. The main thread runs the user's code, and writes the frames. The other (`worker.js`) reads commands; what is for the
// main thread it hands on as messages, and an interrupt it carries, through the inspector, into the middle of whatever runs.
// There `interrupted` (in `interrupt.js`) decides: code may be stopped at any point where `S.crit` is 0, and nowhere else. What is
// stopped is stopped for good: no `catch` and no `finally` of it runs, and so none of the runner's own may be needed.
//
// The files of this folder are one function, put together in the order of `node.rs` when Rialto is built.
'use strict';

const fs = require('fs');
const util = require('util');
const path = require('path');
const vm = require('vm');
const { pathToFileURL } = require('url');
const { Console } = require('console');
const { Readable, Writable } = require('stream');
const { Session } = require('inspector');
const { Worker, MessageChannel, receiveMessageOnPort } = require('worker_threads');
const Module = require('module');
const timers = require('timers');
const childProcess = require('child_process');

const CHUNK = 60 * 1024 - 64;          // of output in one frame; the other side may add half a character
const FULL = 48 * 1024;                // so much unsent output is sent by whoever writes
const INLINE_RESULT = 16 * 1024;
const MAX_DISPLAY = 64 * 1024 * 1024;
const TICK = 5;                        // milliseconds
const RECENT = 2048;                   // sources of evals that are kept for stacks,
const MAX_KEPT = 16 * 1024 * 1024;     // and so many characters of them
const { writeSync: fsWriteSync, readSync: READ_SYNC } = fs;
const { from: bufferFrom, concat: bufferConcat, alloc: bufferAlloc, byteLength } = Buffer;
const { load: atomicLoad, store: atomicStore, wait: atomicWait } = Atomics;
const now = performance.now.bind(performance);
const inspect = util.inspect;
const realExit = process.exit.bind(process);
const realKill = process.kill.bind(process);
const realAbort = process.abort.bind(process);
const realEmit = process.emit;
const nextTick = process.nextTick.bind(process);
const [setTimeout, setInterval, setImmediate, clearTimeout, clearImmediate] =
  [timers.setTimeout, timers.setInterval, timers.setImmediate, timers.clearTimeout, timers.clearImmediate];

const S = {
  crit: 0,          // runner's code, which must not be stopped in the middle
  due: false,       // something is to be stopped once that is over
  cur: null,        // the eval that runs
  n: 0,             // its number, or that of the last
  started: 0,       // commands to run that have been begun,
  cancelled: 0,     // and those up to here are not to be
  size: 0,          // bytes in `pieces`
  sentAt: 0,
  told: false,      // the other thread will have `pieces` sent
  dirty: false,     // a child may have written to the pipes what comes before what is sent next
  acks: 0,
  ask: 0,
  eofAt: -1,
  kept: 0,          // characters in `sources`
  children: 0,
};
let pieces = [];            // unsent output: [stream, bytes]...
const backlog = [];         // messages for later
const answers = new Map();  // ask -> { data, eof }
const sources = new Map();  // file name -> code

// Words shared with the other thread: it has asked for the code to be stopped; messages; acknowledgements.
const CTL = new Int32Array(new SharedArrayBuffer(16));
const [KILL, MSG, ACK] = [0, 1, 2];

/// A copy of a descriptor that programs started from here do not inherit.
const reopened = (fd, flags) => fs.openSync('/dev/fd/' + fd, flags);
const IN = reopened(0, 'r');
const OUT = reopened(Number(process.argv[1]), 'w');
fs.closeSync(Number(process.argv[1]));
fs.closeSync(0);
fs.openSync('/dev/null', 'r');

const { port1: port, port2: theirs } = new MessageChannel();
const post = port.postMessage.bind(port);
const session = new Session();
session.connect();
const ask = session.post.bind(session);
