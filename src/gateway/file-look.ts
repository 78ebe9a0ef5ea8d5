import { readFile, stat } from 'node:fs/promises';
import { errorCode } from '../system/file-failure.ts';

/** Keeps Node's few file threads busy, and never queues thousands of requests before others of this process. */
const atOnce = 32;

/** Asks one after another in bounded batches; between them the event loop runs on. */
export async function inBatches<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (let next = 0; next < items.length; next += atOnce) {
    answers.push(...(await Promise.all(items.slice(next, next + atOnce).map(ask))));
  }
  return answers;
}

/**
 * The size of a file, a symbolic link followed; null when nothing is there. Every other failure (no permission, too many
 * open files, a broken disk) is thrown: it is no proof of absence, and the caller says unknown.
 */
export async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

export type JsonFile =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'absent' }
  /** It is there and is not JSON: cut off, or overwritten. */
  | { readonly kind: 'torn'; readonly because: string };

/** Throws what is neither absence nor bad text, as `sizeOf` does. */
export async function readJson(path: string): Promise<JsonFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isAbsent(error)) return { kind: 'absent' };
    throw error;
  }
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch {
    // The parser's own words quote the text of the file, which is nobody's business.
    return { kind: 'torn', because: `${path} is not valid JSON (${text.length} characters)` };
  }
}

const isAbsent = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error));
