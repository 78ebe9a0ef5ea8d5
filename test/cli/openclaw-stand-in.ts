/** What the installer needs of OpenClaw: a gateway that serves, and an installer of its own with a memory for a wrapper. */
export const openclawStandIn = (label: string): string => `
const { execFileSync } = require('node:child_process');
const { appendFileSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const argv = process.argv.slice(2);
const home = process.env.HOME;
const port = Number(argv[argv.indexOf('--port') + 1]);
const memory = home + '/wrapper';
if (argv[1] === 'install') {
  appendFileSync(home + '/calls', JSON.stringify({ argv, env: process.env, flags: process.execArgv }) + '\\n');
  if (existsSync(home + '/refuses')) { console.error('nothing works today'); process.exit(1); }
  const at = argv.indexOf('--wrapper');
  const said = at < 0 ? process.env.OPENCLAW_WRAPPER : argv[at + 1];
  const wrapper = said ?? (existsSync(memory) ? readFileSync(memory, 'utf8') : '');
  writeFileSync(memory, wrapper);
  const escape = (word) => word.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const head = wrapper === '' ? [process.execPath, '--max-old-space-size=512', __filename] : [wrapper];
  const words = [...head, 'gateway', '--port', String(port)].map((word) => '<string>' + escape(word) + '</string>');
  const plist = home + '/Library/LaunchAgents/${label}.plist';
  const launchctl = (...args) => execFileSync('launchctl', args, { stdio: 'ignore' });
  const domain = readFileSync(home + '/domain', 'utf8');
  try { launchctl('bootout', domain + '/${label}'); } catch { /* It was not loaded. */ }
  writeFileSync(plist, '<?xml version="1.0" encoding="UTF-8"?><plist version="1.0"><dict><key>Label</key><string>${label}</string>' +
    '<key>KeepAlive</key><true/><key>ThrottleInterval</key><integer>1</integer><key>EnvironmentVariables</key><dict><key>HOME</key><string>' + escape(home) + '</string></dict><key>ProgramArguments</key><array>' + words.join('') + '</array></dict></plist>');
  if (existsSync(home + '/half')) { console.error('it was ended half-way'); process.exit(1); }
  for (let round = 0; ; round += 1) {
    try { launchctl('bootstrap', domain, plist); break; } catch (error) {
      if (round > 40) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
  launchctl('kickstart', domain + '/${label}');
} else {
  if (existsSync(home + '/dies') && existsSync(memory) && readFileSync(memory, 'utf8') !== '') process.exit(1);
  writeFileSync(home + '/started', JSON.stringify({ pid: process.pid, argv: process.argv, flags: process.execArgv }));
  require('node:http').createServer((_, answer) => {
    answer.setHeader('content-type', 'application/json');
    answer.end('{"ok":true,"status":"live"}');
  }).listen(port, '127.0.0.1');
}
`;
