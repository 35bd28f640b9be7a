// What reads from the user: prompt(), process.stdin, and files that are standard input.

/// Asks for input and waits for it, and for nothing else. Bytes, or null at the end of input.
function askNow(words, secret, line) {
  if (S.cur === null || (S.eofAt === S.n && !line)) return null;
  const number = sendAsk(words, secret, line);
  while (!answers.has(number)) {
    const seen = atomicLoad(CTL, MSG);
    const got = receiveMessageOnPort(port);
    if (got === undefined) atomicWait(CTL, MSG, seen, 1000);
    else if (got.message[0] === 3) take(got.message);
    else later(got.message);
  }
  return answered(number);
}

function sendAsk(words, secret, line) {
  S.ask++;
  send(frame(6, u64(S.n), u64(S.ask), u8(secret ? 1 : 0), u8(line ? 1 : 0), text(words, 32768)));
  return S.ask;
}

function answered(number) {
  const { data, eof } = answers.get(number);
  answers.delete(number);
  if (eof && data.length === 0) {
    S.eofAt = S.n;
    return null;
  }
  return data;
}

/// A message that came while something else was waited for.
function later(message) {
  if (backlog.push(message) === 1) setImmediate(() => { for (const one of backlog.splice(0)) onMessage(one); });
}

/// A reply, from the other side.
function take(message) {
  const reader = new Reader(message, 1);
  const number = reader.u64();
  const eof = reader.u8() === 1;
  answers.set(number, { data: reader.rest(), eof });
  const waiting = asking;
  if (waiting !== null && waiting.number === number) {
    asking = null;
    const data = answered(number);
    waiting.stream.push(data === null ? null : data);
  }
}

let asking = null;      // the stream that waits for an answer
let left = bufferAlloc(0);

function makeStdin() {
  const stream = new Readable({
    read() {
      if (left.length > 0) {
        const data = left;
        left = bufferAlloc(0);
        this.push(data);
      } else if (S.cur === null || S.eofAt === S.n) this.push(null);
      else if (asking === null) asking = { number: sendAsk('', false, false), stream: this };
    },
  });
  stream.fd = 0;
  return stream;
}

let stdin = null;
/// Where it has ended, the next eval has a new one.
function currentStdin() {
  if (stdin === null || ((stdin.readableEnded || stdin.destroyed) && stdin.madeFor !== S.n)) {
    stdin = makeStdin();
    stdin.madeFor = S.n;
  }
  return stdin;
}

/// What comes next on standard input, as much of it as fits.
function readNow(most) {
  if (left.length === 0) left = askNow('', false, false) || left;
  const data = left.subarray(0, most);
  left = left.subarray(data.length);
  return data;
}

function prompt(words = '') {
  const data = askNow(String(words), false, true);
  return data === null ? null : data.toString();
}

function fitInput() {
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: currentStdin, set() {} });
  Object.defineProperty(globalThis, 'prompt', { configurable: true, writable: true, enumerable: false, value: prompt });
  const { readSync, readFileSync } = fs;
  const standard = (name) => name === 0 || name === '/dev/stdin';
  fs.readSync = function (fd, buffer, offset, length, position) {
    if (fd !== 0) return Reflect.apply(readSync, fs, arguments);
    if (offset !== null && typeof offset === 'object') ({ offset, length } = offset);
    const target = bufferFrom(buffer.buffer, buffer.byteOffset, buffer.byteLength).subarray(offset || 0);
    const data = readNow(length === undefined ? target.length : length);
    data.copy(target);
    return data.length;
  };
  fs.readFileSync = function (name, options) {
    if (!standard(name)) return Reflect.apply(readFileSync, fs, arguments);
    const all = [];
    for (let data; (data = readNow(1 << 20)).length > 0;) all.push(data);
    const whole = bufferConcat(all);
    const encoding = typeof options === 'string' ? options : options && options.encoding;
    return encoding ? whole.toString(encoding) : whole;
  };
}
