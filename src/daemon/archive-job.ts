import { lstat, realpath, stat } from 'node:fs/promises';
import { instant } from '../core/time.ts';
import { listerOf } from '../gateway/live-processes.ts';
import { createAskNodeBuild } from '../gateway/node-program.ts';
import { readPluginProjects } from '../gateway/plugins.ts';
import { readStateDatabases } from '../gateway/state-databases.ts';
import { soundTree } from '../probes/sound-tree.ts';
import { treeOf } from '../probes/tree-damage.ts';
import { type PruneOutcome, pruneArchives } from '../vault/archive-prune.ts';
import { currentManifest, listArchives, manifestOf } from '../vault/archives.ts';
import { type ArchiveOutcome, createArchive } from '../vault/create-archive.ts';
import { makeHotCopy } from '../vault/hot-copy.ts';
import type { ManifestHead, Tree } from '../vault/manifest.ts';
import { findChange, markSeen } from '../vault/unchanged.ts';
import { verifyArchive } from '../vault/verify-archive.ts';
import { findForeignChange } from './archive-doubt.ts';
import { type JobParts, type JobResult, underLock } from './job-runs.ts';
import { isDue, readStamp } from './job-stamps.ts';
import { type Proof, readProof } from './proof.ts';

export interface ArchiveJobParts extends JobParts {
  readonly signal: AbortSignal;
  /** One line about how far it is, for a terminal. */
  readonly progress?: (line: string) => void;
}

interface Ground {
  readonly proof: Proof;
  readonly root: string;
  readonly head: Omit<ManifestHead, 'trees'>;
  readonly trees: readonly Tree[];
}

const failed = (text: string): JobResult => ({ kind: 'failed', text });
const notDue = (text: string): JobResult => ({ kind: 'not-due', text });

/**
 * Keeps a verified archive of the installation that the gateway has proven healthy: of each version at once, then once a
 * week, and whenever a newer generation has proven another content.
 */
export function runArchive(parts: ArchiveJobParts): Promise<JobResult> {
  return underLock('archive', parts, async () => {
    const installed = parts.installed();
    if (installed === null) return failed('no installed OpenClaw package was found to archive');
    const read = await readProof(parts.paths.state);
    if (read.kind === 'unreadable') return failed(read.because);
    if (read.kind === 'missing')
      return notDue('no gateway has been seen serving long enough yet; an archive is made when one has');
    const { proof } = read;
    if (proof.openclaw !== installed.version || proof.packageRoot !== (await resolved(installed.root)))
      return notDue(
        `OpenClaw ${installed.version} in ${installed.root} is not what the gateway was last seen serving with ` +
          `(${proof.openclaw} in ${proof.packageRoot}); it is archived when it has`,
      );
    if (await isNodeNewer(proof))
      return notDue(
        `the gateway's Node ${proof.node} was replaced after it was started; it is archived when it has served with that one`,
      );
    const due = await whyDue(parts, proof);
    if (due === null)
      return notDue('the newest archive is less than a week old and of what the gateway serves with');
    const ground = await layGround(parts, proof);
    return ground.kind === 'failed'
      ? ground
      : archiveOn(ground.ground, { parts, isWeekly: due === 'weekly' });
  });
}

/** `proof`: another generation was proven since; `weekly` also looks at every byte. */
async function whyDue(
  { paths, clock }: ArchiveJobParts,
  proof: Proof,
): Promise<'first' | 'weekly' | 'proof' | null> {
  const { archives } = await listArchives(paths.archives);
  const newest = archives.find(({ openclaw }) => openclaw === proof.openclaw);
  if (newest === undefined || newest !== archives[0]) return 'first';
  const stamp = await readStamp(paths.state, 'archive');
  if (isDue('archive', stamp, { now: clock.now(), version: proof.openclaw })) return 'weekly';
  return proof.provenAt > newest.seenAt ? 'proof' : null;
}

async function layGround(
  { run, clock, sight, paths }: ArchiveJobParts,
  proof: Proof,
): Promise<{ readonly kind: 'laid'; readonly ground: Ground } | (JobResult & { readonly kind: 'failed' })> {
  const node = await createAskNodeBuild({ run })(proof.node);
  if (node.kind === 'unknown') return { kind: 'failed', text: node.because };
  const { stateDir } = sight().files;
  const databases = await readStateDatabases(stateDir);
  if (databases.kind === 'unknown') return { kind: 'failed', text: databases.because };
  // What cannot be told now could be anything later: without it no repair could know whether it fits.
  if (databases.unread.length > 0)
    return {
      kind: 'failed',
      text: `the schema version of ${databases.unread.slice(0, 3).join(', ')} could not be read`,
    };
  const plugins = await readPluginProjects(stateDir);
  const projects = plugins.kind === 'projects' ? plugins.projects : [];
  const trees: readonly Tree[] = [
    { name: 'openclaw', root: proof.packageRoot },
    ...projects
      .filter(({ fault }) => fault === null)
      .map((project) => ({ name: treeOf(project), root: project.root })),
  ];
  // The newest counts; one from a time when the clock was ahead would stand before all others for as long.
  const [newest] = (await listArchives(paths.archives)).archives;
  const takenAt = instant(Math.max(clock.now(), (newest?.takenAt ?? 0) + 1_000));
  const head = {
    version: 1,
    openclaw: proof.openclaw,
    nodeAbi: node.abi,
    platform: node.platform,
    arch: node.arch,
    takenAt,
    provenBy: proof.startedAt,
    databases: databases.versions,
  } as const;
  return { kind: 'laid', ground: { proof, root: proof.packageRoot, head, trees } };
}

