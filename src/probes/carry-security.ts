import { restoreKeys } from '../config/json5-edit.ts';
import { type KeyPath, keyText } from '../core/config-change.ts';
import { type SecurityCarry, securityToCarry } from '../core/security-carry.ts';
import { isRecord } from '../gateway/config-file.ts';
import { type ConfigTexts, mainName, mergedOf, mountsOf, parsedOf, valueAt } from './config-set.ts';
import { doubtWords } from './plan-words.ts';
import type { JudgePlace } from './staged-judge.ts';

export type Carried =
  | { readonly kind: 'carried'; readonly texts: ConfigTexts; readonly keys: readonly string[] }
  /** `isDoubt`: nobody can tell what was meant by the newer content, whatever is restored. */
  | { readonly kind: 'failed'; readonly because: string; readonly isDoubt?: true };

/** A content that can be read; not whole where an included file of it is lost for good. */
export interface NewestTexts {
  readonly texts: ConfigTexts;
  readonly isWhole: boolean;
}

export interface ToCarry {
  readonly place: Pick<JudgePlace, 'configPath' | 'env'>;
  readonly restored: ConfigTexts;
  /** The newest contents that can be read, newest first: where one says nothing of a setting, the next one speaks. */
  readonly newest: readonly NewestTexts[];
  /** Only settings at or below these keys; without it all of them. */
  readonly within?: readonly KeyPath[];
}

/** Security never rolls back: puts the newest security settings into the content that is to be restored. */
export async function carrySecurity(request: ToCarry): Promise<Carried> {
  const { place, newest, within } = request;
  const merged = await Promise.all(
    newest.map(async ({ texts, isWhole }) => ({ content: await mergedOf(place, texts), isWhole })),
  );
  const isMeant = ({ path }: SecurityCarry): boolean => within?.some((key) => isWithin(path, key)) ?? true;
  const differing = async (texts: ConfigTexts): Promise<readonly SecurityCarry[] | null> => {
    const own = await mergedOf(place, texts);
    return own === null ? null : securityToCarry(own, merged).filter(isMeant);
  };
  const carries = await differing(request.restored);
  if (carries === null) return { kind: 'failed', because: 'it cannot be read as a whole' };
  for (const { path, mistyped } of carries) {
    if (mistyped === null) continue;
    return { kind: 'failed', because: `the newer ${doubtWords(mistyped, path)}`, isDoubt: true };
  }
  let texts = request.restored;
  for (const carry of carries) {
    const from = newest[carry.from]?.texts;
    const next = from === undefined ? null : carryOne({ configPath: place.configPath, texts, from, carry });
    if (next === null)
      return {
        kind: 'failed',
        because: `the newer ${keyText(carry.path)} could not be carried into it`,
      };
    texts = next;
  }
  // Includes may merge in ways that one file alone does not show: only the whole proves it.
  const [left] = carries.length === 0 ? [] : ((await differing(texts)) ?? carries);
  return left === undefined
    ? { kind: 'carried', texts, keys: carries.map(({ path }) => keyText(path)) }
    : { kind: 'failed', because: `the newer ${keyText(left.path)} could not be carried into it` };
}

const isWithin = (path: KeyPath, key: KeyPath): boolean =>
  key.every((step, index) => String(step) === String(path[index]));

interface One {
  readonly configPath: string;
  readonly texts: ConfigTexts;
  readonly from: ConfigTexts;
  readonly carry: SecurityCarry;
}

function carryOne({ configPath, texts, from, carry }: One): ConfigTexts | null {
  const places = ownersOf(configPath, texts, carry.path);
  const target =
    places.findLast(({ file, local }) => valueAt(parsedOf(texts, file), local).found) ??
    places.findLast(({ file, local }) =>
      isRecord(valueAt(parsedOf(texts, file), local.slice(0, -1)).value),
    ) ??
    places[0];
  const text = target === undefined ? undefined : texts.get(target.file);
  if (target === undefined || text === undefined) return null;
  const donor =
    carry.source === null ? '{}' : donorText({ configPath, from, source: carry.source }, target.local);
  if (donor === null) return null;
  const edited = restoreKeys(text.toString('utf8'), donor, [target.local]);
  return edited.kind === 'failed' ? null : new Map([...texts, [target.file, Buffer.from(edited.text)]]);
}

interface Owner {
  readonly file: string;
  /** The path within that file. */
  readonly local: KeyPath;
}

/** The files a key may stand in, the main one first. */
const ownersOf = (configPath: string, texts: ConfigTexts, path: KeyPath): readonly Owner[] =>
  [{ file: mainName, at: [] as KeyPath }, ...mountsOf(configPath, texts)]
    .filter(({ at }) => at.length < path.length && isWithin(path, at))
    .map(({ file, at }) => ({ file, local: path.slice(at.length) }));

/** The newer file itself where the key stands at the same place in both, so that its own words come; else the value. */
function donorText(
  { configPath, from, source }: { configPath: string; from: ConfigTexts; source: KeyPath },
  local: KeyPath,
): string | null {
  const owner = ownersOf(configPath, from, source).findLast(
    ({ file, local: path }) => valueAt(parsedOf(from, file), path).found,
  );
  if (owner === undefined) return null;
  if (JSON.stringify(owner.local) === JSON.stringify(local))
    return from.get(owner.file)?.toString('utf8') ?? null;
  const text = JSON.stringify(valueAt(parsedOf(from, owner.file), owner.local).value);
  // A value that leads on to another file would lead elsewhere from a new place.
  if (text.includes('"$include"')) return null;
  return local.reduceRight<string>((inner, step) => {
    if (typeof step === 'string') return `{${JSON.stringify(step)}:${inner}}`;
    return `[${'null,'.repeat(step)}${inner}]`;
  }, text);
}
