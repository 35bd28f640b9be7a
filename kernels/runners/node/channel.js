// How a frame gets from here to the other side, whole, whatever happens meanwhile.

const u8 = (v) => bufferFrom([v]);
const u16 = (v) => bufferFrom([v & 255, v >> 8 & 255]);
const u32 = (v) => { const b = bufferAlloc(4); b.writeUInt32LE(v); return b; };
const u64 = (v) => { const b = bufferAlloc(8); b.writeUInt32LE(v >>> 0); b.writeUInt32LE(Math.floor(v / 4294967296), 4); return b; };
const bytes = (data) => bufferConcat([u32(data.length), data]);
const text = (value, most = 65536) => bytes(cut(bufferFrom(String(value)), most));

/// At most so much of it, its middle left out.
function cut(data, most) {
  if (data.length <= most) return data;
  const half = most >> 1;
  return bufferConcat([data.subarray(0, half), bufferFrom('\n[...]\n'), data.subarray(data.length - half)]);
}

/// Writes all of it; the caller is in a section that is not stopped.
function transmit(data) {
  for (let at = 0; at < data.length;) {
    try {
      at += fsWriteSync(OUT, data, at, data.length - at);
    } catch (error) {
      if (error.code !== 'EAGAIN' && error.code !== 'EINTR') gone();
    }
  }
}

/// Nobody will ever hear of this process.
function gone() {
  try { realKill(-process.pid, 'SIGKILL'); } catch {}
  realKill(process.pid, 'SIGKILL');
}

const frame = (kind, ...parts) => {
  const body = bufferConcat(parts);
  return bufferConcat([u32(body.length + 1), u8(kind), body]);
};

/// Sends everything written so far, then these frames.
function send(...frames) {
  S.crit++;
  pump();
  settle();
  transmit(frames.length === 1 ? frames[0] : bufferConcat(frames));
  leave();
}

/// What children have written is read by the other side before this returns, so that what is sent next comes after it.
function settle() {
  if (!S.dirty) return;
  S.dirty = false;
  S.acks++;
  transmit(frame(11));
  for (;;) {
    const acked = atomicLoad(CTL, ACK);
    if (acked - S.acks >= 0) return;
    atomicWait(CTL, ACK, acked, 1000);
  }
}

/// The end of a section that is not stopped.
function leave() {
  S.crit--;
  if (S.due && S.crit === 0) stop();
}
