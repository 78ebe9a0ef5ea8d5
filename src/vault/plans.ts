import { createHash } from 'node:crypto';
import { readdir, rm, stat, unlink, utimes } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import {
  ensurePrivateDirectory,
  type FileOutcome,
  readIfExists,
  syncDirectory,
  writeDurable,
} from '../system/durable-file.ts';
import { isHash, isMode, isPlainName, isRecord, isTextOrNull, isTexts, parseRecord } from './stored-text.ts';

/** A file as it will stand after the change. */
interface PlannedFile {
  /** Where it goes, as the gateway names it: a link is followed when the change is made. */
  readonly path: string;
  /** Null: as the file it replaces, or 0600. */
  readonly mode: number | null;
  /** Its name in the plan's folder. */
  readonly stored: string;
  readonly sha256: string;
}

/** A change of the config that is worked out to the last byte and only has to be put in place. */
export interface ConfigPlan {
  readonly version: 1;
  readonly id: string;
  /** `keys`: single keys were restored. `snapshot`: the whole config of one. `apply`: what the operator brought. */
  readonly kind: 'keys' | 'snapshot' | 'apply';
  /** The commit it draws on; null for what the operator brought. */
  readonly snapshot: string | null;
  /** Hash of the config it replaces (see `checkConfigFile`); null where nothing could be read. */
  readonly replaces: string | null;
  readonly configPath: string;
  /** Only the files that change. */
  readonly files: readonly PlannedFile[];
  /** What changes, by key and without any value, one line each. */
  readonly changes: readonly string[];
  /** One sentence without values. */
  readonly because: string;
}

/** A plan before it is stored: the store gives the files their names and hashes. */
export type PlanDraft = Omit<ConfigPlan, 'version' | 'files'> & {
  readonly files: readonly {
    readonly path: string;
    readonly mode: number | null;
    readonly bytes: Uint8Array;
  }[];
};

export type WrittenPlan =
  | { readonly kind: 'written'; readonly plan: ConfigPlan }
  | { readonly kind: 'failed'; readonly because: string };

export type ReadPlan =
  | {
      readonly kind: 'read';
      readonly plan: ConfigPlan;
      /** What each file of the plan will hold, by its `path`. */
      readonly contents: ReadonlyMap<string, Buffer>;
    }
  | { readonly kind: 'missing'; readonly because: string }
  | { readonly kind: 'failed'; readonly because: string };

/** A config is kilobytes; our reader takes no file beyond this, and no more files than these. */
const maxFileBytes = 8_388_608;
const maxFiles = 64;
const maxPlanBytes = 1_048_576;
/** One is in use at a time; the others let a person see what was worked out before. */
const keptPlans = 8;
const planName = 'plan.json';

/** Where staged changes lie until they are put in place. */
export const plansIn = (stateDir: string): string => join(stateDir, 'plans');

/**
 * Stores a plan in `<directory>/<id>/`, durable when it resolves. The plan's own file comes last: a folder without it,
 * or with other bytes than it names, is no plan. The same plan again only becomes the newest one.
 */
export async function writePlan(directory: string, draft: PlanDraft): Promise<WrittenPlan> {
  const flaw = flawOfDraft(draft);
  if (flaw !== null) return { kind: 'failed', because: flaw };
  const folder = join(directory, draft.id);
  const plan: ConfigPlan = {
    version: 1,
    id: draft.id,
    kind: draft.kind,
    snapshot: draft.snapshot,
    replaces: draft.replaces,
    configPath: draft.configPath,
    files: draft.files.map(({ path, mode, bytes }, at) => ({
      path,
      mode,
      stored: `file-${at}`,
      sha256: sha256(bytes),
    })),
    changes: draft.changes,
    because: draft.because,
  };
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  if (Buffer.byteLength(text) > maxPlanBytes) {
    return { kind: 'failed', because: `the plan ${draft.id} lists too many changes to be stored` };
  }
  const known = await readPlan(directory, draft.id);
  if (known.kind === 'read' && isSame(known.plan, plan)) {
    // Only its place among the newest hangs on this.
    await utimes(join(folder, planName), new Date(), new Date()).catch(() => undefined);
    return { kind: 'written', plan };
  }
  return (await store({ directory, folder, draft, text })) ?? { kind: 'written', plan };
}

async function store(of: {
  readonly directory: string;
  readonly folder: string;
  readonly draft: PlanDraft;
  readonly text: string;
}): Promise<{ readonly kind: 'failed'; readonly because: string } | null> {
  const { directory, folder, draft, text } = of;
  // An older plan of this name must not be taken for one whose files are half replaced.
  await unlink(join(folder, planName)).catch(() => undefined);
  const steps: readonly (() => Promise<FileOutcome>)[] = [
    () => ensurePrivateDirectory(directory),
    () => ensurePrivateDirectory(folder),
    ...draft.files.map(
      ({ bytes }, at) =>
        () =>
          writeDurable(join(folder, `file-${at}`), bytes, { mode: 0o600 }),
    ),
    () => writeDurable(join(folder, planName), text, { mode: 0o600 }),
    () => syncDirectory(directory),
  ];
  for (const step of steps) {
    const outcome = await step();
    if (outcome.kind === 'failed') return outcome;
  }
  return null;
}

