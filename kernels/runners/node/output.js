// How what is written gets into frames, in order.

function put(stream, chunk, encoding) {
  S.crit++;
  const data = typeof chunk === 'string' ? bufferFrom(chunk, encoding) : bufferFrom(chunk);
  if (data.length > 0) {
    pieces.push(stream, data);
    S.size += data.length;
    if (S.size >= FULL || now() - S.sentAt > TICK) pump();
    else if (!S.told) {
      S.told = true;
      post('tick');
    }
  }
  leave();
}

/// Sends what is in `pieces`; the caller is in a section that is not stopped.
function pump() {
  if (pieces.length === 0) return;
  settle();
  const all = pieces;
  pieces = [];
  S.size = 0;
  const head = bufferConcat([u64(S.n), u8(S.cur === null ? 1 : 0)]);
  let parts = [], size = 0, run = [], stream = 0;
  const close = () => {
    if (run.length > 0) parts.push(u8(stream), bytes(bufferConcat(run)));
    run = [];
  };
  const emit = () => {
    close();
    if (parts.length > 0) transmit(frame(2, head, ...parts));
    parts = [];
    size = 0;
    stream = 0;
  };
  for (let i = 0; i < all.length; i += 2) {
    let data = all[i + 1];
    while (data.length > 0) {
      if (size >= CHUNK - 16) emit();
      if (all[i] !== stream) {
        close();
        stream = all[i];
        size += 5;
      }
      const part = data.subarray(0, CHUNK - size);
      data = data.subarray(part.length);
      size += part.length;
      run.push(part);
    }
  }
  emit();
  S.sentAt = now();
}

/// Sends everything written so far.
function flush() {
  S.crit++;
  pump();
  leave();
}

/// Called by the other thread, in the middle of whatever runs.
function ticked() {
  S.told = false;
  if (S.crit === 0) flush();
  else if (pieces.length > 0) {
    S.told = true;
    post('tick');
  }
}

/// What stands behind process.stdout and process.stderr. Its `write` is not the stream machinery's, which would be left in the
/// middle of a write where it is stopped.
function makeStream(fd) {
  const stream = new Writable({ decodeStrings: false, write(chunk, encoding, done) { put(fd, chunk, encoding); done(); } });
  stream.write = function write(chunk, encoding, done) {
    if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
    if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk)) {
      const error = new TypeError('The "chunk" argument must be of type string or an instance of Buffer, TypedArray, or DataView.');
      error.code = 'ERR_INVALID_ARG_TYPE';
      throw error;
    }
    put(fd, typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength), encoding);
    if (typeof done === 'function') nextTick(done);
    return true;
  };
  stream.end = function end(chunk, encoding, done) {
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') stream.write(chunk, encoding);
    const last = [chunk, encoding, done].find((f) => typeof f === 'function');
    if (last) nextTick(last);
    return stream;
  };
  stream.destroy = () => stream;
  stream.fd = fd;
  stream._type = 'pipe';
  stream.setMaxListeners(0);
  return stream;
}

const stdout = makeStream(1);
const stderr = makeStream(2);

/// Text for stderr that is the runner's own.
const say = (words) => put(2, words, 'utf8');

function fitOutput() {
  for (const [name, stream] of [['stdout', stdout], ['stderr', stderr]]) {
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream, set() {} });
  }
  const ours = new Console({ stdout, stderr, ignoreErrors: false });
  // In place, so that what holds the console writes here, too; and past the inspector's own, which keeps what was printed.
  for (const name of Object.getOwnPropertyNames(Console.prototype).concat(Object.keys(ours))) {
    if (name !== 'constructor' && typeof ours[name] === 'function') {
      Object.defineProperty(console, name, { configurable: true, writable: true, enumerable: true, value: ours[name].bind(ours) });
    }
  }
  const { writeSync, writevSync, write, writeFileSync, appendFileSync } = fs;
  const standard = (fd) => fd === 1 || fd === 2;
  fs.writeSync = function (fd, data, ...rest) {
    if (!standard(fd)) return writeSync.call(fs, fd, data, ...rest);
    if (typeof data === 'string') {
      const whole = bufferFrom(data, typeof rest[1] === 'string' ? rest[1] : 'utf8');
      put(fd, whole);
      return whole.length;
    }
    let [offset, length] = rest;
    if (offset !== null && typeof offset === 'object') ({ offset, length } = offset);
    const whole = bufferFrom(data.buffer, data.byteOffset, data.byteLength);
    const part = whole.subarray(offset || 0, length === undefined || length === null ? undefined : (offset || 0) + length);
    put(fd, part);
    return part.length;
  };
  const file = (real) => function (name, data, options) {
    const fd = name === '/dev/stdout' ? 1 : name === '/dev/stderr' ? 2 : name;
    if (!standard(fd) || (typeof data !== 'string' && !ArrayBuffer.isView(data))) return real.call(fs, name, data, options);
    put(fd, data, typeof options === 'string' ? options : options && options.encoding || 'utf8');
  };
  fs.writeFileSync = file(writeFileSync);
  fs.appendFileSync = file(appendFileSync);
  fs.writevSync = function (fd, buffers, position) {
    if (!standard(fd)) return writevSync.call(fs, fd, buffers, position);
    return buffers.reduce((sum, data) => sum + fs.writeSync(fd, data), 0);
  };
  fs.write = function (fd, data, ...rest) {
    const done = rest.pop();
    if (!standard(fd) || typeof done !== 'function') return write.call(fs, fd, data, ...rest, done);
    const n = fs.writeSync(fd, data, ...rest);
    nextTick(done, null, n, data);
  };
  fs.write[util.promisify.custom] = write[util.promisify.custom];
}
