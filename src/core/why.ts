import { configKey } from './blocker-config.ts';
import { causes } from './causes.ts';
import { checkReport } from './check-report.ts';
import { diagnose } from './diagnosis.ts';
import type { Evidence } from './evidence.ts';
import { noteGeneration } from './generation.ts';
import { groundLines } from './ground-report.ts';
import { permit, rungOf, stepWords } from './ladder.ts';
import type { Assessment, Diagnosis, Rules } from './look.ts';
import { isOpen, type State } from './state.ts';
import type { Instant } from './time.ts';
import { spell, spellUntil } from './words.ts';

interface Why {
  readonly state: State;
  readonly evidence: Evidence;
  readonly now: Instant;
  readonly rules: Rules;
}

/** The chain of one look, for a person: evidence, verdicts, causes, what would be done, and why not more. */
export function why(given: Why): readonly string[] {
  const asked: Why = { ...given, state: placed(given) };
  const assessment = diagnose(asked);
  return [
    'evidence and verdicts',
    ...checkReport(asked.evidence).lines.map(({ verdict, sentence }) => `  ${marks[verdict]}  ${sentence}`),
    ...groundLines(asked.evidence).map(({ verdict, sentence }) => `  ${marks[verdict]}  ${sentence}`),
    'causes',
    ...causeLines(assessment),
    'what would be done',
    ...planLines(assessment.lead, asked).map((line) => `  ${line}`),
  ];
}

/** One look alone has no past: its process is followed as in any other, and the config file is as old as it says. */
function placed({ state, evidence, now }: Why): State {
  const followed = noteGeneration(state, evidence, now);
  const { config } = evidence.ground;
  const key = configKey(config);
  if (followed.configSeen !== null || key === null || !('changedAt' in config)) return followed;
  return { ...followed, configSeen: { key, since: config.changedAt ?? now } };
}

const marks = { pass: 'ok  ', fail: 'FAIL', unknown: '?   ', note: 'note' } as const;

function causeLines({ lead, also }: Assessment): readonly string[] {
  const { signature, check, entry } = causes[lead.cause];
  return [
    `  ${lead.cause}: ${lead.because}`,
    `      looks like: ${signature}; told apart by: ${check}; enters the ladder at: ${entry}`,
    ...also
      .filter(({ cause }) => cause !== lead.cause)
      .map(({ cause, confidence, because }) => `  also ${cause} (${confidence}): ${because}`),
  ];
}

function planLines(lead: Diagnosis, asked: Why): readonly string[] {
  const { state, now, rules } = asked;
  if (state.phase.kind === 'repairing') {
    return [`nothing more: ${stepWords(state.phase.action.step)} (${state.phase.action.id}) is in flight`];
  }
  if (state.phase.kind === 'suspended' && lead.stance !== 'ready') {
    const until = state.phase.until === null ? '' : `, for up to ${spellUntil(state.phase.until, now)}`;
    return [`nothing while this is suspended (${state.phase.cause}${until}): ${state.because}`];
  }
  switch (lead.stance) {
    case 'ready':
      return ['nothing: a gateway that serves is never touched'];
    case 'wait':
      return ['nothing: the gateway or launchd is on it, and an action would only disturb'];
    case 'hands-off':
      return ['nothing: somebody else is at work, or wants it so'];
    case 'unknown':
      return ['nothing: what cannot be told is no failure'];
    case 'untouchable':
      return [
        `tell the operator (L4), after ${spell(lead.dueAfterMs)}`,
        'no more, because no rung may touch this cause or none has anything to mend it with',
      ];
    case 'failing':
      return failingLines(lead, asked, rules);
    /* v8 ignore next -- @preserve: the compiler proves that nothing gets here */
    default:
      return lead satisfies never;
  }
}

function failingLines(
  lead: Diagnosis & { readonly stance: 'failing' },
  { state, now }: Why,
  rules: Rules,
): readonly string[] {
  if (lead.step === null) {
    return ['nothing, because the process this would end could not be proven to be the gateway'];
  }
  const when =
    lead.dueAfterMs === Number.MAX_SAFE_INTEGER
      ? 'once it has looked like this for long enough'
      : `once it has held for ${spell(lead.dueAfterMs)}`;
  const permitted = isOpen(state)
    ? permit(state, { step: lead.step, cause: lead.cause }, { now, policy: rules.policy })
    : ({ kind: 'go' } as const);
  const more =
    permitted.kind === 'go'
      ? 'the least that claims the cause is tried first; the budgets have room for it'
      : permitted.because;
  const observing = rules.mode === 'observe' ? ['but it only observes: it would say so and do nothing'] : [];
  return [
    `${stepWords(lead.step)} (${rungOf(lead.step)}), ${when}`,
    ...observing,
    `no more, because ${more}`,
  ];
}
