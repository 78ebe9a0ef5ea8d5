import { seconds } from '../../core/time.ts';
import type { Context } from '../context.ts';
import { interrupted } from '../exit-codes.ts';
import { styleFor } from '../style.ts';
import { gatherStatus } from './gather.ts';
import { statusJson } from './json.ts';
import { renderStatus, renderStatusLine, statusKey } from './render.ts';
import { statusExitCode } from './view.ts';

const watchEveryMs = seconds(1);
/** To the top left, and from there to the end: a redraw without flicker. */
const home = '\u001b[H';
const clearBelow = '\u001b[J';
const clearRight = '\u001b[K';
const clearAll = '\u001b[2J';

/** `immune status`: 0 when the gateway serves and is watched, 3 otherwise, 130 when a watch was interrupted. */
export async function runStatus(
  options: { readonly json: boolean; readonly watch: boolean },
  context: Context,
): Promise<number> {
  if (options.watch) return watch(options.json, context);
  const facts = await gatherStatus(context, { judge: true, quiet: options.json });
  const text = options.json
    ? `${JSON.stringify(statusJson(facts), null, 2)}\n`
    : renderStatus(facts, styleFor(context.out, context.env));
  context.out.write(text);
  return statusExitCode(facts);
}

/** On a terminal the whole picture every second; into a pipe a line when something changed, so that nothing floods. */
async function watch(json: boolean, context: Context): Promise<number> {
  const { out, clock, signal, env } = context;
  const screen = out.isTTY === true && !json;
  let lastKey = '';
  if (screen) out.write(clearAll);
  while (!signal.aborted) {
    const facts = await gatherStatus(context);
    if (signal.aborted) break;
    const key = statusKey(facts);
    if (screen) {
      const picture = renderStatus(facts, styleFor(out, env)).replaceAll('\n', `${clearRight}\n`);
      out.write(`${home}${picture}${clearBelow}`);
    } else if (key !== lastKey) {
      out.write(json ? `${JSON.stringify(statusJson(facts))}\n` : renderStatusLine(facts));
    }
    lastKey = key;
    await clock.sleep(watchEveryMs, signal);
  }
  return interrupted;
}
