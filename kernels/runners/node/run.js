// How the code of one eval is run, and what its end says.

class Reader {
  constructor(data, at) {
    this.data = bufferFrom(data.buffer, data.byteOffset, data.byteLength);
    this.at = at;
  }
  u8() { return this.data[this.at++]; }
  u16() { this.at += 2; return this.data.readUInt16LE(this.at - 2); }
  u32() { this.at += 4; return this.data.readUInt32LE(this.at - 4); }
  u64() { const low = this.u32(); return low + this.u32() * 4294967296; }
  text() { const length = this.u32(); this.at += length; return this.data.toString('utf8', this.at - length, this.at); }
  rest() { return this.data.subarray(this.at); }
}

function execute(message) {
  S.crit++;
  S.started++;
  const reader = new Reader(message, 1);
  const n = S.n = reader.u64();
  const flags = reader.u8();
  const argc = reader.u16();
  const trace = flags & 2 ? reader.text() : null;
  const argv = argc === 0xFFFF ? null : Array.from({ length: argc }, () => reader.text());
  const code = reader.rest().toString();
  const cur = S.cur = { n, show: (flags & 1) === 1, busy: true, interrupted: false, exit: undefined, where: '', timers: [], program: false, file: `<cell-${n}>`, undo: [] };
  if (S.started <= S.cancelled) {
    cur.busy = false;
    S.crit--;
    return finish(cur, stopped(cur));
  }
  environment(cur, trace, argv);
  keep(cur.file, code);
  let expression = importable(code.startsWith('#!') ? '//' + code.slice(2) : code);
  // An object in braces is meant as one, not as a block.
  if (/^\s*\{/.test(code) && !/;\s*$/.test(code) && parse(`(${expression})`) === null) expression = `(${expression})`;
  expression += `\n//# sourceURL=${cur.file}`;
  port.ref();
  S.crit--;
  // From here to the end of this function the code may be stopped, and then `recover` sees to the rest.
  ask('Runtime.evaluate', { expression, replMode: true, awaitPromise: true, objectGroup: 'eval' }, (error, answer) => evaluated(cur, error, answer));
  cur.busy = false;
}

/// What the program finds around it: its arguments, the trace it belongs to.
function environment(cur, trace, argv) {
  if (trace !== null) {
    const was = process.env.TRACEPARENT;
    process.env.TRACEPARENT = trace;
    cur.undo.push(() => { if (was === undefined) delete process.env.TRACEPARENT; else process.env.TRACEPARENT = was; });
  }
  if (argv === null) return;
  const [name, ...rest] = argv;
  cur.program = name !== '-c';
  const file = name === '-c' || name === '-' ? null : path.resolve(name);
  process.argv = [process.execPath, ...(file === null ? [] : [file]), ...rest];
  if (file === null) return;
  cur.file = /[\s'"]/.test(file) ? encodeURI(file) : file;
  cur.undo.push(() => { delete globalThis.__filename; delete globalThis.__dirname; S.folder = null; });
  [globalThis.__filename, globalThis.__dirname, S.folder] = [file, path.dirname(file), path.dirname(file)];
}

function keep(file, code) {
  S.kept += code.length - (sources.get(file) || '').length;
  sources.set(file, code);
  for (const old of sources.keys()) {
    if (sources.size <= RECENT && S.kept <= MAX_KEPT) break;
    S.kept -= sources.get(old).length;
    sources.delete(old);
  }
}

/// Why this cannot be parsed, or null. Runs nothing.
function parse(expression) {
  try {
    new vm.Script(expression);
    return null;
  } catch (error) {
    return String(error.message);
  }
}

/// The value behind the inspector's description of it.
function valueOf(remote) {
  if ('objectId' in remote) {
    ask('Runtime.callFunctionOn', { objectId: S.holder, functionDeclaration: 'function (x) { this.value = x; }', arguments: [{ objectId: remote.objectId }] });
    const { value } = HOLDER;
    HOLDER.value = undefined;
    return value;
  }
  if ('unserializableValue' in remote) {
    const words = remote.unserializableValue;
    return words.endsWith('n') ? BigInt(words.slice(0, -1)) : Number(words);
  }
  return remote.subtype === 'null' ? null : remote.value;
}
const HOLDER = { value: undefined };

function evaluated(cur, error, answer) {
  if (S.cur !== cur) return ask('Runtime.releaseObjectGroup', { objectGroup: 'eval' }); // It was stopped, and what goes on of it is in the background.
  S.crit++;
  cur.busy = true;
  if (error) {
    cur.busy = false;
    S.due = false;
    S.crit--;
    if (cur.exit !== undefined || cur.interrupted) return finish(cur, stopped(cur));
    return finish(cur, failureEnd(1, 'Error', error.message, `Error: ${error.message}\n`));
  }
  let end, display = null;
  const value = valueOf((answer.exceptionDetails && answer.exceptionDetails.exception) || answer.result);
  ask('Runtime.releaseObjectGroup', { objectGroup: 'eval' });
  if (answer.exceptionDetails) {
    S.crit--;
    const told = failure(value, answer.exceptionDetails, cur);
    S.crit++;
    end = failureEnd(1, ...told);
    lastError.value = value;
  } else if (cur.show && value !== undefined) {
    // Showing a value runs code of its own, which may be stopped.
    S.crit--;
    const forms = formsOf(value);
    S.crit++;
    last.value = value;
    const size = forms.reduce((sum, [, data]) => sum + data.length, 0);
    if (size <= INLINE_RESULT) end = bufferConcat([u8(0), u8(1), packForms(forms)]);
    else display = forms;
  }
  if (end === undefined) end = bufferConcat([u8(0), u8(0)]);
  cur.busy = false;
  if (display !== null) sendDisplay(display, true);
  S.due = false;
  S.crit--;
  // First Node tells of promises that were rejected and nobody waits for.
  if (!cur.program || end[0] !== 0) return setImmediate(() => { if (S.cur === cur) finish(cur, end); });
  // A program is over when nothing is left that could go on.
  cur.drains = true;
  port.unref();
}

/// Nothing is left that could go on.
function onDrained() {
  port.ref();
  const cur = S.cur;
  if (cur === null || !cur.drains) return;
  const code = process.exitCode === undefined ? 0 : Number(process.exitCode) & 255;
  finish(cur, code === 0 ? bufferConcat([u8(0), u8(0)]) : exitEnd(code));
}

/// The last output of an eval and the frame of its end.
function finish(cur, end) {
  S.crit++;
  port.ref();
  for (const undo of cur.undo) undo();
  if (end[0] === 2 || end[0] === 3) clearTimers(cur);
  process.exitCode = undefined;
  pump();
  settle();
  S.cur = null;
  S.due = false;
  transmit(frame(7, u64(cur.n), end));
  S.crit--;
}

const exitEnd = (code) => bufferConcat([u8(3), u8(code), u8(0), u32(0), u8(0)]);
const failureEnd = (how, name, value, traceback) => bufferConcat([u8(how), text(name, 1024), text(value, 65536), text(traceback, 262144), u8(0)]);

/// What an eval has started that is stopped does not go on by its timers.
function clearTimers(cur) {
  for (const timer of cur.timers) {
    clearTimeout(timer);
    clearImmediate(timer);
  }
}

function fitTimers() {
  const noted = (timer) => {
    const cur = S.cur;
    if (cur !== null) {
      if (cur.timers.length > 1000) cur.timers = cur.timers.filter((one) => !one._destroyed);
      cur.timers.push(timer);
    }
    return timer;
  };
  const own = {
    setTimeout: function (...args) { return noted(setTimeout(...args)); },
    setInterval: function (...args) { return noted(setInterval(...args)); },
    setImmediate: function (...args) { return noted(setImmediate(...args)); },
  };
  const later = (start) => (after, value, options) => {
    if (options && options.signal) return start === own.setImmediate ? real.setImmediate(value, options) : real.setTimeout(after, value, options);
    return new Promise((resolve) => {
      const timer = start(() => resolve(value), after);
      if (options && options.ref === false) timer.unref();
    });
  };
  const promises = require('timers/promises');
  const real = { ...promises };
  promises.setTimeout = later(own.setTimeout);
  promises.setImmediate = (value, options) => later((run) => own.setImmediate(run))(0, value, options);
  own.setTimeout[util.promisify.custom] = promises.setTimeout;
  own.setImmediate[util.promisify.custom] = promises.setImmediate;
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(value, 'name', { value: name });
    timers[name] = value;
    Object.defineProperty(globalThis, name, { configurable: true, writable: true, enumerable: true, value });
  }
}

/// process.exit ends the eval; the interpreter lives on.
function fitExit() {
  process.exit = process.reallyExit = function exit(code) {
    if (code === undefined) code = process.exitCode;
    const cur = S.cur;
    if (cur === null) say(`process.exit(${code === undefined ? '' : code}) was called while no eval runs; the kernel lives on\n`);
    else {
      cur.exit = (code === undefined ? 0 : Number(code) || 0) & 255;
      if (cur.exit === 0 && code !== undefined && Number.isNaN(Number(code))) cur.exit = 1;
    }
    stop();
  };
}
