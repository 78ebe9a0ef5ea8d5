import { fileURLToPath } from 'node:url';
import { defaultPolicy, type Policy } from '../../src/core/policy.ts';
import { millis, minutes, seconds } from '../../src/core/time.ts';
import { spell } from '../../src/core/words.ts';
import { type Fault, faults } from './faults.ts';
import { type Measured, measure, serves } from './measure.ts';
import { installOpenclaw } from './openclaw.ts';
import { createShow, renderTable } from './show.ts';
import { openStage, type StageOptions } from './stage.ts';

/** The show: a gateway, a watchdog, faults one after the other. Nothing outside a temporary folder is touched. */
const real = process.argv.includes('--real');
const practice = fileURLToPath(new URL('../practice-gateway/practice-gateway.mjs', import.meta.url));

/** Shortened so that the show takes about a minute; everything else is as installed. */
const shortened: Partial<Policy> = {
  tickMs: seconds(1),
  urgentTickMs: millis(250),
  healthzTimeoutMs: millis(1_000),
  hangActMs: seconds(3),
  backoffMs: seconds(1),
  witnessMs: seconds(1),
  pendedGraceMs: seconds(2),
  reloadAfterMs: seconds(4),
  stableMs: seconds(2),
  // One fault after the other within a minute is the show, and no flapping gateway.
  flap: { limit: 50, windowMs: minutes(30) },
};
const launchd = { throttleMs: 1_000, exitTimeOutMs: 1_000 };
const patience = real ? { healMs: 180_000, leaveMs: 6_000 } : { healMs: 45_000, leaveMs: 6_000 };
const bootPatienceMs = real ? 180_000 : 20_000;

process.exit(await main());

async function main(): Promise<number> {
  const show = createShow(process.stdout);
  show.title(
    real
      ? 'openclaw-immune: the demo with OpenClaw from npm'
      : 'openclaw-immune: the demo with a practice gateway',
  );
  const installed = real ? await installOpenclaw((text) => show.line(text)) : null;
  if (installed?.kind === 'failed') {
    process.stderr.write(`demo: ${installed.because}\n  next: ${installed.hint}\n`);
    return 3;
  }
  const options: StageOptions = {
    command: (port) => [process.execPath, installed?.entry ?? practice, 'gateway', '--port', String(port)],
    policy: shortened,
    launchd,
    ...(installed === null ? {} : { environment: installed.environment }),
  };
  const stage = await openStage(options);
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => interrupted.abort());
  const rows: Measured[] = [];
  try {
    show.line(`A gateway on port ${stage.port} and its watchdog run in ${stage.home}.`);
    if (!(await waitCalm())) {
      process.stderr.write(
        'demo: the gateway did not become ready\n  next: run it again; on a busy machine it may need longer\n',
      );
      return 3;
    }
    const program = faults.filter(shown);
    for (const fault of program) {
      if (interrupted.signal.aborted) return 130;
      show.title(`${rows.length + 1}. ${fault.name}`);
      const row = await measure(fault, stage, { patience, watch: show.live });
      rows.push(row);
      show.line(`-> ${row.verdict}; ${row.because}`);
      // After the last one the curtain falls: nobody needs a calm gateway any more.
      if (fault === program.at(-1)) break;
      await fault.settle?.(stage);
      await waitCalm();
    }
  } finally {
    await stage.close();
    installed?.remove();
  }
  show.title('What each fault cost');
  show.line(renderTable(rows));
  show.line('');
  show.line(
    'detect: fault to open incident · repair: incident to the end of the action · boot: spawn to serving · total: fault to serving',
  );
  show.line(`Changed for the show: ${shortenings().join(', ')}.`);
  show.line('Not shortened: the limits (2 actions in 5 min, 6 in 6 h) and the boot grace of 10 min.');
  return rows.every((row) => row.verdict === 'as it must') ? 0 : 3;

  async function waitCalm(): Promise<boolean> {
    const deadline = Date.now() + bootPatienceMs;
    while (Date.now() < deadline && !interrupted.signal.aborted) {
      const status = await stage.status();
      const held = status?.evidence?.socket.kind === 'open';
      if (status?.state.phase.kind === 'healthy' && held && (await serves(stage.port))) return true;
      if (status !== null) show.live(`${status.state.phase.kind}: ${status.state.because}`);
      await stage.clock.sleep(millis(50));
    }
    return false;
  }
}

function shown(fault: Fault): boolean {
  return !(real && fault.practiceOnly === true);
}

function valueWords(value: Policy[keyof Policy]): string {
  return typeof value === 'object' ? `${value.limit} in ${spell(value.windowMs)}` : spell(value);
}

function shortenings(): readonly string[] {
  const policy = Object.entries(shortened).map(
    ([key, value]) => `${key} ${valueWords(value)} (else ${valueWords(defaultPolicy[key as keyof Policy])})`,
  );
  return [
    ...policy,
    `launchd's throttle ${spell(launchd.throttleMs)} (else 10 s)`,
    `launchd's exit time-out ${spell(launchd.exitTimeOutMs)} (else 20 s)`,
  ];
}
