// How the runner begins: what of Node it changes for the user's code, and where commands arrive.

function onMessage(message) {
  // Between two things nothing can be due.
  if (Array.isArray(message)) return message[0] === 'recover' ? recover() : begin();
  switch (message[0]) {
    case 1: return execute(message);
    case 2:
      S.due = false;
      S.cancelled = Math.min(S.cancelled, S.started);
      return send(frame(8, bufferFrom(message.subarray(1, 5))));
    case 3: return take(message);
    case 4: return answerQuery(message);
    case 5:
      S.crit++;
      pump();
      process.reallyExit = reallyExit;
      return realExit(0);
    default:
  }
}

const reallyExit = process.reallyExit;

/// Modules as programs in this folder find them, wherever the session has gone.
function fitModules() {
  let from = '', found = null;
  const current = () => {
    const folder = S.folder || process.cwd();
    if (folder !== from) [from, found] = [folder, Module.createRequire(path.join(folder, '<cell>'))];
    return found;
  };
  const own = (name) => current()(name);
  own.resolve = (...args) => current().resolve(...args);
  own.resolve.paths = (...args) => current().resolve.paths(...args);
  Object.defineProperties(own, {
    name: { value: 'require' },
    cache: { enumerable: true, get: () => current().cache },
    extensions: { enumerable: true, get: () => current().extensions },
    main: { enumerable: true, value: undefined, writable: true },
  });
  const hidden = (name, value) => Object.defineProperty(globalThis, name, { configurable: true, writable: true, enumerable: false, value });
  hidden('require', own);
  hidden('module', module);
  hidden('exports', module.exports);
  delete globalThis.__filename;
  delete globalThis.__dirname;
  hidden(IMPORT, (name, options) => {
    name = String(name);
    if (/^\.{0,2}\//.test(name) || name === '.' || name === '..') name = new URL(name, pathToFileURL(path.join(S.folder || process.cwd(), 'x'))).href;
    else if (!/^[a-z]+:/.test(name) && !Module.isBuiltin(name)) {
      // As from a file of this folder; where only `import` finds it, as from where the session began.
      try { name = pathToFileURL(Module.createRequire(path.join(S.folder || process.cwd(), 'x')).resolve(name)).href; } catch {}
    }
    return options === undefined ? load(name) : load(name, options);
  });
  // Node's own modules have names of their own, as in its REPL.
  for (const name of Module.builtinModules) {
    if (name.startsWith('_') || name.includes('/') || name in globalThis) continue;
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get() { return hidden(name, require(name))[name]; },
      set(value) { Object.defineProperty(globalThis, name, { configurable: true, writable: true, enumerable: true, value }); },
    });
  }
}

function fitNames() {
  for (const [name, cell] of [['_', last], ['_error', lastError]]) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      enumerable: false,
      get: () => cell.value,
      set(value) { Object.defineProperty(globalThis, name, { configurable: true, writable: true, enumerable: true, value }); },
    });
  }
  // Node has getters here, which cannot be looked at without running them.
  for (const [name, value] of [['process', process], ['Buffer', Buffer]]) {
    Object.defineProperty(globalThis, name, { configurable: true, writable: true, enumerable: false, value });
  }
  Object.defineProperty(globalThis, 'display', { configurable: true, writable: true, enumerable: false, value: display });
}

function begin() {
  delete globalThis.__rialto;
  send(frame(1, text('javascript'), text(process.versions.node), text(process.execPath)));
}

fitOutput();
fitInput();
fitTimers();
fitExit();
fitModules();
fitNames();
fitChildren();
process.on('uncaughtException', onUncaught);
process.on('unhandledRejection', onRejection);
process.on('beforeExit', onDrained);
keepListening();
process.execArgv = [];
delete process._eval;
process.argv = [process.execPath];
try { process.setSourceMapsEnabled(true); } catch {}
ask('Runtime.evaluate', { expression: '({})', objectGroup: 'rialto' });
Object.defineProperty(globalThis, '__rialto', { configurable: true, value: { interrupted, ticked, HOLDER } });
ask('Runtime.evaluate', { expression: '__rialto.HOLDER', objectGroup: 'rialto' }, (error, { result }) => { S.holder = result.objectId; });
{
  // What the bootstrap left in the pipe before the first command: the environment, and the other thread's source.
  const whole = (length) => {
    const data = bufferAlloc(length);
    for (let at = 0; at < length;) {
      const n = READ_SYNC(IN, data, at, length - at, null);
      if (n === 0) gone();
      at += n;
    }
    return data;
  };
  const reader = new Reader(whole(whole(4).readUInt32LE()), 1);
  for (let count = reader.u16(); count > 0; count--) process.env[reader.text()] = reader.text();
  const worker = new Worker(reader.rest().toString(), {
    eval: true,
    name: 'rialto',
    env: {},
    execArgv: [],
    stdin: false,
    workerData: { port: theirs, words: CTL, fd: IN, pid: process.pid },
    transferList: [theirs],
  });
  worker.on('error', gone);
  worker.on('exit', gone);
  worker.unref();
  port.on('message', onMessage);
}
