import { type Instant, since } from '../core/time.ts';
import { spell, spellBytes } from '../core/words.ts';
import type { VerifyOutcome } from '../vault/verify-archive.ts';
import type { Comparison, ListedArchive } from './archives-shop.ts';
import { damagedParts, damageJson, damageLines, extraFiles, unitNames } from './damage.ts';
import { clockTime } from './status/words.ts';
import type { Style } from './style.ts';

type Compared = Comparison & { readonly kind: 'compared' };

export function renderList(
  archives: readonly ListedArchive[],
  { now, installed }: { readonly now: Instant; readonly installed: string | null },
  style: Style,
): string {
  if (archives.length === 0)
    return 'no archive has been taken yet; the first one is taken once the gateway has served for a while\n';
  const width = Math.max(...archives.map(({ name }) => name.length));
  const lines = archives.map((archive) => {
    const { name, openclaw, takenAt, bytes, storedBytes, isHot } = archive;
    const isInstalled = openclaw === installed;
    const remarks = [
      `verified ${spell(since(archive.verifiedAt, now))} ago`,
      ...(isInstalled ? ['the installed version'] : []),
      ...(isHot ? ['hot copy'] : []),
    ];
    const size = `${spellBytes(bytes)} in ${spellBytes(storedBytes)}`;
    const words = remarks.join(', ');
    return `${name.padEnd(width)}  ${clockTime(takenAt)} (${spell(since(takenAt, now))} old)  ${size}  ${unitWords(archive)}  ${isInstalled ? style.good(words) : style.faint(words)}`;
  });
  return `${lines.join('\n')}\n`;
}

const unitWords = ({ units, shared }: ListedArchive): string =>
  `${units} units${shared === null || shared === 0 ? '' : `, ${shared} shared`}`;

const iso = (at: Instant): string => new Date(at).toISOString();

export function listJson(archives: readonly ListedArchive[], problems: readonly string[]): object {
  return {
    problems,
    archives: archives.map(({ takenAt, verifiedAt, seenAt, isHot, version: _version, ...rest }) => ({
      ...rest,
      takenAt: iso(takenAt),
      verifiedAt: iso(verifiedAt),
      seenAt: iso(seenAt),
      hotCopy: isHot,
    })),
  };
}

/** Units told one by one. */
const maxUnits = 20;

export function renderVerified(name: string, outcome: VerifyOutcome): string {
  switch (outcome.kind) {
    case 'verified':
      return `${name}: ${outcome.units} units restored into staging, ${outcome.files} files (${spellBytes(outcome.bytes)}) are as they were recorded\n`;
    case 'damaged': {
      const { damaged } = outcome;
      const more = damaged.length - maxUnits;
      return [
        `${name}: ${damaged.length} unit${damaged.length === 1 ? '' : 's'} cannot be restored:`,
        ...damaged.slice(0, maxUnits).map(({ unit, because }) => `  ${unit}: ${because}`),
        ...(more > 0 ? [`  and ${more} more`] : []),
        'a new one is taken with "immune job archive" while the installed package is sound',
        '',
      ].join('\n');
    }
    case 'failed':
      return `${name} could not be verified: ${outcome.because}\n`;
    default:
      return outcome satisfies never;
  }
}

export function verifiedJson(name: string, outcome: VerifyOutcome): object {
  const { kind } = outcome;
  return {
    name,
    ok: kind === 'verified',
    units: kind === 'verified' ? outcome.units : null,
    files: kind === 'verified' ? outcome.files : null,
    bytes: kind === 'verified' ? outcome.bytes : null,
    damaged: kind === 'damaged' ? outcome.damaged : [],
    because: kind === 'failed' ? outcome.because : null,
  };
}

export function renderChecked({ head, check, files, archive }: Compared): string {
  const parts = damagedParts(check);
  const how = check.depth === 'full' ? 'all bytes compared' : 'sizes, modes and links compared';
  const extra = extraFiles(check.differences).length;
  const besides =
    extra === 0 ? '' : `; ${extra} file${extra === 1 ? '' : 's'} that it does not know, which is no damage`;
  const origin = `proven ${clockTime(head.takenAt)}${archive === null ? ', without an archive' : ''}`;
  if (parts.length === 0)
    return `openclaw ${head.openclaw} is as it was ${origin}: ${files} files, ${how}${besides}\n`;
  return [
    `openclaw ${head.openclaw} is not as it was ${origin} (${how})${besides}:`,
    ...damageLines(parts),
    'next: immune fix-deps',
    '',
  ].join('\n');
}

/** Paths in the JSON; `extraCount` counts them all. */
const maxExtra = 200;

export function checkedJson({ head, check, files, archive }: Compared): object {
  const extra = extraFiles(check.differences);
  const parts = damagedParts(check);
  return {
    ok: parts.length === 0,
    depth: check.depth,
    openclaw: head.openclaw,
    provenAt: iso(head.takenAt),
    archive,
    files,
    damage: damageJson(parts),
    extraCount: extra.length,
    extra: extra.slice(0, maxExtra).map(({ unit, path }) => ({ tree: unit.tree, path })),
  };
}

export function renderRestore(name: string, { head, check, units }: Compared): string {
  if (units.length === 0)
    return `nothing would be restored out of ${name}: openclaw ${head.openclaw} is as it was recorded\n`;
  const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
  return [
    `out of ${name} would be restored (${units.length} unit${units.length === 1 ? '' : 's'}, ${spellBytes(bytes)}): ${unitNames(units).join(', ')}`,
    'because of',
    ...damageLines(damagedParts(check)),
    'nothing was changed; "immune fix-deps" does it',
    '',
  ].join('\n');
}

export function restoreJson(name: string, { head, check, units }: Compared): object {
  return {
    name,
    outcome: 'dry-run',
    openclaw: head.openclaw,
    units: units.map(({ tree, path, part, bytes, package: pack }) => ({
      tree,
      path,
      part,
      bytes,
      package: pack?.name ?? null,
      version: pack?.version ?? null,
    })),
    damage: damageJson(damagedParts(check)),
  };
}
