import { since } from '../../core/time.ts';
import { spell } from '../../core/words.ts';
import type { ArchivesView } from '../../daemon/status-file.ts';
import type { StatusFacts } from './view.ts';

/** What the watchdog told of the archives; null where it told nothing, or never ran. */
export function archivesOf({ file }: StatusFacts): ArchivesView | null {
  return file.kind === 'read' ? (file.status.archives ?? null) : null;
}

export function archiveLines(facts: StatusFacts): readonly string[] {
  const view = archivesOf(facts);
  if (view === null) return [];
  const { newestAt, version } = view;
  if (newestAt === null) return ['none yet: until then a damaged package can only be mended by hand'];
  const installed = facts.file.kind === 'read' ? facts.file.status.gateway.version : null;
  const newest = `newest ${spell(since(newestAt, facts.now))} old, verified, of OpenClaw ${version ?? 'unknown'}`;
  if (installed === null || version === installed) return [newest];
  return [`${newest}; none of the installed ${installed} yet: it is taken once that has served for a while`];
}

/** What somebody should see to. */
export function archiveProblems(facts: StatusFacts): readonly string[] {
  const problem = archivesOf(facts)?.problem ?? null;
  return problem === null ? [] : [`the archives need a look ("immune archives"): ${problem}`];
}