async function archiveOn(
  { proof, root, head, trees }: Ground,
  { parts, isWeekly }: { readonly parts: ArchiveJobParts; readonly isWeekly: boolean },
): Promise<JobResult> {
  const { paths, clock, signal, processes, progress } = parts;
  const archivesDir = paths.archives;
  const current = await currentManifest(archivesDir);
  const unchanged = await findChange({ archivesDir, head, trees, signal });
  // Whatever else has changed: what is recorded anew would make silently altered bytes the sound ones.
  if ((isWeekly || !('archive' in unchanged)) && current.kind === 'found') {
    progress?.('comparing every file with the manifest');
    const doubt = await findForeignChange({ current, proof, trees, signal });
    if (doubt !== null) return failed(doubt);
  }
  if ('archive' in unchanged && (!isWeekly || (await isWhole(unchanged.archive.name, parts)))) {
    const seen = await markSeen(archivesDir, unchanged.archive, clock.now());
    if (seen.kind === 'failed') return failed(seen.because);
    return { kind: 'done', text: `${unchanged.archive.name} still holds what is installed` };
  }
  const outcome = await createArchive({
    archivesDir,
    head,
    trees,
    signal,
    now: clock.now,
    judge: async (recorded) => {
      const sound = await soundTree({ root, processes: listerOf(processes), signal, recorded });
      return sound.kind === 'sound' ? null : `a damaged package is not archived: ${sound.because}`;
    },
    onProgress: (what, done, of) => {
      if (done === of || done % progressEvery === 0) progress?.(`${what} unit ${done} of ${of}`);
    },
  });
  if (outcome.kind === 'failed') {
    const kept = outcome.recorded ? '; the manifest was kept all the same' : '';
    return failed(`${outcome.because}${kept}`);
  }
  return { kind: 'done', text: (await tidy(outcome, { root, parts })).join('; ') };
}

/** Some 400 units: a line every second or so. */
const progressEvery = 25;

async function isWhole(name: string, { paths, signal, progress }: ArchiveJobParts): Promise<boolean> {
  progress?.(`reading ${name} back`);
  const verified = await verifyArchive({ archivesDir: paths.archives, name, restore: false, signal });
  return verified.kind === 'verified';
}

/** What follows an archive; a failure of these is told, and makes none of the archive. */
async function tidy(
  { archive, newUnits, newBytes, leftOut }: Extract<ArchiveOutcome, { kind: 'archived' }>,
  { root, parts }: { readonly root: string; readonly parts: ArchiveJobParts },
): Promise<readonly string[]> {
  const { settings, paths, run, signal } = parts;
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`;
  const words = [
    `${archive.name} holds ${archive.files} files (${megabytes(archive.bytes)}) in ${archive.units} units, ` +
      `${newUnits} of them new (${megabytes(newBytes)}), and was restored whole`,
    ...leftOut.map(({ tree, because }) => `${tree} was left out: ${because}`),
  ];
  const { openclaw } = archive;
  const hot = await makeHotCopy({
    archivesDir: paths.archives,
    root,
    openclaw,
    manifestFile: manifestOf(paths.archives, archive.name),
    platform: process.platform,
    run,
    signal,
  });
  words.push(hot.kind === 'copied' ? `a clone is in ${hot.path}` : `no clone: ${hot.because}`);
  const pruned = await pruneArchives({
    archivesDir: paths.archives,
    ...settings.archives,
    installed: openclaw,
  });
  return [...words, ...wordsOf(pruned)];
}

function wordsOf(pruned: PruneOutcome): readonly string[] {
  const removed = pruned.removals.map(({ name, because }) => `${name} was removed: ${because}`);
  return pruned.kind === 'failed' ? [...removed, pruned.because] : removed;
}

/** A newer Node may have another ABI, which the package's native modules have not been proven under. */
async function isNodeNewer({ node, startedAt }: Proof): Promise<boolean> {
  const looks = await Promise.all([lstat(node), stat(node)]).catch(() => []);
  // One that is gone is told by whoever asks it for its version.
  return looks.some(({ ctimeMs }) => ctimeMs > startedAt);
}

/** Gone since it was found: then it is not what was proven either. */
const resolved = (path: string): Promise<string | null> => realpath(path).catch(() => null);
