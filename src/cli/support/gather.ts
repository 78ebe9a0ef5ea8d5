import { UserError } from '../../core/errors.ts';
import { type Clock, type Millis, millis } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import type { Mask } from './mask.ts';

/** What a part found, as text or as something that becomes JSON. */
export type Finding =
  | { readonly kind: 'text' | 'json-lines'; readonly text: string }
  | { readonly kind: 'json'; readonly value: unknown };

/** One file of a bundle and how it is made. */
export interface Part {
  readonly name: string;
  /** What it is, in plain words. */
  readonly words: string;
  readonly withinMs: Millis;
  readonly maxBytes: number;
  gather(): Promise<Finding>;
}

export interface GatheredPart {
  readonly name: string;
  readonly words: string;
  /** Clean, whole lines, within the part's bound. */
  readonly text: string;
  /** Why it could not be made; null when it could. */
  readonly problem: string | null;
  readonly tookMs: Millis;
}

interface Hands {
  readonly clock: Clock;
  readonly mask: Mask;
  /** Told when one more is there, with the names of those still to come. */
  readonly onPart: (waiting: readonly string[]) => void;
}

/** Makes all parts at once, each within its own bound: together they take as long as the slowest. */
export async function gatherParts(parts: readonly Part[], hands: Hands): Promise<readonly GatheredPart[]> {
  const waiting = new Set(parts.map(({ name }) => name));
  return Promise.all(
    parts.map(async (part) => {
      const gathered = await gatherPart(part, hands);
      waiting.delete(part.name);
      hands.onPart([...waiting]);
      return gathered;
    }),
  );
}

async function gatherPart(part: Part, { clock, mask }: Hands): Promise<GatheredPart> {
  const { name, words, withinMs, maxBytes } = part;
  const began = clock.elapsed();
  const found = await bounded(part, clock);
  const tookMs = millis(clock.elapsed() - began);
  if (typeof found === 'string') {
    const problem = mask.text(found);
    return { name, words, text: `could not be made: ${problem}\n`, problem, tookMs };
  }
  try {
    return { name, words, text: cut(cleaned(found, mask), maxBytes), problem: null, tookMs };
  } catch (error) {
    // What cannot be cleaned stays here.
    const problem = `it could not be cleaned of secrets (${error instanceof Error ? error.name : 'unknown'}), after ${spell(withinMs)} at most`;
    return { name, words, text: `could not be made: ${problem}\n`, problem, tookMs };
  }
}

function cleaned(found: Finding, mask: Mask): string {
  switch (found.kind) {
    case 'text':
      return mask.text(found.text);
    case 'json-lines':
      return mask.jsonLines(found.text);
    case 'json':
      return mask.json(found.value);
    default:
      return found satisfies never;
  }
}

/** What it found, or the sentence why not. */
async function bounded(part: Part, clock: Clock): Promise<Finding | string> {
  const over = new AbortController();
  const late = clock
    .sleep(part.withinMs, over.signal)
    .then((): string => `there was no answer within ${spell(part.withinMs)}`);
  try {
    return await Promise.race([Promise.resolve().then(part.gather), late]);
  } catch (error) {
    if (error instanceof UserError) return `${error.message} (next: ${error.hint})`;
    return error instanceof Error ? error.message : String(error);
  } finally {
    over.abort();
  }
}

/** Cleaned first and cut then, at the end of a line: half a secret is one nobody finds any more. */
function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text.endsWith('\n') || text === '' ? text : `${text}\n`);
  if (bytes.length <= maxBytes) return bytes.toString('utf8');
  const end = bytes.lastIndexOf(0x0a, maxBytes);
  const kept = bytes.subarray(0, Math.max(0, end + 1)).toString('utf8');
  return `${kept}cut here: ${bytes.length - Buffer.byteLength(kept)} more bytes were left out\n`;
}
