import { defaultPolicy, type Policy } from '../core/policy.ts';
import { type Millis, millis } from '../core/time.ts';
import { formatDuration } from './duration.ts';
import { policyWords } from './policy-words.ts';
import type { Settings } from './settings.ts';

/** What the installer found out. Policy values given here stand in the file; all others stand there commented out. */
export interface SettingsToRender extends Omit<Settings, 'policy' | 'schedule' | 'archives' | 'alerts'> {
  readonly policy?: Partial<Policy>;
  readonly schedule?: Settings['schedule'];
  readonly archives?: Settings['archives'];
  readonly alerts?: Settings['alerts'];
}

const defaultSchedule: Settings['schedule'] = {
  deepProbe: '*/3 * * * *',
  snapshot: '7 * * * *',
  archive: '30 4 * * 0',
};

const defaultArchives: Settings['archives'] = { maxBytes: 2_147_483_648, keepVersions: 3 };

const defaultAlerts: Settings['alerts'] = { notification: true, channels: [] };

const gatewayWords: Readonly<Record<keyof Settings['gateway'], string>> = {
  label: 'The launchd label of the gateway.',
  plist: 'The plist launchd starts it from; never edited, only loaded.',
  stateDir: "OpenClaw's state directory.",
  configPath: "OpenClaw's config file: the one that is snapshotted.",
  packageRoot: 'The installed openclaw package, or null when it was not found.',
  nodePath: 'The Node that runs the gateway.',
  profile: 'The OpenClaw profile, or null for the default one.',
  prefix: 'The npm prefix OpenClaw is installed under.',
  version: 'The OpenClaw version found at install; only told, never required.',
  host: "Overrides the address from OpenClaw's config, for example '127.0.0.1'; null reads it from there.",
  port: "Overrides the port from OpenClaw's config; null reads it from there.",
};

const toolWords: Readonly<Record<keyof Settings['tools'], string>> = {
  launchctl: 'Absolute paths, so that a short PATH changes nothing. launchctl: null where there is none.',
  ps: 'Tells who a process is and how much processor time it used.',
  lsof: 'Tells who listens on the port.',
  netstat: 'The same when lsof shows nothing: listeners of other users.',
  git: 'Keeps the config snapshots.',
  tar: 'Reads an archive by hand; the watchdog itself does without.',
  tmutil: 'Takes a local snapshot of Time Machine before a config is applied. Only on macOS.',
};

const scheduleWords: Readonly<Record<keyof Settings['schedule'], string>> = {
  deepProbe: 'When the deep probe runs, as a cron line.',
  snapshot: 'When the config is snapshotted even without a change.',
  archive: 'When the package is archived.',
};

const archiveWords: Readonly<Record<keyof Settings['archives'], string>> = {
  maxBytes:
    'Archives of older versions are removed beyond this; the newest of the installed version always stays.',
  keepVersions: 'Of so many versions the newest archive is kept.',
};

/** One of each kind, to uncomment. The order is that of docs/alerts.md. */
const channelExamples: readonly string[] = [
  "{ name: 'phone', kind: 'ntfy', url: 'https://ntfy.sh/my-own-topic' },",
  "{ name: 'telegram', kind: 'telegram', url: 'https://api.telegram.org/?chat=123456789', secretKeychain: 'immune-telegram' },",
  "{ name: 'discord', kind: 'discord', url: 'https://discord.com/api/webhooks/{secret}', secretFile: '/Users/me/.secrets/discord' },",
  "{ name: 'slack', kind: 'slack', url: 'https://hooks.slack.com/services/{secret}', secretFile: '/Users/me/.secrets/slack' },",
  "{ name: 'hook', kind: 'webhook', url: 'https://example.com/openclaw', secretFile: '/Users/me/.secrets/hook', minSeverity: 'warning' },",
  "{ name: 'mail', kind: 'email', url: 'smtps://me%40example.com@smtp.example.com:465/?from=me@example.com&to=me@example.com', secretFile: '/Users/me/.secrets/mail' },",
  "{ name: 'dead-man', kind: 'healthchecks', url: 'https://hc-ping.com/{secret}', secretFile: '/Users/me/.secrets/healthchecks' },",
  "{ name: 'kuma', kind: 'uptime-kuma', url: 'http://kuma.local:3001/api/push/{secret}', secretFile: '/Users/me/.secrets/kuma' },",
];