/** Reads a plan back and checks every byte of it: a plan that was altered is none. */
export async function readPlan(directory: string, id: string): Promise<ReadPlan> {
  if (!isPlainName(id)) return { kind: 'failed', because: `"${id.slice(0, 80)}" is not the name of a plan` };
  const folder = join(directory, id);
  const read = await readIfExists(join(folder, planName), maxPlanBytes);
  if (read.kind === 'missing') return { kind: 'missing', because: `there is no plan ${id}` };
  if (read.kind !== 'read') return { kind: 'failed', because: read.because };
  const plan = parsePlan(read.bytes.toString('utf8'));
  if (plan === null || plan.id !== id) {
    return { kind: 'failed', because: `the plan ${id} in ${folder} cannot be understood` };
  }
  const contents = new Map<string, Buffer>();
  for (const file of plan.files) {
    const stored = await readIfExists(join(folder, file.stored), maxFileBytes);
    if (stored.kind !== 'read') {
      const why = stored.kind === 'missing' ? `${file.stored} is gone` : stored.because;
      return { kind: 'failed', because: `the plan ${id} is not complete: ${why}` };
    }
    if (sha256(stored.bytes) !== file.sha256) {
      return { kind: 'failed', because: `the plan ${id} was altered: ${file.stored} is not what it names` };
    }
    contents.set(file.path, stored.bytes);
  }
  return { kind: 'read', plan, contents };
}

/** Removes all but the newest plans; those in `keep` (of a trial under watch, say) stay whatever their age. */
export async function sweepPlans(directory: string, keep: readonly string[] = []): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const aged = await Promise.all(
    names.filter(isPlainName).map(async (name) => ({ name, at: await changedAt(join(directory, name)) })),
  );
  const old = aged.sort((one, other) => other.at - one.at).slice(keptPlans);
  for (const { name } of old) {
    if (keep.includes(name)) continue;
    // What cannot be removed now is tried again at the next sweep.
    await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Of the plan's own file; of the folder where there is none yet. */
async function changedAt(folder: string): Promise<number> {
  const found = await stat(join(folder, planName)).catch(() => stat(folder).catch(() => null));
  return found?.mtimeMs ?? 0;
}

function flawOfDraft({ id, configPath, files }: PlanDraft): string | null {
  if (!isPlainName(id)) return `"${id.slice(0, 80)}" cannot be the name of a plan`;
  if (files.length === 0) return `the plan ${id} changes no file`;
  if (files.length > maxFiles) return `the plan ${id} changes more than ${maxFiles} files`;
  if (!isAbsolute(configPath)) return `the plan ${id} names no absolute path of the config`;
  const paths = files.map(({ path }) => path);
  if (!paths.every((path) => isAbsolute(path)) || new Set(paths).size !== paths.length) {
    return `the plan ${id} does not name each file once, by its absolute path`;
  }
  const large = files.find(({ bytes }) => bytes.length > maxFileBytes);
  return large === undefined ? null : `${large.path} is too large for a config`;
}

function parsePlan(text: string): ConfigPlan | null {
  const value = parseRecord(text);
  if (value === null || value['version'] !== 1) return null;
  const { id, kind, snapshot, replaces, configPath, files, changes, because } = value;
  if (typeof id !== 'string' || typeof configPath !== 'string' || typeof because !== 'string') return null;
  if (kind !== 'keys' && kind !== 'snapshot' && kind !== 'apply') return null;
  if (!isTextOrNull(snapshot) || !isTextOrNull(replaces) || !isTexts(changes)) return null;
  if (!Array.isArray(files) || !files.every(isPlannedFile)) return null;
  const paths = new Set(files.map(({ path }) => path));
  if (files.length === 0 || files.length > maxFiles || paths.size !== files.length) return null;
  return { version: 1, id, kind, snapshot, replaces, configPath, files, changes, because };
}

function isPlannedFile(value: unknown): value is PlannedFile {
  if (!isRecord(value)) return false;
  const { path, mode, stored, sha256: hash } = value;
  if (typeof path !== 'string' || !isAbsolute(path)) return false;
  if (typeof stored !== 'string' || !isPlainName(stored) || stored === planName) return false;
  return (mode === null || isMode(mode)) && isHash(hash);
}

const isSame = (one: ConfigPlan, other: ConfigPlan): boolean => JSON.stringify(one) === JSON.stringify(other);

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
