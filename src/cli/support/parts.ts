import { readdir } from 'node:fs/promises';
import { arch, freemem, homedir, loadavg, platform, release, tmpdir, totalmem, uptime } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { keyText } from '../../core/config-change.ts';
import { leavesOf } from '../../core/mask.ts';
import { type Millis, seconds } from '../../core/time.ts';
import { spell, spellBytes } from '../../core/words.ts';
import { readHistory } from '../../daemon/journal-history.ts';
import { readStatus } from '../../daemon/status-file.ts';
import { readListeners } from '../../system/listeners.ts';
import { run } from '../../system/run.ts';
import { runCheck } from '../check.ts';
import type { Context } from '../context.ts';
import { runIncidents } from '../incidents/incidents.ts';
import { allJobs, labelOf } from '../install/names.ts';
import { type FoundTools, findTools } from '../install/tools.ts';
import { lookDeepOnce } from '../look-deep.ts';
import { gatherStatus } from '../status/gather.ts';
import { statusJson } from '../status/json.ts';
import { renderStatus } from '../status/render.ts';
import { clockTime } from '../status/words.ts';
import { version } from '../version.ts';
import { diskLines, listFiles, readTail } from './files.ts';
import type { Finding, Part } from './gather.ts';
import { withoutJobSecrets } from './launchctl-print.ts';
import type { SupportGround } from './secrets.ts';

/** What answers at all answers within this. */
const quickMs = seconds(5);
/** A deep look from here has a witness, a health request and a validator in it. */
const checkMs = seconds(45);
const kilo = 1_024;
/** The newest logs, and one generation before. */
const maxLogFiles = 12;
const logBytes = 256 * kilo;
const journalLines = 1_000;
const journalTailBytes = 512 * kilo;
/** A large real config has a few hundred. */
const maxLeaves = 3_000;

const text = (value: string): Finding => ({ kind: 'text', text: value });

/** Everything that goes into a bundle. Reading the list costs nothing; each part is made when it is gathered. */
export async function supportParts(context: Context, ground: SupportGround): Promise<readonly Part[]> {
  const { paths } = context;
  const part = (
    name: string,
    words: string,
    gather: () => Promise<Finding>,
    bounds: { readonly withinMs?: Millis; readonly maxBytes?: number } = {},
  ): Part => ({
    name,
    words,
    withinMs: bounds.withinMs ?? quickMs,
    maxBytes: bounds.maxBytes ?? 256 * kilo,
    gather,
  });
  const tools = findTools(context.env['PATH']);
  let looked: ReturnType<typeof gatherStatus> | null = null;
  const facts = (): ReturnType<typeof gatherStatus> => {
    looked ??= gatherStatus(context);
    return looked;
  };
  const logs = await logFiles(paths.logs);
  return [
    part('status.txt', 'immune status', async () => text(renderStatus(await facts()))),
    part('status.json', 'immune status --json', async () => ({
      kind: 'json',
      value: statusJson(await facts()),
    })),
    part(
      'check-why.txt',
      'immune check --why: evidence, causes, and what would be done',
      async () => text(await checkText(context, ground)),
      { withinMs: checkMs },
    ),
    part('incidents.txt', 'immune incidents', async () => text(await incidentsText(context)), {
      withinMs: seconds(20),
    }),
    part(
      'journal.txt',
      `the last ${journalLines} lines of the journal: when, what, why`,
      async () => text(await journalText(paths.state)),
      { withinMs: seconds(20), maxBytes: 512 * kilo },
    ),
    part(
      'journal-tail.jsonl',
      'the last lines of the journal as they stand in it',
      async () => ({ kind: 'json-lines', text: await readTail(paths.journal, journalTailBytes) }),
      { maxBytes: 2 * journalTailBytes },
    ),
    ...logs.map((path) =>
      part(
        `logs/${basename(path)}`,
        'the end of a log of ours',
        async () => ({
          kind: /\.jsonl(?:\.1)?$/.test(path) ? 'json-lines' : 'text',
          text: await readTail(path, logBytes),
        }),
        { maxBytes: 2 * logBytes },
      ),
    ),
    part('alert.md', 'what the operator was told last', async () =>
      text(await readTail(paths.alertFile, 64 * kilo)),
    ),
    part('config-keys.txt', "the keys of OpenClaw's config, with nearly every value left out", async () =>
      text(configText(ground)),
    ),
    part('settings.json', 'our own settings', async () =>
      ground.settings === null
        ? text(`${ground.settingsProblem}\n`)
        : { kind: 'json', value: ground.settings },
    ),
    part('launchd.txt', "launchctl print of the gateway's job and of ours", async () =>
      text(await launchdText(context, { ground, tools: await tools })),
    ),
    part('versions.txt', 'versions, machine, load', async () => text(versionsText(ground))),
    part('disk.txt', 'free space where the gateway and we write', async () =>
      text(await diskLines(placesOf(context, ground))),
    ),
    part(
      'listeners.txt',
      "who listens on the gateway's port",
      async () => text(await listenersText(context, { ground, tools: await tools })),
      { withinMs: seconds(15) },
    ),
    part('files.txt', 'names, sizes and times of the files of ours', async () =>
      text(
        (await Promise.all([paths.state, paths.quarantine, paths.bin, paths.logs].map(listFiles))).join('\n'),
      ),
    ),
  ];
}

