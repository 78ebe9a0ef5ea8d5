/** A version of Node: major, minor, patch. */
export type NodeVersion = readonly [number, number, number];

/** What `node --version` prints; builds with a suffix (nightly, rc) are versions nobody promised anything about. */
export function parseNodeVersion(text: string): NodeVersion | null {
  const found = /^v(\d+)\.(\d+)\.(\d+)\s*$/.exec(text);
  return found === null ? null : [Number(found[1]), Number(found[2]), Number(found[3])];
}

/**
 * Whether a version lies in a range as OpenClaw writes it in `engines.node`: comparators side by side, alternatives
 * between `||`, for example `>=24.16.0 <25 || >=26.1.0`. Null for any other shape: then nothing is claimed. These few
 * lines know all the shapes it has had in two years; a whole version library would be a dependency for one comparison.
 */
export function fitsRange(version: NodeVersion, range: string): boolean | null {
  let fits = false;
  for (const alternative of range.split('||')) {
    const words = alternative.trim().split(/\s+/);
    const verdicts = words.map((word) => satisfies(version, word));
    if (verdicts.includes(null)) return null;
    fits ||= verdicts.every((verdict) => verdict === true);
  }
  return fits;
}

function satisfies(version: NodeVersion, comparator: string): boolean | null {
  const found = /^(>=|>|<=|<)(\d+)(?:\.(\d+))?(?:\.(\d+))?$/.exec(comparator);
  if (found === null) return null;
  const [, operator, major, minor, patch] = found;
  // `<=24` and `>24` speak of the whole of 24, which no comparison with 24.0.0 says: not a shape that was seen.
  if (patch === undefined && (operator === '>' || operator === '<=')) return null;
  const order = compare(version, [Number(major), Number(minor ?? 0), Number(patch ?? 0)]);
  switch (operator) {
    case '>=':
      return order >= 0;
    case '>':
      return order > 0;
    case '<=':
      return order <= 0;
    default:
      return order < 0;
  }
}

function compare(one: NodeVersion, other: NodeVersion): number {
  const [major, minor, patch] = other;
  return one[0] - major || one[1] - minor || one[2] - patch;
}
