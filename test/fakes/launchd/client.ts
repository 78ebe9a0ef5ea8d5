import { ask } from './link.ts';

/** What the fake `launchctl` runs: forwards its arguments, prints the answer, takes over the exit code. */
const [dir, ...argv] = process.argv.slice(2);
if (dir === undefined) throw new Error('usage: client.ts <directory of the fake> [launchctl arguments]');
const answer = await ask(dir, { argv });
process.stdout.write(answer.stdout);
process.stderr.write(answer.stderr);
process.exitCode = answer.code;
