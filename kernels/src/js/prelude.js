// What a session of `js` has besides the language: a console, timers, and how values look. Runs once, as the body of a function of
// (write, timer, clear, ask, leave); what it returns only the engine's thread can reach. Taken hold of here, before anybody can
// replace them: the engine's own functions.
'use strict';
const { ArrayBuffer, Boolean, DataView, Date, Error, Function, Map, Math, Number, Object, Promise, Reflect, RegExp, Set, String, TypeError } = globalThis;
const { isNaN, parseFloat, parseInt, JSON, Array } = globalThis;
const { getOwnPropertyDescriptor: descriptor, getPrototypeOf: parent, getOwnPropertyNames: names, keys: keysOf } = Object;
const { ownKeys, apply } = Reflect;
const { stringify } = JSON;
const textOf = String, isArray = Array.isArray, toText = Function.prototype.toString, tag = Object.prototype.toString;
const AsyncFunction = (async () => {}).constructor;

const DEEP = 3, MANY = 100, LONG = 10_000, WIDE = 76;

function quoted(text) {
  const quote = !text.includes("'") ? "'" : !text.includes('"') ? '"' : '`';
  const plain = stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return quote + plain.replaceAll(quote, '\\' + quote) + quote;
}

function short(text) {
  return text.length > LONG ? quoted(text.slice(0, LONG)) + `... ${text.length - LONG} more characters` : quoted(text);
}

