/**
 * A store in a process of its own: `<root>`, then one command a line on its input, one outcome a line on its output.
 * `record <text of the config>`, `label <id>`.
 */
import { config, storeIn } from './store-ground.ts';

const [root = ''] = process.argv.slice(2);
const { store } = storeIn(root);
let queue = Promise.resolve();
process.stdin.setEncoding('utf8');
let rest = '';
process.stdin.on('data', (text: string) => {
  const lines = `${rest}${text}`.split('\n');
  rest = lines.pop() ?? '';
  for (const line of lines) queue = queue.then(() => obey(line));
});
process.stdout.write('ready\n');

async function obey(line: string): Promise<void> {
  const [verb = '', ...words] = line.split(' ');
  const word = words.join(' ');
  const outcome =
    verb === 'label'
      ? await store.label(word, 'verified')
      : await store.record(config(word), { aside: null });
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
