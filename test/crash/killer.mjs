// A preload (`--import`) that ends the process with SIGKILL at its Nth call that changes a file or starts a program.
// A write is torn: its first half reaches the file, the rest never does. Every counted call is noted, so that a test
// can tell how many there were and at which one the process died.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const killAt = Number(process.env.KILL_AT ?? 0);
const notes = process.env.KILL_NOTES ?? '';
const { writeSync, openSync } = fs;
const notesFd = notes === '' ? null : openSync(notes, 'a');
let calls = 0;

function count(name, target, tear) {
  calls += 1;
  if (notesFd !== null) writeSync(notesFd, `${calls} ${name} ${target}\n`);
  if (calls !== killAt) return;
  tear?.();
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered at once; nothing after this line happens.
  for (;;);
}

const isWrite = (flags) =>
  typeof flags === 'number'
    ? (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT)) !== 0
    : typeof flags === 'string' && flags !== 'r';

function wrap(owner, name, note) {
  const real = owner[name];
  owner[name] = function counted(...args) {
    note.call(this, args);
    return real.apply(this, args);
  };
}

const halfOf = (data) => {
  const bytes = Buffer.from(data);
  return bytes.subarray(0, Math.floor(bytes.length / 2));
};

const probe = await fs.promises.open('/dev/null');
const fileHandle = Object.getPrototypeOf(probe);
await probe.close();

wrap(fs.promises, 'open', ([path, flags]) => isWrite(flags) && count('open', path));
wrap(fs, 'openSync', ([path, flags]) => isWrite(flags) && count('openSync', path));
for (const name of ['rename', 'unlink', 'mkdir', 'link', 'rm', 'chmod', 'copyFile']) {
  wrap(fs.promises, name, ([path]) => count(name, path));
}
for (const name of ['renameSync', 'unlinkSync', 'mkdirSync', 'rmSync', 'symlinkSync']) {
  wrap(fs, name, ([path]) => count(name, path));
}
wrap(fs.promises, 'writeFile', ([path, data]) =>
  count('writeFile', path, () => fs.writeFileSync(path, halfOf(data))),
);
wrap(fileHandle, 'writeFile', function note([data]) {
  count('write', this.fd, () => writeSync(this.fd, halfOf(data)));
});
for (const name of ['sync', 'truncate']) {
  wrap(fileHandle, name, function note() {
    count(name, this.fd);
  });
}
for (const name of ['spawn', 'spawnSync', 'execFile']) {
  wrap(childProcess, name, ([file, args]) => count(name, `${file} ${(args ?? []).join(' ')}`));
}
wrap(
  process,
  'kill',
  ([pid, signal]) => signal !== 0 && pid !== process.pid && count('kill', `${pid} ${signal}`),
);
syncBuiltinESMExports();
