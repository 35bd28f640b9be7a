// What a value, and an error, look like.

const DISPLAY = Symbol.for('Jupyter.display');
const last = { value: undefined };
const lastError = { value: undefined };

/// The forms of a value, richest last: [[MIME type, bytes]...]
function formsOf(value) {
  let rich = null;
  try {
    if (value !== null && (typeof value === 'object' || typeof value === 'function') && typeof value[DISPLAY] === 'function') rich = value[DISPLAY]();
  } catch (error) {
    say(failure(error)[2]);
  }
  const forms = packable(rich);
  if (!forms.some(([mime]) => mime === 'text/plain')) forms.unshift(['text/plain', bufferFrom(shown(value))]);
  return forms;
}

function shown(value) {
  try {
    return inspect(value, typeof value === 'string' ? { maxStringLength: null } : {});
  } catch (error) {
    return `[it could not be shown: ${String(error && error.message)}]`;
  }
}

/// What an object of MIME types and data has to show.
function packable(bundle) {
  if (bundle === null || typeof bundle !== 'object') return [];
  return Object.entries(bundle).filter(([, data]) => data !== undefined && data !== null).map(([mime, data]) => {
    if (data instanceof Uint8Array) return [mime, bufferFrom(data)];
    if (typeof data !== 'string') return [mime, bufferFrom(JSON.stringify(data))];
    // As in notebooks: what is no text comes as base64.
    const binary = /^(image|audio|video)\//.test(mime) && !mime.includes('svg') || mime === 'application/pdf';
    return [mime, bufferFrom(data, binary ? 'base64' : 'utf8')];
  });
}

const packForms = (forms) => bufferConcat([u16(forms.length), ...forms.flatMap(([mime, data]) => [text(mime, 1024), bytes(data)])]);

function sendDisplay(forms, isResult) {
  let size = forms.reduce((sum, [, data]) => sum + data.length, 0);
  if (size > MAX_DISPLAY) {
    forms = [['text/plain', bufferFrom(`[a display of ${size} bytes is not kept: the most is ${MAX_DISPLAY}]`)]];
    size = forms[0][1].length;
  }
  const head = [u64(S.n), u8(isResult ? 1 : 0)];
  if (size <= 48 * 1024) return send(frame(3, ...head, packForms(forms)));
  const frames = [frame(4, ...head, u16(forms.length), ...forms.flatMap(([mime, data]) => [text(mime, 1024), u64(data.length)]))];
  const whole = bufferConcat(forms.map(([, data]) => data));
  for (let at = 0; at < whole.length; at += CHUNK) frames.push(frame(5, whole.subarray(at, at + CHUNK)));
  send(...frames);
}

/// Shows a value in all its forms, in the middle of an eval.
function display(value, options) {
  const forms = options && options.raw ? packable(value) : formsOf(value);
  if (S.cur !== null && forms.length > 0) sendDisplay(forms, false);
}

/// [name, value, traceback] of what was thrown.
function failure(thrown, details, cur) {
  try {
    return describe(thrown, details, cur);
  } catch {
    return ['Error', '', 'Uncaught: what was thrown could not be shown\n'];
  }
}

function describe(thrown, details, cur) {
  if (!util.types.isNativeError(thrown)) {
    const words = shown(thrown);
    return ['Uncaught', words, `Uncaught ${words}\n`];
  }
  const name = String(thrown.name || 'Error');
  const message = String(thrown.message);
  const own = typeof thrown.stack === 'string' ? thrown.stack : `${name}: ${message}`;
  const lines = own.split('\n');
  const first = lines.findIndex((line) => /^\s+at /.test(line));
  const head = first < 0 ? lines : lines.slice(0, first);
  const stack = first < 0 ? [] : theirLines(lines.slice(first));
  let source = where(stack);
  if (source === '' && thrown instanceof SyntaxError && details && cur) source = syntaxAt(details, cur);
  // What else it carries: a code, a cause.
  const plain = Object.keys(thrown).length === 0 && thrown.cause === undefined && !(thrown instanceof AggregateError);
  let words = [...head, ...stack].join('\n');
  if (!plain) {
    const whole = shown(thrown);
    const rest = whole.startsWith(own) ? whole.slice(own.length) : whole.includes(' {\n') && whole.startsWith(head[0]) ? whole.slice(whole.indexOf(' {\n')) : '';
    words += rest.split('\n').filter((line) => !/^\s+at .*(rialto:|node:inspector|\[eval\])/.test(line)).join('\n');
  }
  return [name, message, `${source}${words.replaceAll(IMPORT, 'import')}\n`];
}

/// The source line that the topmost line of a stack in an eval names, with a mark below.
function where(stack) {
  for (const line of stack) {
    const found = /\(?((?:<cell-\d+>)|(?:\/[^\s():]*)):(\d+):(\d+)\)?$/.exec(line);
    if (found && sources.has(found[1])) return marked(found[1], Number(found[2]), Number(found[3]));
    if (found) return '';
  }
  return '';
}

function syntaxAt(details, cur) {
  return marked(cur.file, details.lineNumber + 1, details.columnNumber + 1);
}

function marked(file, line, column) {
  const words = (sources.get(file) || '').split('\n')[line - 1];
  if (words === undefined || words.length > 500) return `${file}:${line}\n\n`;
  const before = words.slice(0, Math.min(column - 1, words.length)).replace(/[^\t]/g, ' ');
  return `${file}:${line}\n${words}\n${before}^\n\n`;
}

/// Something went wrong where no eval's own code was running: a timer, an event, a promise nobody waits for.
function onUncaught(error) {
  if (process.listenerCount('uncaughtException') > 1) return;
  stray(error, 'Uncaught');
}

function onRejection(reason) {
  if (process.listenerCount('unhandledRejection') > 1) return;
  stray(reason, 'Uncaught (in promise)');
}

function stray(error, how) {
  const told = failure(error);
  const cur = S.cur;
  // Node would end the program.
  if (cur !== null && cur.program && !cur.busy) {
    clearTimers(cur);
    return finish(cur, failureEnd(1, ...told));
  }
  say(told[2].startsWith('Uncaught') ? told[2] : `${how} ${told[2]}`);
}
