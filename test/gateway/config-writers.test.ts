import { describe, expect, it } from 'vitest';
import { findConfigWriter } from '../../src/gateway/config-writers.ts';
import type { LiveProcess } from '../../src/gateway/live-processes.ts';

const cli = '/opt/node/bin/node /usr/lib/node_modules/openclaw/openclaw.mjs';
const find = (...rows: readonly LiveProcess[]) => findConfigWriter(async () => rows);
const one = (command: string) => find({ pid: 10, ppid: 1, command });

describe('who may be changing the config', () => {
  it.each([
    `${cli} doctor --fix`,
    `${cli} doctor`,
    `${cli} --profile work config set gateway.port 1`,
    `${cli} --no-color configure`,
    `${cli} onboard --install-daemon`,
    `${cli} setup`,
    `${cli} update`,
    `${cli} channels add --channel telegram --token abc`,
    `${cli} plugins install x`,
    '/usr/local/bin/openclaw config unset a.b',
    'node /app/openclaw/dist/index.js models set x',
    'node "/Users/a b/lib/node_modules/openclaw/dist/entry.mjs" doctor'.replaceAll('"', ''),
    'openclaw-doctor',
    'openclaw-configure',
    'openclaw-config ',
    'npm install -g openclaw@latest',
    'node /usr/bin/npm-cli.js i -g openclaw',
    'node /tmp/managed-handoff.mjs openclaw',
  ])('is %j', async (command) => {
    expect(await one(command)).toContain('process 10');
  });

  it.each([
    'openclaw-gateway',
    'openclaw',
    `${cli} gateway --port 18789`,
    `${cli} gateway run`,
    `${cli} config validate --json`,
    `${cli} config get gateway.port`,
    `${cli} channels status --probe`,
    `${cli} --profile work plugins list`,
    `${cli} status`,
    '[openclaw-doctor] <defunct>',
    'node /home/u/openclaw-immune/app/immune.mjs update',
    'npm install left-pad',
    'npm install openclaw-immune',
    'npm start openclaw',
    'vim /home/u/.openclaw/openclaw.json',
  ])('is not %j', async (command) => {
    expect(await one(command)).toBeNull();
  });

  it('is told by what started it where the working process shows its command alone', async () => {
    const worker = { pid: 11, ppid: 10, command: 'openclaw-config' };
    const by = (words: string) => find({ pid: 10, ppid: 1, command: `${cli} ${words}` }, worker);
    expect(await by('config validate --json')).toBeNull();
    expect(await by('config set gateway.port 1')).toContain('openclaw config');
  });

  it('is not our own validator, whose words cannot be seen on older versions', async () => {
    const own = { pid: process.pid, ppid: 1, command: 'node immune.mjs daemon' };
    const between = { pid: 10, ppid: process.pid, command: 'openclaw' };
    expect(await find(own, between, { pid: 11, ppid: 10, command: 'openclaw-config' })).toBeNull();
    expect(await find(own, { pid: 11, ppid: 1, command: 'openclaw-config' })).toContain('process 11');
    expect(await find(own, { pid: 11, ppid: process.pid, command: `${cli} config set a 1` })).toContain('11');
    // A gateway that we supervise may start a doctor of its own.
    expect(await find(own, { pid: 11, ppid: process.pid, command: 'openclaw-doctor' })).toContain('11');
  });

  it('is not the validator of another program of ours: a command beside the daemon, or another home', async () => {
    const other = { pid: 20, ppid: 1, command: '/x/runtime/node/node /x/app/immune.mjs apply new.json' };
    expect(await find(other, { pid: 21, ppid: 20, command: 'openclaw-config' })).toBeNull();
    const look = { ...other, command: 'vi /x/notes-on-immune.mjs.txt' };
    expect(await find(look, { pid: 21, ppid: 20, command: 'openclaw-config' })).toContain('process 21');
  });

  it('does not follow parents in a circle', async () => {
    const circle = [
      { pid: 11, ppid: 12, command: 'openclaw-config' },
      { pid: 12, ppid: 11, command: 'sh' },
    ];
    expect(await find(...circle)).toContain('process 11');
  });

  it('never tells an argument, which may be a secret', async () => {
    expect(await one(`${cli} config set gateway.auth.token hunter2`)).not.toContain('hunter2');
    expect(await one(`${cli} channels add telegram hunter2`)).not.toContain('hunter2');
  });

  it('may be anybody while the process list cannot be read', async () => {
    const because = await findConfigWriter(async () => {
      throw new Error('ps could not list processes');
    });
    expect(because).toContain('ps could not list processes');
  });
});