/**
 * Logs of ours that are written to now, and what was rotated last. Where we start the gateway ourselves its own log lies
 * beside them: that one is left out, for people's words are in it.
 */
async function logFiles(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory).catch(() => []);
  return names
    .filter((name) => /^(?:watchdog|launchd-\w+|lifeboat)\.(?:log|jsonl)(?:\.1)?$/.test(name))
    .sort()
    .slice(0, maxLogFiles)
    .map((name) => join(directory, name));
}

/** What a command would print; its own exit code is no matter here. */
async function printed(context: Context, command: (captured: Context) => Promise<unknown>): Promise<string> {
  let said = '';
  const stream = { write: (piece: string) => (said += piece) };
  await command({ ...context, out: stream, err: stream });
  return said;
}

function checkText(context: Context, { settings, settingsProblem }: SupportGround): Promise<string> {
  // A look opens our log and our folders, which a bundle must not make where nothing is installed.
  if (settings === null) return Promise.reject(new Error(`nothing to look at: ${settingsProblem}`));
  return printed(context, (captured) =>
    runCheck({ json: false, why: true }, captured, () => lookDeepOnce(captured)),
  );
}

const incidentsText = (context: Context): Promise<string> =>
  printed(context, (captured) => runIncidents({ ask: { kind: 'list', limit: 50 }, json: false }, captured));

async function journalText(stateDir: string): Promise<string> {
  const lines: string[] = [];
  const history = await readHistory(stateDir, ({ seq, at, kind, because, state, notices }) => {
    const told = (notices ?? []).map((notice) => `\n    [${notice.kind}] ${notice.text}`).join('');
    lines.push(`${seq} ${clockTime(at)} ${kind} (${state.phase.kind}, ${state.cause}): ${because}${told}`);
    if (lines.length > journalLines) lines.shift();
  });
  if (history === null) return 'there is no journal: the watchdog has never run here\n';
  const troubles = history.troubles.map(({ because }) => `trouble: ${because}`);
  return `${[...troubles, `parts: ${history.parts.join(', ')}; ${history.lines} lines`, ...lines].join('\n')}\n`;
}

function configText({ place, config, configProblem }: SupportGround): string {
  const head = `${place.configPath}\n`;
  if (config === null) return `${head}it could not be read as a config: ${configProblem}\n`;
  const { leaves, cut } = leavesOf(config, maxLeaves);
  const lines = leaves.map(({ path, shown }) => `${keyText(path)} = ${shown}`);
  return `${head}${lines.join('\n')}\n${cut ? `and more than ${maxLeaves} values\n` : ''}`;
}

