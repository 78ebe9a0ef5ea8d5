// A double of macOS's plutil for the calls OpenClaw makes: `-convert json|xml1 -o - -- -` and `-lint -- FILE`.
import { readFileSync } from 'node:fs';
import { parse } from 'plist';

const args = process.argv.slice(2);
const file = args.at(-1) ?? '-';
const text = readFileSync(file === '-' ? 0 : file, 'utf8');
try {
  const value = parse(text);
  const format = args[args.indexOf('-convert') + 1];
  if (args.includes('-convert')) process.stdout.write(format === 'json' ? JSON.stringify(value) : text);
  else if (args.includes('-lint')) process.stdout.write(`${file}: OK\n`);
  else throw new Error(`plutil double: not modelled: ${args.join(' ')}`);
} catch (error) {
  process.stderr.write(`${file}: ${String(error)}\n`);
  process.exitCode = 1;
}