function keyText(key) {
  if (typeof key === 'symbol') return `[${textOf(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

function classOf(value) {
  for (let at = value; at; at = parent(at)) {
    const made = descriptor(at, 'constructor');
    if (made && typeof made.value === 'function' && made.value.name) return made.value.name;
  }
  return null;
}

function ofFunction(value) {
  const text = apply(toText, value, []);
  if (text.startsWith('class')) {
    const above = parent(value);
    return `[class ${value.name || '(anonymous)'}${above && above.name ? ` extends ${above.name}` : ''}]`;
  }
  const kind = tag.call(value).slice(8, -1);
  return value.name ? `[${kind}: ${value.name}]` : `[${kind} (anonymous)]`;
}

// A value as a person reads it.
function inspect(value, depth = DEEP, seen = []) {
  switch (typeof value) {
    case 'string': return short(value);
    case 'bigint': return `${value}n`;
    case 'number': return value === 0 && 1 / value < 0 ? '-0' : `${value}`;
    case 'symbol': return textOf(value);
    case 'undefined': case 'boolean': return `${value}`;
  }
  if (value === null) return 'null';
  if (seen.includes(value)) return '[Circular]';
  const inner = [...seen, value];
  const item = (v) => inspect(v, depth - 1, inner);
  const kind = classOf(value);
  let begin = kind === 'Object' ? '' : `${kind ?? '[Object: null prototype]'} `, braces = ['{', '}'], parts = [], skip = () => false;
  const more = (count) => { if (count > MANY) parts.push(`... ${count - MANY} more`); };
  if (typeof value === 'function') {
    begin = ofFunction(value) + ' ';
    skip = (key) => ['length', 'name', 'prototype', 'caller', 'arguments'].includes(key);
  } else if (value instanceof Error) {
    const stack = typeof value.stack === 'string' ? value.stack.trimEnd() : '';
    begin = `${value.name}${value.message ? `: ${value.message}` : ''}${stack ? `\n${stack}` : ''} `;
    skip = (key) => ['stack', 'message', 'name'].includes(key);
  } else if (isArray(value) || ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    if (depth < 0) return `[${kind ?? 'Array'}]`;
    begin = kind === 'Array' ? '' : `${kind}(${value.length}) `;
    braces = ['[', ']'];
    for (let i = 0; i < value.length && parts.length < MANY; i++) {
      let empty = i;
      while (empty < value.length && !(empty in value)) empty++;
      if (empty > i) {
        parts.push(`<${empty - i} empty item${empty - i > 1 ? 's' : ''}>`);
        i = empty - 1;
      } else {
        parts.push(item(value[i]));
      }
    }
    more(value.length);
    skip = (key) => key === 'length' || /^\d+$/.test(key);
  } else if (value instanceof Map || value instanceof Set) {
    if (depth < 0) return `[${kind}]`;
    begin = `${kind}(${value.size}) `;
    for (const entry of value) {
      if (parts.length >= MANY) break;
      parts.push(value instanceof Map ? `${item(entry[0])} => ${item(entry[1])}` : item(entry));
    }
    more(value.size);
  } else if (value instanceof Date) {
    begin = (isNaN(value) ? 'Invalid Date' : value.toISOString()) + ' ';
  } else if (value instanceof RegExp) {
    begin = `${value} `;
    skip = (key) => key === 'lastIndex';
  } else if (value instanceof Promise) {
    begin = 'Promise ';
    parts.push('...');
  } else if (value instanceof ArrayBuffer) {
    begin = 'ArrayBuffer ';
    parts.push(`byteLength: ${value.byteLength}`);
  } else if (value instanceof Number || value instanceof String || value instanceof Boolean) {
    begin = `[${kind}: ${inspect(value.valueOf())}] `;
    skip = (key) => key === 'length' || /^\d+$/.test(key);
  }
  const own = ownKeys(value).filter((key) => {
    const d = descriptor(value, key);
    return d && d.enumerable && !skip(typeof key === 'symbol' ? '' : key);
  });
  if (depth < 0 && own.length && !parts.length) return `[${kind ?? 'Object'}]`;
  for (const key of own.slice(0, MANY)) {
    const d = descriptor(value, key);
    const shown = d.get ? (d.set ? '[Getter/Setter]' : '[Getter]') : d.set ? '[Setter]' : item(d.value);
    parts.push(`${keyText(key)}: ${shown}`);
  }
  more(own.length);
  const bare = begin.trimEnd();
  if (!parts.length) {
    const named = typeof value === 'function' || value instanceof Error || value instanceof Date || value instanceof RegExp || value instanceof Number
      || value instanceof String || value instanceof Boolean;
    return named ? bare : begin + braces.join('');
  }
  const line = parts.join(', ');
  if (line.length + begin.length <= WIDE && !line.includes('\n')) return `${begin}${braces[0]} ${line} ${braces[1]}`;
  // Numbers and short words stand several to a line.
  if (isArray(value) && parts.length > 6 && parts.every((p) => p.length <= 16 && !p.includes('\n'))) {
    const wide = Math.max(...parts.map((p) => p.length)) + 2;
    const across = Math.max(1, Math.floor(WIDE / wide));
    const lines = [];
    for (let i = 0; i < parts.length; i += across) {
      lines.push('  ' + parts.slice(i, i + across).map((p, j) => i + j + 1 < parts.length ? (p + ',').padEnd(wide) : p).join('').trimEnd());
    }
    return `${begin}${braces[0]}\n${lines.join('\n')}\n${braces[1]}`;
  }
  return `${begin}${braces[0]}\n${parts.map((p) => '  ' + p.replaceAll('\n', '\n  ')).join(',\n')}\n${braces[1]}`;
}

function format(first, ...rest) {
  const parts = [];
  if (typeof first === 'string' && rest.length) {
    parts.push(first.replace(/%[sdifjoOc%]/g, (mark) => {
      if (mark === '%%') return '%';
      if (!rest.length) return mark;
      const value = rest.shift();
      switch (mark) {
        case '%s': return typeof value === 'string' ? value : inspect(value, 0);
        case '%d': return typeof value === 'bigint' ? `${value}n` : `${Number(value)}`;
        case '%i': return `${parseInt(value, 10)}`;
        case '%f': return `${parseFloat(value)}`;
        case '%j': return stringify(value);
        case '%c': return '';
        default: return inspect(value);
      }
    }));
  } else if (arguments.length) {
    parts.push(typeof first === 'string' ? first : inspect(first));
  }
  for (const value of rest) parts.push(typeof value === 'string' ? value : inspect(value));
  return parts.join(' ');
}

let groups = '';
const counts = new Map(), clocks = new Map();
const say = (stream) => (...what) => {
  const text = format(...what);
  write(stream, (groups ? groups + text.replaceAll('\n', '\n' + groups) : text) + '\n');
};
const log = say(1), warn = say(2);
function table(rows) {
  if (rows === null || typeof rows !== 'object') return log(rows);
  const cells = keysOf(rows).map((key) => [key, rows[key]]);
  const columns = [...new Set(cells.flatMap(([, row]) => row !== null && typeof row === 'object' ? keysOf(row) : []))];
  const plain = cells.some(([, row]) => row === null || typeof row !== 'object');
  const head = ['(index)', ...columns, ...(plain ? ['Values'] : [])];
  const lines = cells.map(([key, row]) => {
    const of = row !== null && typeof row === 'object';
    return [key, ...columns.map((c) => of && c in row ? inspect(row[c], 0) : ''), ...(plain ? [of ? '' : inspect(row, 0)] : [])];
  });
  const wide = head.map((name, i) => Math.max(name.length, ...lines.map((line) => line[i].length)));
  const draw = (line) => line.map((cell, i) => cell.padEnd(wide[i])).join('  ').trimEnd();
  log([draw(head), wide.map((w) => '-'.repeat(w)).join('  '), ...lines.map(draw)].join('\n'));
}
const define = (where, values) => {
  for (const name of keysOf(values)) {
    Object.defineProperty(where, name, { value: values[name], writable: true, configurable: true, enumerable: false });
  }
};
define(globalThis, {
  console: {
    log, info: log, debug: log, error: warn, warn, table,
    dir: (value) => log(inspect(value)),
    trace: (...what) => warn('Trace:', ...what, '\n' + new Error().stack.split('\n').slice(1).join('\n').trimEnd()),
    assert: (ok, ...what) => { if (!ok) warn('Assertion failed', ...what); },
    count: (name = 'default') => { counts.set(name, (counts.get(name) ?? 0) + 1); log(`${name}: ${counts.get(name)}`); },
    countReset: (name = 'default') => { counts.delete(name); },
    group: (...what) => { if (what.length) log(...what); if (groups.length < 100) groups += '  '; },
    groupEnd: () => { groups = groups.slice(2); },
    time: (name = 'default') => { clocks.set(name, Date.now()); },
    timeEnd: (name = 'default') => { log(`${name}: ${Date.now() - clocks.get(name)} ms`); clocks.delete(name); },
  },
  print: (...what) => log(...what),
  prompt: (text = '', preset = null) => ask(`${text}`, false) ?? preset,
  exit: (code = 0) => leave(Number(code) || 0),
  queueMicrotask: (f) => { Promise.resolve().then(() => f()); },
});

// Timers: what is called is kept here, when it is due on the other side.
const due = new Map();
const start = (f, ms, again, rest) => {
  if (typeof f !== 'function') throw new TypeError('a timer calls a function');
  const id = timer(Math.max(again ? 1 : 0, Number(ms) || 0), again);
  due.set(id, { f, again, rest });
  return id;
};
const stop = (id) => { if (due.delete(id)) clear(id); };
define(globalThis, {
  setTimeout: (f, ms, ...rest) => start(f, ms, false, rest),
  setInterval: (f, ms, ...rest) => start(f, ms, true, rest),
  clearTimeout: stop, clearInterval: stop,
});

const WORDS = ('async await break case catch class const continue debugger default delete do else export extends false finally for function if import in '
  + 'instanceof let new null of return static super switch this throw true try typeof undefined var void while with yield').split(' ');

// What a path of names leads to, without calling anybody's getter.
function follow(path) {
  let value = globalThis;
  for (const name of path) {
    let at = value === null || value === undefined ? null : Object(value), d;
    for (; at && !(d = descriptor(at, name)); at = parent(at));
    if (!d || d.get || d.set) return undefined;
    value = d.value;
  }
  return value;
}

function signature(value) {
  if (typeof value !== 'function') return '';
  const text = apply(toText, value, []);
  if (text.includes('[native code]')) return '';
  const open = text.startsWith('class') ? /\bconstructor\s*(\([^)]*\))/.exec(text)?.[1] : /^[^(=]*(\((?:[^()]|\([^()]*\))*\))/.exec(text)?.[1];
  return (open ?? '').replace(/\s+/g, ' ').slice(0, 200);
}

const kindOf = (value) => typeof value === 'function' ? (apply(toText, value, []).startsWith('class') ? 'class' : 'function')
  : value === null ? 'null' : isArray(value) ? 'array' : typeof value;

function complete(before) {
  const [, path, word] = /((?:[\w$]+\.)*)([\w$]*)$/.exec(before);
  const ahead = before.slice(0, before.length - path.length - word.length);
  let value = path ? follow(path.slice(0, -1).split('.')) : globalThis, dot = path !== '';
  if (!path && ahead.endsWith('.')) {
    dot = true;
    const last = ahead.at(-2);
    value = last === "'" || last === '"' || last === '`' ? '' : last === ']' ? [] : undefined;
  }
  const found = new Map();
  if (value !== undefined && value !== null) {
    for (let at = Object(value), i = 0; at && i < 20; at = parent(at), i++) {
      for (const name of names(at)) {
        if (!name.startsWith(word) || found.has(name) || !/^[A-Za-z_$][\w$]*$/.test(name)) continue;
        const d = descriptor(at, name);
        found.set(name, d && 'value' in d ? [kindOf(d.value), signature(d.value)] : ['property', '']);
      }
      if (found.size > 2000) break;
    }
  }
  if (!dot) for (const name of WORDS) if (name.startsWith(word)) found.set(name, ['keyword', '']);
  const all = [...found].sort(([a], [b]) => a < b ? -1 : 1);
  return stringify([word, all.length > 500, all.slice(0, 500).map(([name, about]) => [name, ...about])]);
}

