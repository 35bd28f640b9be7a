// What JavaScript looks like from afar: where strings, comments and templates are, and which words are code.

const REGEX_AFTER = /(?:^|[=(,;:!&|?{}\[+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|delete|void|throw|new|instanceof|yield|await))\s*$/;

/// Calls `word(text, start, end)` for each word of code, and says in what the text ends: '' (code), 'comment', 'template', 'string' (whose
/// line goes on), which brackets are open, and whether one closed that was not.
function scan(code, word = () => {}) {
  const open = [];
  let i = 0, from = 0, stray = false;
  const quoted = (quote) => {
    for (i++; i < code.length; i++) {
      if (code[i] === '\\') i++;
      else if (code[i] === quote) return i++, true;
      else if (code[i] === '\n') return true;
    }
    return false;
  };
  const template = () => {
    for (; i < code.length; i++) {
      if (code[i] === '\\') i++;
      else if (code[i] === '`') return i++, true;
      else if (code[i] === '$' && code[i + 1] === '{') {
        open.push('`');
        i += 2;
        return true;
      }
    }
    return false;
  };
  while (i < code.length) {
    const c = code[i];
    if (c === '/' && code[i + 1] === '/') {
      const end = code.indexOf('\n', i);
      i = end < 0 ? code.length : end;
    } else if (c === '/' && code[i + 1] === '*') {
      const end = code.indexOf('*/', i + 2);
      if (end < 0) return { inside: 'comment', open, stray };
      i = end + 2;
    } else if (c === '"' || c === "'") {
      if (!quoted(c)) return { inside: 'string', open, stray };
    } else if (c === '`') {
      i++;
      if (!template()) return { inside: 'template', open, stray };
    } else if (c === '/' && REGEX_AFTER.test(code.slice(Math.max(0, i - 40), i))) {
      let set = false;
      for (i++; i < code.length && code[i] !== '\n'; i++) {
        if (code[i] === '\\') i++;
        else if (code[i] === '[') set = true;
        else if (code[i] === ']') set = false;
        else if (code[i] === '/' && !set) break;
      }
      i++;
    } else if (c === '(' || c === '[' || c === '{') {
      open.push(c);
      i++;
    } else if (c === ')' || c === ']' || c === '}') {
      i++;
      const opened = open.pop();
      if (opened === undefined) stray = true;
      if (opened === '`' && !template()) return { inside: 'template', open, stray };
    } else if (/[\p{ID_Start}$_]/u.test(c)) {
      from = i;
      while (i < code.length && /[\p{ID_Continue}$]/u.test(code[i])) i++;
      word(code.slice(from, i), from, i, open.length);
    } else i++;
  }
  return { inside: '', open, stray };
}

// Of the same length as `import`, so that columns stay what they were.
const IMPORT = '\u0456mport';

/// Code in which `import` can run: an expression becomes a call of the session's own, a declaration a call that is awaited. Nothing
/// changes its line.
function importable(code) {
  if (!/\bimport\b/.test(code)) return code;
  const edits = [];
  let until = 0;
  scan(code, (word, start, end, depth) => {
    if (word !== 'import' || start < until || /\.\s*$/.test(code.slice(Math.max(0, start - 20), start))) return;
    const rest = code.slice(end);
    if (/^\s*\(/.test(rest)) return edits.push([start, end, IMPORT]);
    if (depth > 0) return;
    const declared = /^\s*(?:([\w$]+)\s*(?:,\s*)?)?(?:\*\s*as\s+([\w$]+)|(\{[^}]*\}))?\s*(?:\bfrom\b)?\s*("[^"\n]*"|'[^'\n]*')(?:\s*(?:with|assert)\s*(\{[^}]*\}))?\s*;?/.exec(rest);
    if (declared === null) return;
    const [whole, byDefault, all, some, name, options] = declared;
    const call = `await ${IMPORT}(${name}${options ? `, { with: ${options} }` : ''})`;
    let made;
    if (byDefault === undefined && all === undefined && some === undefined) made = call;
    else if (all !== undefined) made = `const ${all} = ${call}${byDefault ? `, ${byDefault} = ${all}.default` : ''}`;
    else {
      const names = (some || '{}').replace(/\bas\b/g, ':').replace(/^\{/, byDefault ? `{ default: ${byDefault}, ` : '{');
      made = `const ${names.replace(/,\s*\}$/, '}')} = ${call}`;
    }
    until = end + whole.length;
    edits.push([start, until, made.replace(/\n/g, ' ') + ';' + '\n'.repeat(whole.split('\n').length - 1)]);
  });
  for (const [start, end, words] of edits.reverse()) code = code.slice(0, start) + words + code.slice(end);
  return code;
}
