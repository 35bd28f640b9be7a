// What happens around other processes: their output keeps its place.

function fitChildren() {
  const inherits = (options) => {
    const stdio = options && options.stdio;
    return stdio === 'inherit' || (Array.isArray(stdio) && stdio.some((one) => one === 'inherit' || one === 1 || one === 2 || one === process.stdout || one === process.stderr));
  };
  for (const name of ['spawnSync', 'execSync', 'execFileSync']) {
    const real = childProcess[name];
    childProcess[name] = function (...args) {
      flush();
      // Standard error of execSync is this process's where nothing else is said.
      S.dirty = true;
      try {
        const result = Reflect.apply(real, childProcess, args);
        if (result && result.signal === 'SIGINT') expectInterrupt();
        return result;
      } catch (error) {
        if (error && error.signal === 'SIGINT') expectInterrupt();
        throw error;
      } finally {
        S.dirty = true;
      }
    };
  }
  const { spawn } = childProcess.ChildProcess.prototype;
  childProcess.ChildProcess.prototype.spawn = function (options) {
    flush();
    // Asked first: Node puts something else there.
    const shares = inherits(options);
    const result = Reflect.apply(spawn, this, arguments);
    if (shares) this.prependListener('exit', () => { S.dirty = true; });
    return result;
  };
  process.kill = function (pid, signal) {
    if (pid === process.pid || pid === 0 || pid === -process.pid) flush();
    return realKill(pid, signal);
  };
  process.abort = function () {
    flush();
    realAbort();
  };
  Module.syncBuiltinESMExports();
}

/// A child has ended by the signal that this process had, too: what it is about to do here comes before what the code makes of it.
function expectInterrupt() {
  for (const end = now() + 100; now() < end;);
}