function describe(code, cursor, all) {
  const before = /[\w$.]*$/.exec(code.slice(0, cursor))[0], after = /^[\w$]*/.exec(code.slice(cursor))[0];
  const name = (before + after).replace(/^\.+|\.+$/g, '');
  if (!name) return null;
  const value = follow(name.split('.'));
  if (value === undefined) return null;
  const first = typeof value === 'function' ? `${name}${signature(value) || '(...)'}: ${kindOf(value)}` : `${name}: ${kindOf(value)}`;
  const rest = typeof value === 'function' ? (all ? apply(toText, value, []) : '') : inspect(value).slice(0, 2000);
  return rest ? `${first}\n${rest}` : first;
}

return {
  inspect: (value) => inspect(value),
  complete, describe,
  // 0: it would run; 1: it ends too early; 2: it is wrong.
  judge: (code) => {
    try {
      new AsyncFunction(code);
      return 0;
    } catch (e) {
      return /'}'|unexpected end|''$/.test(`${e.message}`) ? 1 : 2;
    }
  },
  fire: (id) => {
    const found = due.get(id);
    if (!found) return;
    if (!found.again) due.delete(id);
    found.f(...found.rest);
  },
  failure: (error) => {
    if (!(error instanceof Error)) return stringify(['Error', inspect(error), `Uncaught ${inspect(error)}\n`]);
    const name = `${error.name}`, message = `${error.message}`;
    let stack = typeof error.stack === 'string' ? error.stack : '';
    let text = `Uncaught ${name}${message ? `: ${message}` : ''}\n${stack}`;
    for (let cause = error.cause, i = 0; cause instanceof Error && i < 5; cause = cause.cause, i++) {
      text += `Caused by ${cause.name}: ${cause.message}\n${cause.stack ?? ''}`;
    }
    return stringify([name, message, text]);
  },
  keep: (value) => define(globalThis, { _: value }),
};
