import type { ConfigEvidence } from '../core/ground-evidence.ts';
import { type Clock, type Millis, millis, minutes, seconds, since } from '../core/time.ts';
import { type ConfigCheck, checkConfigFile, type KnownConfig } from '../gateway/config-check.ts';
import { stampOf } from '../gateway/config-source.ts';
import type { Environment } from '../gateway/env-file.ts';
import { type ConfigIssue, type ConfigOpinion, validateConfig } from '../gateway/validate-config.ts';
import type { Run } from '../system/run.ts';

/** Where the config and its judge are now; asked anew at each look. */
interface ConfigPlace {
  readonly configPath: string;
  /** The gateway's own environment. */
  readonly env: Environment;
  readonly node: string | null;
  readonly packageRoot: string | null;
  readonly stateDir: string;
  /** The gateway is started with `--allow-unconfigured`, so it does not need gateway.mode. */
  readonly allowUnconfigured?: boolean;
}

interface ConfigSightParts {
  readonly clock: Clock;
  readonly run: Run;
  readonly place: () => ConfigPlace;
  readonly timeoutMs: () => Millis;
  /** A file that changed less than this long ago is not handed to the validator: a person may be in the middle of it. */
  readonly settleMs: Millis;
  /** The validator has spoken, or the config changed under it: it is worth looking again. */
  readonly onSettled: () => void;
}

interface ConfigSight {
  /** With `wait` the validator's answer is awaited. Never throws. */
  look(ask: { readonly wait: boolean }): Promise<ConfigEvidence>;
  /** The validator's words on the config of this hash; null where it was last asked about another one. */
  issuesOf(hash: string): readonly ConfigIssue[] | null;
  /** Ends a running validator. */
  close(): Promise<void>;
}

/** After no verdict, or a refusal that may rest on more than the config (a plugin, the package), it is asked again. */
const firstAgainMs = seconds(60);
const longestAgainMs = minutes(15);
/** Looks of one awaited answer: someone who saves more often than this is not done editing. */
const maxRounds = 4;
/** Issues told in one sentence; the file's owner sees the rest with OpenClaw's own command. */
const maxIssuesTold = 3;

/** What the validator said of one content, by one package. */
interface Opinion {
  readonly subject: string;
  readonly opinion: ConfigOpinion;
  readonly againAt: Millis;
  readonly pauseMs: Millis;
}