/** The commented config.json5 the installer writes, once. A person edits it; nothing of ours ever rewrites it. */
export function renderSettings(settings: SettingsToRender): string {
  return [
    '// The settings of openclaw-immune. JSON5: comments and trailing commas are welcome.',
    '// The watchdog reads this file again when it changes; with a mistake in it, it says so and keeps the last valid',
    '// settings. Durations: "500ms", "10s", "5m", "1h", or a number of milliseconds.',
    '{',
    "  // 'act' repairs; 'observe' decides and tells, and never touches the gateway.",
    `  mode: ${literal(settings.mode)},`,
    '',
    "  // Who starts the gateway: 'launchd', or 'embedded' where there is no launchd.",
    `  serviceManager: ${literal(settings.serviceManager)},`,
    '',
    ...block('gateway', gatewayWords, settings.gateway),
    '',
    ...block('tools', toolWords, settings.tools),
    '',
    ...block('schedule', scheduleWords, settings.schedule ?? defaultSchedule),
    '',
    ...block('archives', archiveWords, settings.archives ?? defaultArchives),
    '',
    ...renderAlerts(settings.alerts ?? defaultAlerts),
    '',
    '  // Every duration and count the watchdog decides by. What is commented out shows the default.',
    '  policy: {',
    ...renderPolicy(settings.policy ?? {}),
    '  },',
    '}',
    '',
  ].join('\n');
}

function block<Key extends string>(
  name: string,
  words: Readonly<Record<Key, string>>,
  values: Readonly<Record<Key, string | number | null>>,
): readonly string[] {
  const keys = Object.keys(words) as Key[];
  const lines = keys.flatMap((key) => [`    // ${words[key]}`, `    ${key}: ${literal(values[key])},`]);
  return [`  ${name}: {`, ...lines, '  },'];
}

function renderAlerts({ notification, channels }: Settings['alerts']): readonly string[] {
  return [
    '  // Where alerts go, beside ALERT.md. Try them with `immune alerts test`. More: docs/alerts.md',
    '  alerts: {',
    '    // A notification on the screen of this Mac; false switches it off.',
    `    notification: ${literal(notification)},`,
    '    // A secret is never written here: it stands in a file that only you may read (chmod 600), in the keychain (the',
    "    // service's name), or in the watchdog's environment (secretEnv). In a url, {secret} stands for it.",
    '    // minSeverity: info (everything), warning, or critical.',
    '    channels: [',
    ...channels.map((channel) => `      ${literal(channel)},`),
    ...channelExamples.map((example) => `      // ${example}`),
    '    ],',
    '  },',
  ];
}

function renderPolicy(overrides: Partial<Policy>): readonly string[] {
  const keys = Object.keys(policyWords) as (keyof Policy)[];
  return keys.flatMap((key) => {
    const override = overrides[key];
    const value = `${key}: ${policyLiteral(override ?? defaultPolicy[key], key)},`;
    return [`    // ${policyWords[key]}`, override === undefined ? `    // ${value}` : `    ${value}`];
  });
}

function policyLiteral(value: Policy[keyof Policy], key: string): string {
  if (typeof value === 'object') {
    return `{ limit: ${value.limit}, windowMs: ${spelled(value.windowMs)} }`;
  }
  return key.endsWith('Ms') ? spelled(millis(value)) : String(value);
}

const spelled = (length: Millis): string => literal(formatDuration(length));

/** JSON is JSON5; the two line separators it leaves bare are the only characters JSON5 readers may stumble over. */
const literal = (value: string | number | boolean | object | null): string =>
  JSON.stringify(value).replace(/[\u2028\u2029]/g, (each) => (each === '\u2028' ? '\\u2028' : '\\u2029'));
