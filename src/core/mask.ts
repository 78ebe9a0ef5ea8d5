import type { KeyPath } from './config-change.ts';

/** Stands for every value that is not shown. */
export const masked = '…';

/**
 * Words that OpenClaw's own config offers to choose from (facts: openclaw §3). A text is shown only when it is one of
 * them: a short password under an unsuspicious key looks like any other word.
 */
const choices: ReadonlySet<string> = new Set(
  [
    'local remote auto loopback lan tailnet custom none token password trusted-proxy off on serve funnel',
    'open pairing allowlist disabled enabled hot hybrid restart main user host docker all non-main session agent',
    'shared ro rw full minimal coding messaging deny allow ask always never on-miss on-error polling webhook',
    'stdio http https sse streamable-http ws silent fatal error warn info debug trace pretty compact json text',
    'low medium high first last partial block default inherit daily idle per-sender global',
  ].flatMap((line) => line.split(' ')),
);

/** Keys below which nothing but yes and no is shown. Too many rather than too few: `keyboard` is masked along. */
const secretKey =
  /auth|token|key|secret|pass|pwd|cred|pin|otp|code|cookie|env|header|bearer|private|salt|seed|sign|license/i;

/** Ports, counts and lengths of time; account and telephone numbers have more digits. */
const longestNumber = 999_999;

/** A value as it may be shown: small numbers and chosen words at harmless keys, yes, no and null; else masked. */
export function shownValue(path: KeyPath, value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (isEmpty(value)) return Array.isArray(value) ? '[]' : '{}';
  if (path.some((step) => typeof step === 'string' && secretKey.test(step))) return masked;
  if (typeof value === 'number')
    // An entry of a list is more often somebody's id than a setting.
    return typeof path.at(-1) === 'string' && Math.abs(value) <= longestNumber ? String(value) : masked;
  return typeof value === 'string' && choices.has(value) ? `"${value}"` : masked;
}

/** One value of a config with the way to it. */
export interface Leaf {
  readonly path: KeyPath;
  readonly shown: string;
}

/** Every value of a config that is not itself a list or an object with something in it, in the order of the text. */
export function leavesOf(
  config: unknown,
  most: number,
): { readonly leaves: readonly Leaf[]; readonly cut: boolean } {
  const leaves: Leaf[] = [];
  // A stack of our own: the parser reads values nested more deeply than calls may be.
  const left: { readonly path: KeyPath; readonly value: unknown }[] = [{ path: [], value: config }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path, value } = next;
    const below = path.length < deepest ? childrenOf(value) : [];
    if (below.length === 0) {
      if (leaves.length >= most) return { leaves, cut: true };
      leaves.push({ path, shown: shownValue(path, value) });
    }
    for (const [step, child] of below.reverse()) left.push({ path: [...path, step], value: child });
  }
  return { leaves, cut: false };
}

/** No real config is nested half as deep; what is deeper is masked as a whole. */
const deepest = 32;

function childrenOf(value: unknown): [string | number, unknown][] {
  if (Array.isArray(value)) return value.map((entry, index) => [index, entry]);
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;
