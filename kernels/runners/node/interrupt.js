// Which code an interrupt may stop, and how it stays out of every other.

/// Called by the other thread, in the middle of whatever the main thread does, or between two things. `forwarded`: how many commands
/// to run it had handed on before. Where it cannot be decided now it says for which eval it is to be asked again; else 0.
function interrupted(forwarded, hard, again) {
  const cur = S.cur;
  if (cur === null) {
    // For the eval whose command is on its way, or for nobody.
    if (again > 0 || forwarded <= S.started) return 0;
    S.cancelled = forwarded;
    if (S.crit === 0 && beneath().theirs !== '') kill();
    return 0;
  }
  if (again > 0 && again !== cur.n) return 0;
  // A program that handles the signal itself has been told by it.
  if (!hard && process.listenerCount('SIGINT') > 1) return 0;
  cur.interrupted = true;
  const { theirs, inRunner } = beneath();
  cur.where = cur.where || theirs;
  // A request to stop takes effect a little later: in a function of the runner's that would be in the middle of its work.
  if (S.crit > 0 || inRunner) {
    S.due = true;
    return cur.n;
  }
  if (cur.busy || theirs !== '') kill();
  return 0;
}

/// The stack of what was interrupted ('' between two things), and whether the runner's own code is on top of it.
function beneath() {
  const { stackTraceLimit: limit, prepareStackTrace: prepare } = Error;
  try {
    Error.stackTraceLimit = 30;
    Error.prepareStackTrace = undefined;
    const lines = String(new Error().stack).split('\n').slice(1);
    const ours = lines.findIndex((line) => line.includes('<anonymous>:1:'));
    const below = lines.slice(ours + 1);
    return { theirs: theirLines(below).join('\n'), inRunner: below.length > 0 && below[0].includes('rialto:') };
  } finally {
    Error.stackTraceLimit = limit;
    Error.prepareStackTrace = prepare;
  }
}

/// Has the other thread stop what runs here. When this returns the request is on its way, and hits at the next function or loop.
function kill() {
  atomicStore(CTL, KILL, 0);
  post('kill');
  for (const end = now() + 2000; atomicLoad(CTL, KILL) === 0 && now() < end;);
}

/// Stops the code that called the runner. Does not return.
function stop() {
  S.due = false;
  kill();
  for (const end = now() + 2000; now() < end;);
}

/// After each interrupt, when it can stop nothing any more.
function recover() {
  S.crit = 0;
  const cur = S.cur;
  if (cur !== null && (cur.interrupted || cur.exit !== undefined)) finish(cur, stopped(cur));
}

/// How an eval ended that was stopped.
function stopped(cur) {
  if (cur.exit !== undefined) return exitEnd(cur.exit);
  const where = cur.where ? cur.where + '\n' : '';
  return failureEnd(2, 'Interrupted', 'the eval was interrupted', `Interrupted: the eval was interrupted\n${where}`);
}

/// The lines of a stack that are the user's: neither the runner's nor those of what called it to run a cell.
function theirLines(lines) {
  let all = lines.filter((line) => /^\s+at /.test(line));
  const below = all.findIndex((line) => /node:inspector|\[eval\]|node:internal\/(process\/execution|main\/eval)/.test(line));
  if (below >= 0) all = all.slice(0, below);
  // What the runner stands in for was called by the user's code; what it then did is its own.
  const above = all.findLastIndex((line) => line.includes('rialto:'));
  const cell = all.findLastIndex((line) => line.includes('<cell-'));
  if (above >= 0) all = above < cell || cell < 0 ? all.slice(above + 1) : all.filter((line) => !line.includes('rialto:'));
  // Below the user's last line there is only what calls it: an event loop, a queue. Where no line is the user's it is Node at its own
  // work, with the language's functions on top: taking a message, say, which would be lost where that was stopped.
  const last = all.findLastIndex((line) => !/\(?node:|\(<anonymous>\)$/.test(line));
  return all.slice(0, last + 1);
}

function onSignal() {}

/// Node ends at a signal nobody listens to.
function keepListening() {
  process.on('SIGINT', onSignal);
  const remove = process.removeAllListeners;
  process.removeAllListeners = function removeAllListeners(name) {
    const result = Reflect.apply(remove, this, arguments);
    if (name === undefined || name === 'SIGINT') process.on('SIGINT', onSignal);
    if (name === undefined || name === 'uncaughtException') process.on('uncaughtException', onUncaught);
    if (name === undefined || name === 'unhandledRejection') process.on('unhandledRejection', onRejection);
    if (name === undefined || name === 'beforeExit') process.on('beforeExit', onDrained);
    return result;
  };
}
