import type { Settings } from '../config/settings.ts';
import { blockers } from '../core/blockers.ts';
import type { Cause } from '../core/cause.ts';
import { diagnose } from '../core/diagnosis.ts';
import type { Evidence, HealthzEvidence } from '../core/evidence.ts';
import { noteGeneration } from '../core/generation.ts';
import type { Look, Rules } from '../core/look.ts';
import type { Disabled, ServiceState } from '../core/service.ts';
import type { State } from '../core/state.ts';
import { sightGateway } from '../daemon/gateway-sight.ts';
import { readLastState } from '../daemon/last-state.ts';
import type { Context } from './context.ts';
import { lookAtFiles, type QuickEyes } from './quick-eyes.ts';

/** What is known already when nobody watches and the gateway does not serve. */
export interface QuickKnown {
  readonly settings: Settings;
  readonly service: ServiceState;
  /** `unread`: nobody has asked yet. */
  readonly disabled: Disabled;
  readonly healthz: HealthzEvidence;
  /** The content of the config that OpenClaw has accepted as far as anybody remembers; null: none. */
  readonly acceptedHash: string | null;
  /** Whether OpenClaw may be asked about the config, which takes seconds. */
  readonly judge: boolean;
  readonly quiet: boolean;
}

/** Why the gateway does not serve, as far as one look from here can tell. */
export interface QuickCause {
  readonly cause: Cause;
  readonly because: string;
  /** What stands in the way besides. */
  readonly also: readonly Cause[];
  readonly evidence: Evidence;
  readonly state: State;
  readonly rules: Rules;
}

/** These are their own reason: no file could say more. Anything else may rest on one. */
const settled: ReadonlySet<Cause> = new Set<Cause>([
  'unloaded',
  'unloaded-again',
  'stopped-by-operator',
  'disabled-by-operator',
  'not-installed',
  'no-domain',
  'update-running',
  'port-foreign',
  'port-orphan',
]);

/**
 * Names the cause in the daemon's absence: first by what costs milliseconds, then, where that explains nothing, by a
 * closer look of at most a second and a half, and at last by OpenClaw's own judgement of a config it has not seen yet.
 * No login, no secret sent, nothing changed.
 */
export async function findCause(known: QuickKnown, context: Context): Promise<QuickCause> {
  const { settings } = known;
  const sight = sightGateway(settings, context.uid);
  const { service, disabled, healthz } = known;
  const eyes = { context, settings, sight, service, disabled, healthz };
  const remembered = await readLastState(context.paths.state, context.clock.now());
  const named = (evidence: Evidence): QuickCause => nameCause(evidence, { remembered, settings, context });
  if (healthz.kind === 'live') return named(await whoAnswers(eyes));
  const first = named(await lookAtFiles(eyes));
  if (isExplained(first)) return first;
  // Loaded only here: most of what is wrong shows in the files.
  const { lookCloser, judgeConfig } = await import('./quick-closer.ts');
  const evidence = await lookCloser(eyes);
  const closer = named(evidence);
  if (isExplained(closer) || closer.cause === 'hung' || !known.judge) return closer;
  const config = await judgeConfig(evidence.ground.config, { ...eyes, ...known });
  return config === null ? closer : named({ ...evidence, ground: { ...evidence.ground, config } });
}

/** A gateway answers, and nobody watches it: an orphan answers as well as the job's own. */
async function whoAnswers(eyes: QuickEyes): Promise<Evidence> {
  const { lookAtPeer } = await import('./quick-closer.ts');
  const [files, listener] = await Promise.all([lookAtFiles(eyes), lookAtPeer(eyes)]);
  return { ...files, listener };
}

const isExplained = (look: QuickCause): boolean =>
  look.evidence.ground.config.kind === 'faulty' || hasBlocker(look) || settled.has(look.cause);

const hasBlocker = ({ evidence, state, rules }: QuickCause): boolean =>
  blockers({ evidence, state, now: evidence.at, rules }).some(({ confidence }) => confidence === 'certain');

/** What a start could not survive says more than what the process does at this moment. */
function nameCause(
  evidence: Evidence,
  from: { readonly remembered: State; readonly settings: Settings; readonly context: Context },
): QuickCause {
  const { settings, context, remembered } = from;
  const now = context.clock.now();
  const rules: Rules = { policy: settings.policy, mode: settings.mode, label: settings.gateway.label };
  const state = noteGeneration(remembered, evidence, now);
  const look: Look = { evidence, state, now, rules };
  const { lead } = diagnose(look);
  const isOrphan = answersAsOrphan(evidence);
  const certain =
    comesFirst.has(lead.cause) && !isOrphan
      ? []
      : blockers(look).filter(({ confidence }) => confidence === 'certain');
  // Somebody else has the port: with that gone, whatever else is broken still is.
  const held = isOrphan || lead.cause === 'port-foreign' || lead.cause === 'port-orphan';
  const reasons =
    held || certain.length === 0 ? [isOrphan ? { ...lead, cause: orphan } : lead, ...certain] : certain;
  const cause = reasons[0]?.cause ?? lead.cause;
  const because = reasons.map((each) => each.because).join('; and besides: ');
  const also = new Set(reasons.map((each) => each.cause).filter((each) => each !== cause));
  return { cause, because, also: [...also], evidence, state, rules };
}

const orphan: Cause = 'port-orphan';
const answersAsOrphan = ({ healthz, listener }: Evidence): boolean =>
  healthz.kind === 'live' && listener.kind === 'orphan';

/** Whatever is broken besides, these come first. */
const comesFirst: ReadonlySet<Cause> = new Set<Cause>([
  'serving',
  'no-domain',
  'update-running',
  'not-installed',
  'stopped-by-operator',
  'disabled-by-operator',
]);
