// Loaded into the real OpenClaw with `node --require`: it then takes the code paths of a Mac, where it talks to
// launchd. `bin/` beside this file holds the doubles; a copy of this file lives in each scenario's support folder.
'use strict';
const os = require('node:os');
const childProcess = require('node:child_process');
const { join, delimiter } = require('node:path');

const bin = join(__dirname, 'bin');
const doubles = new Map([
  ['/bin/launchctl', join(bin, 'launchctl')],
  ['/usr/bin/plutil', join(bin, 'plutil')],
]);

Object.defineProperty(process, 'platform', { value: 'darwin' });
os.platform = () => 'darwin';
os.type = () => 'Darwin';
os.release = () => '25.0.0';
// OpenClaw skips service commands when HOME is not the account's home; a scenario's HOME is private.
const { userInfo } = os;
os.userInfo = (options) => ({ ...userInfo(options), homedir: process.env.HOME });
os.homedir = () => process.env.HOME;
// Its detached helper scripts say plain `launchctl`, and the generated service environment has a PATH of its own.
process.env.PATH = [bin, process.env.PATH].join(delimiter);

for (const name of ['spawn', 'spawnSync', 'execFile', 'execFileSync']) {
  const original = childProcess[name];
  const mapped = function (file, ...rest) {
    return original.call(this, doubles.get(file) ?? file, ...rest);
  };
  Object.assign(mapped, original);
  // util.promisify finds the promise form of execFile under a symbol.
  for (const symbol of Object.getOwnPropertySymbols(original)) mapped[symbol] = original[symbol];
  childProcess[name] = mapped;
}
require('node:module').syncBuiltinESMExports();
