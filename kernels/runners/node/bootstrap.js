'use strict';
// An old Node must be able to read this, to be told that it is too old.
if (Number(process.versions.node.split('.')[0]) < 18) {
  process.stderr.write('Node ' + process.versions.node + ' is too old for Rialto: it needs Node 18 or newer (' + process.execPath + ')\n');
  process.exit(1);
}
{
  const fs = require('fs');
  const received = (length) => {
    const data = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      const n = fs.readSync(0, data, at, length - at, null);
      if (n === 0) process.exit(1);
      at += n;
    }
    return data;
  };
  const text = () => received(received(4).readUInt32LE()).toString();
  text();
  // `import` is what this script's is: a function made elsewhere may not import.
  const run = require('vm').runInThisContext('(function (require, process, module, load) {' + text() + '\n})', { filename: 'rialto:runner' });
  run(require, process, module, (name, options) => import(name, options));
}