interface On {
  readonly ground: SupportGround;
  readonly tools: FoundTools;
}

async function launchdText({ uid }: Context, { ground, tools }: On): Promise<string> {
  const launchctl = ground.settings?.tools.launchctl ?? tools.launchctl;
  if (launchctl === null) return 'there is no launchctl on this machine\n';
  const labels = [ground.place.label, ...allJobs.map(labelOf)];
  const asked = [
    ...labels.map((label) => ['print', `gui/${uid}/${label}`]),
    ['print-disabled', `gui/${uid}`],
  ];
  const answers = await Promise.all(
    asked.map(async (args) => {
      const result = await run({ file: launchctl, args, timeoutMs: quickMs / 2 });
      const head = `launchctl ${args.join(' ')}`;
      if (result.kind !== 'exited') return `${head}: ${result.kind}\n`;
      return `${head}: exit code ${result.code}\n${withoutJobSecrets(result.stdout)}${result.stderr}`;
    }),
  );
  return answers.join('\n');
}

function versionsText({ place, packageRoot, version: openclaw, nodePath, settings }: SupportGround): string {
  return [
    `openclaw-immune ${version}, on Node ${process.versions.node} (${process.execPath})`,
    `OpenClaw ${openclaw ?? 'of unknown version'} at ${packageRoot ?? 'an unknown place'}, job ${place.label}`,
    `Node of the gateway: ${nodePath ?? 'unknown'}`,
    `${platform()} ${release()} ${arch()}, up for ${spell(uptime() * 1_000)}`,
    `memory ${spellBytes(freemem())} free of ${spellBytes(totalmem())}, load ${loadavg()
      .map((load) => load.toFixed(2))
      .join(' ')}`,
    ...(settings === null
      ? []
      : Object.entries(settings.tools).map(([name, path]) => `${name}: ${path ?? 'none'}`)),
    '',
  ].join('\n');
}

const placesOf = ({ paths }: Context, { place, packageRoot }: SupportGround): readonly string[] => [
  paths.data,
  paths.logs,
  place.stateDir,
  dirname(place.configPath),
  ...(packageRoot === null ? [] : [packageRoot]),
  tmpdir(),
  homedir(),
];

/** Where a gateway listens unless its config says otherwise. */
const usualPort = 18_789;

async function listenersText({ paths }: Context, { ground, tools }: On): Promise<string> {
  const status = await readStatus(paths.state);
  const url = status.kind === 'read' ? URL.parse(status.status.gateway.url ?? '') : null;
  const gateway = ground.config?.['gateway'];
  const configured =
    typeof gateway === 'object' && gateway !== null && 'port' in gateway ? Number(gateway.port) : Number.NaN;
  const known = [Number(url?.port), configured, Number(ground.settings?.gateway.port)].filter(
    (port) => Number.isInteger(port) && port > 0 && port < 65_536,
  );
  const ports = known.length === 0 ? [usualPort] : known;
  const lsof = ground.settings?.tools.lsof ?? tools.lsof;
  const netstat = ground.settings?.tools.netstat ?? tools.netstat;
  const found = await Promise.all(
    [...new Set(ports)].map(async (port) => {
      const answer = await readListeners(port, { lsof, netstat });
      if (answer.kind === 'unknown') return `port ${port}: not known: ${answer.because}`;
      const lines = answer.listeners.map(
        ({ pid, uid, command, address }) =>
          `  ${address} process ${pid ?? 'unknown'} (${command || 'unknown'}), user ${uid ?? 'unknown'}`,
      );
      return [`port ${port}: ${lines.length === 0 ? 'nobody listens' : ''}`, ...lines].join('\n');
    }),
  );
  return `${found.join('\n')}\n`;
}