interface Asking {
  readonly subject: string;
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

interface Reading {
  readonly check: ConfigCheck;
  readonly surroundings: string;
}

export function createConfigSight(parts: ConfigSightParts): ConfigSight {
  const { clock } = parts;
  let reading: Reading | null = null;
  let known: KnownConfig | null = null;
  let last: Opinion | null = null;
  let asking: Asking | null = null;
  let restUntil = clock.elapsed();
  let closed = false;

  /** Stats every file of the config; reads them only when one changed. */
  const read = (place: ConfigPlace): ConfigCheck => {
    const surroundings = JSON.stringify([place.configPath, place.env]);
    // What could not be told is asked anew: too many open files, for one, leave no mark on the file.
    const told = reading?.surroundings === surroundings && reading.check.verdict.kind !== 'unknown';
    if (reading !== null && told && isUnchanged(reading.check)) return reading.check;
    const check = checkConfigFile(place.configPath, place.env, known);
    reading = { check, surroundings };
    return check;
  };

  const ask = async (place: Judged, { subject, check, signal }: Question): Promise<void> => {
    await clock.sleep(untilSettled(check), signal);
    if (signal.aborted || !isUnchanged(check)) return;
    const { run } = parts;
    const timeoutMs = parts.timeoutMs();
    const opinion = await validateConfig({ ...place, run, timeoutMs, config: check.config ?? {}, signal });
    // A verdict on a file that is no longer there would be one on the file that replaced it.
    if (signal.aborted || !isUnchanged(check) || subjectOf(check, place) !== subject) return;
    keep(subject, opinion);
  };

  /** The rest after an asking keeps files that never stand still, as in an update, from keeping us asking. */
  const untilSettled = ({ verdict }: ConfigCheck): Millis => {
    const changedAt = verdict.kind === 'unknown' ? null : verdict.changedAt;
    const ageMs = changedAt === null ? 0 : since(changedAt, clock.now());
    return millis(Math.max(0, parts.settleMs - ageMs, restUntil - clock.elapsed()));
  };

  const keep = (subject: string, opinion: ConfigOpinion): void => {
    const before = last?.subject === subject ? last : null;
    const pauseMs = before === null ? firstAgainMs : millis(Math.min(before.pauseMs * 2, longestAgainMs));
    // A refusal of this very content stands until there is another verdict, also where the package has changed since.
    const stood = last !== null && contentOf(last.subject) === contentOf(subject) ? last.opinion : null;
    const stands = stood?.kind === 'invalid' && opinion.kind === 'unknown';
    last = {
      subject,
      opinion: stands ? stood : opinion,
      pauseMs,
      againAt: millis(clock.elapsed() + pauseMs),
    };
  };

  const start = (place: Judged, subject: string, check: ConfigCheck): void => {
    const controller = new AbortController();
    const done = ask(place, { subject, check, signal: controller.signal })
      .catch((error: unknown) => {
        // A bug of ours must not end the daemon from behind, nor bring us back at once.
        const name = error instanceof Error ? error.message : String(error);
        keep(subject, { kind: 'unknown', because: `the validator could not be asked: ${name}` });
      })
      .then(() => {
        asking = null;
        restUntil = millis(clock.elapsed() + parts.settleMs);
        if (!closed) parts.onSettled();
      });
    asking = { subject, controller, done };
  };

  const once = (): ConfigEvidence => {
    const place = parts.place();
    const check = read(place);
    const verdict = pardoned(check, place);
    if (verdict.kind !== 'sound') {
      asking?.controller.abort();
      return verdict;
    }
    const { hash, changedAt } = verdict;
    const { node, packageRoot } = place;
    if (node === null || packageRoot === null) {
      known = { bytes: check.bytes };
      return { kind: 'sound', hash, changedAt, validator: 'unknown' };
    }
    const judge: Judged = { ...place, node, packageRoot };
    const subject = subjectOf(check, judge);
    const said = last?.subject === subject ? last : null;
    const due = said === null || (said.opinion.kind !== 'valid' && clock.elapsed() >= said.againAt);
    // One at a time: what runs on another content is ended, and its end brings the next look.
    if (asking !== null && asking.subject !== subject) asking.controller.abort();
    else if (asking === null && due && !closed) start(judge, subject, check);
    if (said?.opinion.kind === 'invalid')
      return { kind: 'faulty', fault: 'rejected', hash, changedAt, because: refusal(said.opinion) };
    known = { bytes: check.bytes };
    return { kind: 'sound', hash, changedAt, validator: said === null ? 'pending' : said.opinion.kind };
  };

  return {
    look: async ({ wait }) => {
      try {
        let seen = once();
        for (let round = 0; wait && round < maxRounds && asking !== null; round += 1) {
          await asking.done;
          seen = once();
        }
        return seen;
      } catch (error) {
        // A probe never throws; what it did not find out proves nothing.
        const why = error instanceof Error ? error.message : String(error);
        return { kind: 'unknown', because: `the config could not be looked at: ${why}` };
      }
    },
    issuesOf: (hash) => {
      if (last?.opinion.kind !== 'invalid' || reading === null) return null;
      const { verdict, fingerprint } = reading.check;
      const isOfThis = verdict.kind === 'sound' && verdict.hash === hash;
      return isOfThis && contentOf(last.subject) === fingerprint ? last.opinion.issues : null;
    },
    close: async () => {
      closed = true;
      asking?.controller.abort();
      await asking?.done;
    },
  };
}

/** A place with a validator in it. */
type Judged = ConfigPlace & { readonly node: string; readonly packageRoot: string };

interface Question {
  readonly subject: string;
  readonly check: ConfigCheck;
  readonly signal: AbortSignal;
}

const isUnchanged = ({ stamps }: ConfigCheck): boolean =>
  [...stamps].every(([path, stamp]) => stampOf(path) === stamp);

/** A dependency that comes or goes moves the folder's time, an update the manifest's, though npm sets it to 1985. */
function subjectOf({ fingerprint }: ConfigCheck, { node, packageRoot }: Judged): string {
  const parts = ['package.json', 'openclaw.mjs', 'node_modules'].map((name) =>
    stampOf(`${packageRoot}/${name}`),
  );
  return [fingerprint, node, packageRoot, ...parts].join('|');
}

/** The part of a subject that is the config's own. */
const contentOf = (subject: string): string => subject.slice(0, subject.indexOf('|'));

function pardoned({ verdict }: ConfigCheck, place: ConfigPlace): ConfigCheck['verdict'] {
  if (place.allowUnconfigured !== true || verdict.kind !== 'faulty' || verdict.fault !== 'incomplete')
    return verdict;
  const { hash, changedAt } = verdict;
  return hash === null || changedAt === null ? verdict : { kind: 'sound', hash, changedAt };
}

function refusal({ issues }: Extract<ConfigOpinion, { readonly kind: 'invalid' }>): string {
  const told = issues.slice(0, maxIssuesTold).map(({ path, message }) => `${path}: ${message}`);
  const more = issues.length - told.length;
  return `OpenClaw's validator refuses it: ${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
