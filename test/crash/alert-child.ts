import { defaultPolicy } from '../../src/core/policy.ts';
import { initialState } from '../../src/core/state.ts';
import { instant, millis } from '../../src/core/time.ts';
import { openAlertDesk } from '../../src/daemon/alert-desk.ts';
import { openJournal } from '../../src/daemon/journal.ts';
import { linesAfter } from '../../src/daemon/journal-lines.ts';
import { steadyClock } from '../../src/daemon/steady-time.ts';
import { systemClock } from '../../src/system/clock.ts';
import { incidentOf, notice } from '../core/alert-world.ts';
import { alertSettings, hook, listeningLog, open } from '../daemon/alert-ground.ts';

/** One life of the watchdog, as far as its alerts go: it tells a story from where the journal ends, and leaves. */
export interface AlertErrand {
  readonly stateDir: string;
  readonly port: number;
}

const { stateDir, port } = JSON.parse(process.argv[2] ?? '{}') as AlertErrand;
const opened = await openJournal(stateDir, instant(Date.now()));
if (opened.kind === 'failed') throw new Error(opened.because);
const clock = steadyClock(systemClock(), opened.replay.lastAt);
const settings = {
  alerts: alertSettings([hook('phone', port)]),
  policy: {
    ...defaultPolicy,
    alertGraceMs: millis(1),
    alertRetryMs: millis(20),
    alertRetryMaxMs: millis(50),
  },
};
const desk = await openAlertDesk(
  {
    paths: { state: stateDir },
    log: listeningLog().log,
    redact: (text) => text,
    settings: () => ({ settings }),
    openChannels: (alerts) => open(alerts, 2_000),
  },
  { clock, state: opened.replay.state },
);
const journal = desk.hear(opened.journal);

const at = clock.now();
const down = { ...initialState, phase: { kind: 'suspect' }, cause: 'crashed', because: 'gone' } as const;
const incident = incidentOf({ openedAt: at });
const story = [
  { state: { ...down, incident }, notices: [notice('opened', 'lost')] },
  { state: { ...down, incident }, notices: [] },
  {
    state: { ...down, incident: { ...incident, exhaustedAt: at } },
    notices: [notice('exhausted', 'needs you: no way')],
  },
  { state: { ...initialState, incident: null }, notices: [notice('resolved', 'serving again')] },
  { state: { ...initialState, incident: null }, notices: [notice('told', 'a condition', null)] },
];
const told = (await linesAfter(stateDir, 0)).newest;
for (const one of story.slice(told)) {
  const written = await journal.append({ at: clock.now(), kind: 'decided', because: '', ...one });
  if (written.kind === 'failed') throw new Error(written.because);
}
for (let tries = 0; desk.view().waiting > 0 && tries < 500; tries += 1) await clock.sleep(millis(10));
await journal.close();
process.stdout.write(JSON.stringify(desk.view()));
