import { configKey } from './blocker-config.ts';
import { type Decision, decision, pause } from './decision.ts';
import { calmed, stableFor } from './flap.ts';
import { keptIn } from './in-place.ts';
import { close } from './incident.ts';
import { mendLatent } from './latent-mend.ts';
import type { Assessment } from './look.ts';
import type { Notice } from './notice.ts';
import type { Policy } from './policy.ts';
import type { Moment } from './respond-doubt.ts';
import { isOpen, type State } from './state.ts';
import { type Instant, millis, since } from './time.ts';
import { spell } from './words.ts';

/** The channels are asked about only by a close look: so much longer is waited for one before the gateway is believed. */
const unaskedFactor = 2;

/** The gateway serves: what holds besides is told once, and an open incident closes when it has served for long enough. */
export function ready(named: State, { also }: Assessment, moment: Moment): Decision {
  const { now } = moment;
  const others = othersOf(named, also);
  const calm: State = {
    ...named,
    failing: null,
    unknownSince: null,
    wanted: 'up',
    graceUntil: null,
    noted: notedOf(named, others, now),
  };
  const { state, notices } = tellNews(
    calm,
    { news: newsOf(calm, { also, others }, moment), isGood: isGood(moment) },
    now,
  );
  const mending = mendLatent({ ...moment, state });
  if (mending !== null) return decision(mending.state, [...notices, ...mending.notices], mending.actions);
  if (!isOpen(state)) {
    const answered = answeredFor(state, now, moment.rules.policy);
    return decision(
      state.pause === null ? { ...answered, phase: { kind: 'healthy' } } : pauseServing(answered, now),
      notices,
    );
  }
  const serving = state.phase.kind === 'probation' ? state.phase.since : now;
  const steady = since(serving, now);
  // That another gateway serves says nothing of what was repaired for launchd's own.
  const isOwn = moment.evidence.listener.kind !== 'orphan';
  const life = isOwn && steady >= moment.rules.policy.stableMs ? state.generation : null;
  const judged = life === null ? state.incident : keptIn(state.incident, life);
  const incident = { ...judged, servingAt: serving };
  const waits = waitsFor({ ...state, incident }, steady, { also, moment });
  if (waits !== null) {
    return decision(
      { ...state, incident, phase: { kind: 'probation', since: serving }, because: waits },
      notices,
    );
  }
  const closed = close(
    calmed({ ...state, incident, phase: { kind: 'healthy' } }),
    { kind: 'resolved', servingAt: serving },
    now,
  );
  return decision(closed.state, [...notices, ...closed.notices]);
}

/** What the last incident left unjudged has helped, once the gateway has served with it for long enough. */
function answeredFor(state: State, now: Instant, policy: Policy): State {
  const { generation, lastIncident } = state;
  const readyAt = generation?.readyAt ?? null;
  if (generation === null || lastIncident === null || readyAt === null) return state;
  return since(readyAt, now) < policy.stableMs
    ? state
    : { ...state, lastIncident: keptIn(lastIncident, generation) };
}

/** A pause outlives the incident it was asked for in. */
const pauseServing = (state: State, now: Instant): State => ({
  ...pause(state, now),
  because: state.because,
});

/** Why "resolved" is not said yet; null when it may be. */
function waitsFor(
  state: State,
  steady: number,
  { also, moment }: { readonly also: Assessment['also']; readonly moment: Moment },
): string | null {
  const { rules, evidence } = moment;
  const needed = stableFor(state, rules.policy);
  if (steady < needed) {
    const flaps = state.flapping ? 'it flaps, so ' : '';
    return `serving again for ${spell(steady)}; ${flaps}the incident closes after ${spell(needed)}`;
  }
  const silenced = also.find(({ cause }) => cause === 'channels-suppressed');
  if (silenced !== undefined) return `${silenced.because}; the incident closes when they are back`;
  const asked = evidence.ground.channels.kind;
  const unasked = (asked === 'unread' || asked === 'unknown') && steady < millis(needed * unaskedFactor);
  return unasked ? 'serving again; whether its channels are up is being asked' : null;
}

/** How the notices begin that messages to a person say in their own words. */
export const flappingText = 'flapping:';
export const overText = 'what was told before is over';

interface News {
  readonly key: string;
  readonly text: string;
}

/** Notes beyond the findings, by their kind: the words behind the colon may change from look to look. */
function othersOf({ notes }: State, also: Assessment['also']): readonly News[] {
  const words = also.map(({ because }) => because);
  return notes
    .filter((note) => !words.includes(note))
    .map((text) => ({ key: text.replace(/:.*/s, ''), text }));
}

const notedOf = ({ noted }: State, others: readonly News[], now: Instant): State['noted'] =>
  [...new Set(others.map(({ key }) => key))].map((key) => {
    const known = noted.find((each) => each.key === key);
    // One from the future is of before the clock was set back.
    return known === undefined || known.since > now ? { key, since: now } : known;
  });

function newsOf(
  { noted, told, flapping, losses }: State,
  { also, others }: { readonly also: Assessment['also']; readonly others: readonly News[] },
  { evidence, now, rules }: Moment,
): readonly News[] {
  const lasting = ({ key }: News): boolean =>
    told.includes(key) ||
    noted.some((each) => each.key === key && since(each.since, now) >= rules.policy.noteTellMs);
  const flaps = flapping
    ? [
        {
          key: 'flapping',
          text: `${flappingText} the gateway was lost ${losses.length} times in a short while; that stays one incident until it holds`,
        },
      ]
    : [];
  return [
    // A finding is told once by its cause, for its words may change from look to look.
    ...also.map(({ cause, because }) => ({
      // Each bad content of the config has a fault of its own.
      key: cause === 'config-latent' ? `${latent}${configKey(evidence.ground.config)}` : `also:${cause}`,
      text: because,
    })),
    ...others.filter(lasting),
    ...flaps,
  ];
}

const latent = 'also:config-latent:';

/** A bad config is over when the file is known to be good: not while a new content of it is still being judged. */
function isGood({ evidence }: Moment): boolean {
  const { config } = evidence.ground;
  return config.kind === 'sound' && config.validator === 'valid';
}

/** A key of what was told, as people know it: the cause behind `also:` and the like, or the note itself. */
const nameOf = (key: string): string =>
  key.startsWith(latent) ? 'config-latent' : key.replace(/^(?:also|long|would:[^:]*):/, '');

/** Tells what is new, and once that what was told before is over. */
function tellNews(
  state: State,
  { news, isGood: good }: { readonly news: readonly News[]; readonly isGood: boolean },
  now: Instant,
): { readonly state: State; readonly notices: readonly Notice[] } {
  const incident = state.incident?.id ?? null;
  const isLatent = (key: string): boolean => key.startsWith(latent);
  const unsettled = !good && !news.some(({ key }) => isLatent(key));
  const still = state.told.filter(
    (key) => news.some((each) => each.key === key) || (unsettled && isLatent(key)),
  );
  const fresh = news.filter(({ key }) => !still.includes(key));
  const notices = fresh.map(({ text }): Notice => ({ kind: 'told', at: now, incident, text }));
  const over = state.told.filter((key) => !still.includes(key)).map(nameOf);
  if (over.length > 0 && fresh.length === 0) {
    const text = `${overText} (${[...new Set(over)].join(', ')}): the gateway serves`;
    notices.push({ kind: 'told', at: now, incident, text });
  }
  return { state: { ...state, told: [...still, ...fresh.map(({ key }) => key)] }, notices };
}
