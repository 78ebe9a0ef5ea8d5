import type { Blocker } from './blockers.ts';
import type { LogFinding } from './ground-evidence.ts';
import type { Finding, Look } from './look.ts';
import { isOfThisPackage } from './package-seen.ts';
import { spellBytes } from './words.ts';

type Row = (look: Look) => Blocker | null;

/** What lies around the gateway and is no watchdog's to change: told to a person, never repaired. */
const rows: readonly Row[] = [launch, disk, lock, schema, plugin];

export function surroundingsBlockers(look: Look): readonly Blocker[] {
  return rows.flatMap((row) => {
    const blocker = row(look);
    return blocker === null ? [] : [blocker];
  });
}

const forPerson = (finding: Finding, latent: Blocker['latent'] = null): Blocker => ({
  ...finding,
  latent,
  mend: { kind: 'person' },
  settled: true,
});

function launch({ evidence }: Look): Blocker | null {
  const { launch: found } = evidence.ground;
  if (found.kind !== 'broken') return null;
  const cause =
    found.part === 'node-missing' || found.part === 'node-unfit' ? 'node-missing' : 'environment-broken';
  return forPerson(
    { cause, confidence: 'certain', because: `launchd cannot start the gateway: ${found.because}` },
    { cause, because: `the next start of the gateway would fail: ${found.because}` },
  );
}

function disk({ evidence, state, rules }: Look): Blocker | null {
  const { disk: found } = evidence.ground;
  // Once told it is over well above the bound only, or space that wavers around it would be told for ever.
  const bound = rules.policy.diskFreeBytes * (state.told.includes('also:disk-full') ? 1.25 : 1);
  if (found.kind !== 'read' || found.freeBytes >= bound) return null;
  const because = `only ${spellBytes(found.freeBytes)} are free where the gateway writes (${found.path}): free some space`;
  return forPerson({ cause: 'disk-full', confidence: 'certain', because }, { cause: 'disk-full', because });
}

function lock({ evidence }: Look): Blocker | null {
  const { lock: found } = evidence.ground;
  if (found.kind !== 'held' || evidence.listener.kind === 'orphan') return null;
  const because = `process ${found.pid} (${found.command}) is a gateway of the same state directory that launchd did not start; it holds the lock, so launchd's own cannot start: end it, or stop the job`;
  return forPerson({ cause: 'two-gateways', confidence: 'certain', because });
}

/** Its refusal looks like that of a missing dependency or of a held lock: both must be ruled out by their own checks. */
function schema(look: Look): Blocker | null {
  const { dependencies, lock: holder, log } = look.evidence.ground;
  const held = holder.kind === 'held' || holder.kind === 'unknown';
  if (dependencies.kind !== 'intact' || held) return null;
  const said = sign(log, 'schema-newer') ?? sign(log, 'migration-required');
  // Said before another version was installed, it is no longer true.
  if (said === null || !isOfThisPackage(said, look)) return null;
  const certain = said.sign === 'schema-newer';
  return forPerson({
    cause: 'schema-newer',
    confidence: certain ? 'certain' : 'likely',
    because: `the gateway's database is newer than the program, or wants a migration the program refuses (${said.text}): install the OpenClaw version that wrote it; nothing is downgraded or migrated by the watchdog`,
  });
}

function plugin({ evidence }: Look): Blocker | null {
  const { plugins, log } = evidence.ground;
  const converging = sign(log, 'plugin-converging');
  if (plugins.kind !== 'broken') return null;
  const because = `the plugin ${plugins.id} is incomplete (${plugins.because})${converging === null ? '' : '; OpenClaw is repairing it'}: "openclaw plugins install" puts it back`;
  return {
    cause: 'plugin-broken',
    confidence: converging === null ? 'weak' : 'likely',
    because,
    latent: { cause: 'plugin-broken', because },
    mend: { kind: 'itself' },
    settled: true,
  };
}

function sign(log: Look['evidence']['ground']['log'], wanted: LogFinding['sign']): LogFinding | null {
  if (log.kind !== 'read') return null;
  return log.findings.find(({ sign: each }) => each === wanted) ?? null;
}
