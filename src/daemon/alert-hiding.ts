import { readConfigFiles } from '../gateway/config-file.ts';
import { type ConfigSource, stampOf } from '../gateway/config-source.ts';
import { isSecretVariable, textsOf, withoutValues } from '../gateway/config-values.ts';
import type { Environment } from '../gateway/env-file.ts';

interface HidingGround {
  readonly redact: (text: string) => string;
  /** Where the gateway's config is now, and the environment it runs with. */
  readonly place: () => { readonly configPath: string; readonly env: Environment };
}

/** Words that somebody may well have as a value too: without them a command could not be typed, nor a cause told. */
const ours = [
  ...['openclaw', 'immune', 'openclaw-immune', 'ai.openclaw.gateway', 'loopback', 'allowlist'],
  // Words of commands as long as what is taken out; a chat may well be called "incidents".
  ...['incidents', 'acknowledge', 'fix-config', 'why-config', 'fix-deps', 'fix-port', 'snapshots'],
  ...['launchctl', 'kickstart', 'bootstrap', 'uninstall'],
  // Kinds of channels and services, which are values in most configs and in half of what there is to tell.
  ...[
    'telegram',
    'whatsapp',
    'imessage',
    'bluebubbles',
    'mattermost',
    'googlechat',
    'anthropic',
    'openrouter',
  ],
];

/** OpenClaw's own word for the name launchd knows the gateway by. */
const labelVariable = 'OPENCLAW_LAUNCHD_LABEL';

/** A text in quotes, as JSON5 spells it. */
const quoted = /"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'/g;
/** In a file that is nothing but quotes there is no end of them. */
const maxQuoted = 20_000;

interface Hiding {
  readonly redact: (text: string) => string;
  /** Whether the gateway has this very text as a value, in its config or its environment. */
  readonly holds: (text: string) => boolean;
}

/**
 * The redaction for what leaves this machine. The log stays here and is redacted by what secrets look like; an alert
 * passes through others' hands, so every value of the gateway's config and environment is taken out, whatever it looks
 * like. The file is read each time: a token written a second ago is a secret too.
 */
export function hideConfigValues({ redact, place }: HidingGround): Hiding {
  let last: Reading | null = null;
  // A config that is gone or broken now was whole a moment ago, and what is told may still speak of that one.
  let whole: Iterable<string> = [];
  const values = (): { readonly kept: readonly string[]; readonly texts: ReadonlySet<string> } => {
    const { configPath, env } = place();
    if (last === null || last.configPath !== configPath || changed(last)) {
      last = readTexts(configPath, env);
      if (last.whole) whole = last.texts;
    }
    const variables = Object.entries(env)
      .filter(([name]) => isSecretVariable(name))
      .map(([, value]) => value);
    // The label is in launchd's own list of services, and in commands to type.
    const label = env[labelVariable] ?? '';
    return { kept: [configPath, label], texts: new Set([...whole, ...last.texts, ...variables]) };
  };
  return {
    redact: (text) => {
      const { kept, texts } = values();
      return redact(withoutValues(text, texts, new Set([...ours, ...kept])));
    },
    holds: (text) => values().texts.has(text),
  };
}

interface Reading {
  readonly configPath: string;
  readonly sources: readonly ConfigSource[];
  readonly texts: Iterable<string>;
  readonly whole: boolean;
}

const changed = ({ sources }: Reading): boolean => sources.some(({ path, stamp }) => stampOf(path) !== stamp);

function readTexts(configPath: string, env: Environment): Reading {
  const { config, sources } = readConfigFiles(configPath, env);
  if (config.kind === 'ok') return { configPath, sources, texts: textsOf(config.config), whole: true };
  // A broken config is what is told about most often, and its tokens are still in it.
  const texts = sources.flatMap((source) => (source.kind === 'read' ? textsBetweenQuotes(source.bytes) : []));
  return { configPath, sources, texts, whole: false };
}

function textsBetweenQuotes(bytes: Buffer): readonly string[] {
  const found: string[] = [];
  for (const [, double, single] of bytes.toString('utf8').matchAll(quoted)) {
    if (found.length >= maxQuoted) break;
    const text = double ?? single ?? '';
    if (text !== '') found.push(text, unescaped(text));
  }
  return found;
}

/** As the value would read: `\"` and `\\` are what tokens are written with most. */
const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1');
