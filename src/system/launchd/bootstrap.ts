import { lstat, readFile } from 'node:fs/promises';
import type { ServiceOutcome } from '../../core/service.ts';
import { millis, seconds } from '../../core/time.ts';
import type { RunResult } from '../run.ts';
import type { Door } from './calls.ts';
import { isNoDomain } from './explain.ts';
import { parsePlist } from './plist.ts';

const bootstrapTimeoutMs = seconds(15);
/** As long as OpenClaw itself retries: a job takes its exit time-out (20 s for the gateway) to leave its label. */
const retryForMs = seconds(30);
const retryEveryMs = millis(500);
/** After a boot-out launchd may call the old job running for a moment; seen loaded this often it really is loaded. */
const looksToBelieveLoaded = 4;

/** The codes that can mean "the old job is not quite gone", for which trying again helps. */
const retryable: ReadonlySet<number> = new Set([5, 17, 36, 37, 118, 130]);

/**
 * Registers a job. launchd answers 5 for almost everything, so after the first refusal the plist and the disabled
 * store are looked at; only a job that still stops is waited for.
 */
export async function bootstrap(door: Door, label: string, plistPath: string): Promise<ServiceOutcome> {
  const startedAt = door.clock.elapsed();
  let seenLoaded = 0;
  let refusals = 0;
  for (;;) {
    const result = await door.call(['bootstrap', door.domain, plistPath], bootstrapTimeoutMs);
    if (result.kind !== 'exited') return door.failed('bootstrap', label, result);
    if (result.code === 0) return verifyLoaded(door, label);
    if (isNoDomain(result.code) || !retryable.has(result.code))
      return door.failed('bootstrap', label, result);
    refusals += 1;
    if (refusals === 1) {
      const refused = await reasonNotToRetry(door, label, plistPath, result);
      if (refused !== null) return refused;
    }
    const state = await door.read(label);
    const loaded = state.kind === 'running' || state.kind === 'scheduled' || state.kind === 'pended';
    seenLoaded = loaded || state.kind === 'stopped' ? seenLoaded + 1 : 0;
    if (seenLoaded >= looksToBelieveLoaded) return { kind: 'done' };
    if (door.clock.elapsed() - startedAt >= retryForMs) return door.failed('bootstrap', label, result);
    await door.clock.sleep(retryEveryMs);
  }
}

/** A job switched off under Login Items is accepted with code 0 and then simply not there. */
async function verifyLoaded(door: Door, label: string): Promise<ServiceOutcome> {
  const state = await door.read(label);
  if (state.kind !== 'not-loaded') return { kind: 'done' };
  return {
    kind: 'failed',
    code: 113,
    because: `launchd accepted ${label} and then did not keep it. It may be switched off: look in System Settings, General, Login Items.`,
  };
}

async function reasonNotToRetry(
  door: Door,
  label: string,
  plistPath: string,
  result: RunResult & { readonly kind: 'exited' },
): Promise<ServiceOutcome | null> {
  const problem = await plistProblem(plistPath, label);
  if (problem !== null)
    return { kind: 'failed', code: result.code, because: `${problem} Install the job again.` };
  if ((await door.readDisabled(label)) !== 'disabled') return null;
  return door.failed('bootstrap', label, { ...result, code: 119 });
}

/** What launchd would hold against the file itself, as far as we can see it. */
async function plistProblem(path: string, label: string): Promise<string | null> {
  try {
    const stat = await lstat(path);
    if ((stat.mode & 0o022) !== 0 && !stat.isSymbolicLink()) {
      return `launchd refuses the plist of ${label} because others may write to it (mode ${(stat.mode & 0o777).toString(8)}; it must be 644).`;
    }
    const parsed = parsePlist(await readFile(path, 'utf8'));
    if (parsed.kind === 'invalid') return parsed.because;
    return parsed.job.label === label
      ? null
      : `The plist is of the job ${parsed.job.label}, not of ${label}.`;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `The plist of ${label} cannot be read: ${reason}.`;
  }
}
