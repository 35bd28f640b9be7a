// Questions about code: what could stand here, what is this, is that all?

function answerQuery(message) {
  const reader = new Reader(message, 1);
  const id = reader.u64();
  const [kind, cursor, detail] = [reader.u8(), reader.u32(), reader.u8()];
  const code = reader.rest();
  let answer;
  try {
    if (kind === 1) answer = completions(code, Math.min(cursor, code.length));
    else if (kind === 2) answer = inspection(code, Math.min(cursor, code.length), detail);
    else answer = completeness(code.toString());
  } catch (error) {
    answer = bufferConcat([u8(0), text(String(error && error.message))]);
  }
  send(frame(9, u64(id), answer));
}

function completeness(code) {
  const [complete, invalid] = [u8(0), u8(2)].map((answer) => bufferConcat([u8(3), answer]));
  const { inside, open, stray } = scan(code);
  const incomplete = (indent) => bufferConcat([u8(3), u8(1), text(indent)]);
  // A string's line goes on where a backslash ends it.
  if (inside === 'string' && !/\\\n?$/.test(code)) return invalid;
  if (inside !== '') return incomplete('');
  const expression = importable(code);
  const bare = parse(expression);
  if (bare === null || (/^\s*\{/.test(code) && parse(`(${expression})`) === null)) return complete;
  if (stray || /Illegal return/.test(bare)) return invalid;
  // At the top of a session one may wait; in a script one may not.
  const head = '(async () => {\n';
  if (parse(`${head}${expression}\n})`) === null) return complete;
  const closed = open.reverse().map((one) => ({ '(': ')', '[': ']', '{': '}', '`': '}`' })[one]).join('');
  const more = /Unexpected end of input|Unterminated template|Missing catch or finally/.test(parse(head + expression))
    || (closed !== '' && parse(`${head}${expression}${closed}\n})`) === null);
  return more ? incomplete('  '.repeat(Math.min(open.length, 40))) : invalid;
}

const KEYWORDS = ('async await break case catch class const continue debugger default delete do else export extends false finally for function ' +
  'if import in instanceof let new null of return static super switch this throw true try typeof undefined var void while with yield').split(' ');

/// The value of an expression that can be had without running anything that changes something.
function pure(expression, use) {
  let found;
  ask('Runtime.evaluate', { expression, throwOnSideEffect: true, silent: true, timeout: 200, objectGroup: 'query' }, (error, answer) => {
    if (!error && !answer.exceptionDetails) found = use(answer.result);
  });
  ask('Runtime.releaseObjectGroup', { objectGroup: 'query' });
  return found;
}

/// The names of an expression's properties, nearest first: [name, kind, how far up].
function propertiesOf(expression) {
  // A module of Node's that is first asked for here: to have it is no effect.
  const root = WORD_FIRST.exec(expression);
  if (root && Module.builtinModules.includes(root[0])) void globalThis[root[0]];
  const found = [];
  let value = pure(expression, (remote) => [valueOf(remote)]);
  if (value === undefined || value[0] === undefined || value[0] === null) return found;
  value = Object(value[0]);
  // To look at a proxy would run what it does then.
  for (let depth = 0; value !== null && depth < 20 && found.length < 5000 && !util.types.isProxy(value); depth++) {
    for (const name of Object.getOwnPropertyNames(value)) {
      const about = Object.getOwnPropertyDescriptor(value, name);
      found.push([name, about && typeof about.value === 'function' ? kindOf(about.value) : 'property', depth]);
    }
    value = Object.getPrototypeOf(value);
  }
  return found;
}

const kindOf = (made) => (Function.prototype.toString.call(made).startsWith('class') ? 'class' : 'function');

/// The names at the top of the session, and of what kind.
function names() {
  let lexical = [];
  ask('Runtime.globalLexicalScopeNames', {}, (error, answer) => { lexical = error ? [] : answer.names; });
  const kind = (name) => pure(name, (remote) => (remote.type === 'function' ? (remote.description.startsWith('class') ? 'class' : 'function') : 'instance')) || 'instance';
  return [...lexical.map((name) => [name, kind(name), 0]), ...propertiesOf('globalThis').filter(([name]) => name !== IMPORT)];
}

/// The chain of names that ends here: `a.b[0].c`.
const CHAIN = /((?:[\p{ID_Start}$_][\p{ID_Continue}$]*|\]|\)|"[^"\n]*"|'[^'\n]*')(?:\??\.[\p{ID_Start}$_#][\p{ID_Continue}$]*|\[(?:\d+|"[^"\n]*"|'[^'\n]*')\])*)\??\.([\p{ID_Continue}$]*)$/u;
const WORD_FIRST = /^[\w$]+/;
const WORD = /[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

function completions(code, cursor) {
  const before = code.subarray(0, cursor).toString();
  const module = /(?:\brequire\s*\(|\bimport\s*\(|\bfrom\s*|\bimport\s+)(["'])([^"'\n]*)$/.exec(before);
  if (module) return modules(cursor, module[2]);
  const { inside } = scan(before);
  if (inside !== '') return items(cursor, cursor, []);
  const chain = CHAIN.exec(before);
  if (chain && !/^[\])]/.test(chain[1])) {
    const start = cursor - byteLength(chain[2]);
    return items(start, cursor, chosen(propertiesOf(chain[1]), chain[2]).filter(([name]) => /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)));
  }
  if (/\.\s*[\p{ID_Continue}$]*$/u.test(before) && !/\d\.$/.test(before)) return items(cursor, cursor, []);
  const word = (WORD.exec(before) || [''])[0];
  const all = [...names(), ...KEYWORDS.map((name) => [name, 'keyword', 1])];
  return items(cursor - byteLength(word), cursor, chosen(all, word));
}

/// Those that begin so: of one's own first, and what is meant to be private last.
function chosen(all, prefix) {
  const seen = new Map();
  for (const [name, kind, depth] of all) if (name.startsWith(prefix) && !seen.has(name)) seen.set(name, [name, kind, depth]);
  const rank = ([name, , depth]) => [name.startsWith('_') && !prefix.startsWith('_') ? 1 : 0, depth];
  return [...seen.values()].sort((a, b) => {
    const [x, y] = [rank(a), rank(b)];
    return x[0] - y[0] || x[1] - y[1] || (a[0] < b[0] ? -1 : 1);
  });
}

function modules(cursor, prefix) {
  let found = [];
  const folder = S.folder || process.cwd();
  if (/^\.{0,2}\//.test(prefix)) {
    const at = path.resolve(folder, prefix.endsWith('/') ? prefix : path.dirname(prefix));
    const base = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    found = listed(at).map((entry) => [base + entry.name + (entry.isDirectory() ? '/' : ''), entry.isDirectory() ? 'folder' : 'file', 0]);
  } else {
    const packages = listed(path.join(folder, 'node_modules')).filter((entry) => !entry.name.startsWith('.')).map((entry) => [entry.name, 'module', 0]);
    const builtin = Module.builtinModules.filter((name) => !name.startsWith('_'));
    found = [...packages, ...builtin.map((name) => [name, 'module', 1]), ...(prefix.startsWith('node:') ? builtin.map((name) => ['node:' + name, 'module', 1]) : [])];
  }
  return items(cursor - byteLength(prefix), cursor, chosen(found, prefix));
}

function listed(folder) {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function items(start, end, found) {
  const some = found.slice(0, 500);
  return bufferConcat([u8(1), u32(start), u32(end), u8(found.length > some.length ? 1 : 0), u16(some.length),
    ...some.flatMap(([name, kind]) => [text(name, 512), text(kind, 32)])]);
}

function inspection(code, cursor, detail) {
  const whole = code.toString();
  const at = code.subarray(0, cursor).toString().length;
  const after = /^[\p{ID_Continue}$]*/u.exec(whole.slice(at))[0];
  const before = /(?:[\p{ID_Start}$_][\p{ID_Continue}$]*\??\.)*[\p{ID_Continue}$]*$/u.exec(whole.slice(0, at))[0];
  let name = before + after;
  // On what opens a call's arguments, the function is meant.
  if (name === '') name = (/([\p{ID_Start}$_][\p{ID_Continue}$.]*)\($/u.exec(whole.slice(0, at)) || ['', ''])[1];
  const told = name === '' ? undefined : pure(name, (remote) => [aboutValue(name, remote, detail)]);
  if (told === undefined) return bufferConcat([u8(2), u8(0)]);
  return bufferConcat([u8(2), u8(1), packForms([['text/plain', cut(bufferFrom(told[0]), 65536)]])]);
}

function aboutValue(name, remote, detail) {
  const value = valueOf(remote);
  if (typeof value === 'function') {
    const source = Function.prototype.toString.call(value);
    const isClass = /^class\b/.test(source);
    const native = /\{\s*\[native code\]\s*\}$/.test(source);
    const head = native ? `${value.name}(${Array.from({ length: value.length }, (_, i) => 'arg' + (i + 1)).join(', ')})` : signature(source, isClass);
    const doc = native ? '' : comment(source);
    const lines = [`Signature: ${head}`, `Type:      ${isClass ? 'class' : util.types.isAsyncFunction(value) ? 'async function' : 'function'}${native ? ', of Node' : ''}`];
    if (doc !== '') lines.push('', doc);
    if (detail > 0 && !native) lines.push('', 'Source:', source);
    return lines.join('\n') + '\n';
  }
  const kind = value === null ? 'null' : typeof value === 'object' ? ((value.constructor && value.constructor.name) || 'object') : typeof value;
  const lines = [`Type:   ${kind}`];
  if (typeof value === 'string' || Array.isArray(value)) lines.push(`Length: ${value.length}`);
  if (value instanceof Map || value instanceof Set) lines.push(`Size:   ${value.size}`);
  lines.push(`Value:  ${inspect(value, { depth: detail > 0 ? 4 : 1, customInspect: false, getters: false })}`);
  return lines.join('\n') + '\n';
}

/// What stands before the body.
function signature(source, isClass) {
  if (isClass) {
    const made = /\bconstructor\s*\(([^)]*)\)/.exec(source);
    return `${source.slice(0, source.indexOf('{')).trim()}${made ? ` (${made[1].trim()})` : ''}`;
  }
  let depth = 0;
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (c === '(' || c === '[') depth++;
    else if (c === ')' || c === ']') depth--;
    else if (c === '{' && depth === 0) return source.slice(0, i).trim();
    else if (c === '=' && source[i + 1] === '>' && depth === 0) return source.slice(0, i).trim() + ' =>';
    else if (c === '{') depth++;
    else if (c === '}') depth--;
  }
  return source.split('\n')[0];
}

/// The comment above a function's source in the eval that made it.
function comment(source) {
  for (const code of [...sources.values()].reverse()) {
    const at = code.indexOf(source);
    if (at < 0) continue;
    const before = code.slice(0, at).replace(/(?:(?:export|default|const|let|var)\s+)*(?:[\w$]+\s*=\s*)?$/, '').trimEnd();
    const block = /\/\*\*?((?:(?!\*\/)[^])*)\*\/$/.exec(before);
    if (block) return block[1].split('\n').map((line) => line.replace(/^\s*\* ?/, '').trimEnd()).join('\n').trim();
    const lines = /((?:^[ \t]*\/\/[^\n]*\n?)+)$/m.exec(before);
    return lines ? lines[1].split('\n').map((line) => line.replace(/^\s*\/\/ ?/, '')).join('\n').trim() : '';
  }
  return '';
}
