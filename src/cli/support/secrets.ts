import { homedir } from 'node:os';
import { loadSettings, type Settings } from '../../config/settings.ts';
import type { KeyPath } from '../../core/config-change.ts';
import { shownValue } from '../../core/mask.ts';
import { type ConfigRecord, readConfigFiles } from '../../gateway/config-file.ts';
import { isSecretVariable } from '../../gateway/config-values.ts';
import { parseDotEnv, parseServiceEnv } from '../../gateway/env-file.ts';
import { envFileOf } from '../../gateway/env-wrapper.ts';
import { readGatewayEnvironment } from '../../gateway/environment.ts';
import { findInstallation } from '../../gateway/installation.ts';
import { type GatewayPlace, gatewayFiles } from '../../gateway/places.ts';
import { readText } from '../../gateway/read-text.ts';
import { readIfExists } from '../../system/durable-file.ts';
import { parsePlist } from '../../system/launchd/plist.ts';
import type { Context } from '../context.ts';
import { secretWord } from './mask.ts';

/** What a bundle is about, and everything that must not be in it. */
export interface SupportGround {
  readonly settings: Settings | null;
  /** Why there are none. */
  readonly settingsProblem: string | null;
  readonly place: GatewayPlace;
  readonly packageRoot: string | null;
  readonly version: string | null;
  readonly nodePath: string | null;
  /** Null where the config cannot be read as one. */
  readonly config: ConfigRecord | null;
  readonly configProblem: string | null;
  readonly secrets: ReadonlySet<string>;
}

/** A config is kilobytes; more texts than this nobody wrote. */
const maxTexts = 20_000;
/** OpenClaw keeps a few older configs beside the newest, with the tokens of then. */
const backups = ['', '.bak', '.bak.1', '.bak.2', '.bak.3', '.bak.4', '.last-good'];

/** Reads all that may hold a secret, and never fails: what cannot be read was not read by anybody else here either. */
export async function readSupportGround(context: Context): Promise<SupportGround> {
  const { paths, uid, env: own } = context;
  const loaded = await loadSettings(paths.config, readIfExists);
  const settings = loaded.kind === 'ok' ? loaded.settings : null;
  const found = settings?.gateway ?? guess(context);
  const place: GatewayPlace = {
    label: found.label,
    plist: found.plist,
    stateDir: found.stateDir,
    configPath: found.configPath,
  };
  const secrets = new Set<string>();
  const learn = (name: string | null, text: string): void => {
    if (secrets.size < maxTexts && isSecret(name, text)) secrets.add(text);
  };
  const { env, programArguments, job } = readGatewayEnvironment(place, { readText, parsePlist });
  learnEnvironment({ place, uid, env, programArguments, job }, learn);
  for (const [name, value] of Object.entries(own)) {
    if (secretWord.test(name) && value !== undefined) learn(name, value);
  }
  if (settings === null) learnQuoted(readText(paths.config) ?? '', learn);
  const { config, sources } = readConfig(place.configPath, env);
  if (config.kind === 'ok') learnTexts(config.config, learn);
  for (const source of sources) learnQuoted(source, learn);
  for (const suffix of backups) learnQuoted(readText(`${place.configPath}${suffix}`) ?? '', learn);
  return {
    settings,
    settingsProblem: settings === null ? problemOf(loaded) : null,
    place,
    packageRoot: found.packageRoot,
    version: found.version,
    nodePath: found.nodePath,
    config: config.kind === 'ok' ? config.config : null,
    configProblem: config.kind === 'ok' ? null : config.because,
    secrets,
  };
}

type Learn = (name: string | null, text: string) => void;

/** Our own settings may be what is lost: OpenClaw's plist and its usual places tell as much. */
function guess({ env, paths, layout }: Context): ReturnType<typeof findInstallation>['installation'] {
  const launchAgentsDir = layout === 'macos' ? paths.launchAgents : null;
  return findInstallation({ home: homedir(), env, launchAgentsDir, parsePlist }).installation;
}

function problemOf(loaded: Awaited<ReturnType<typeof loadSettings>>): string {
  switch (loaded.kind) {
    case 'missing':
      return 'there are no settings of ours';
    case 'unreadable':
      return loaded.because;
    case 'invalid':
      return loaded.problems.map(({ key, hint }) => `${key === '' ? 'the file' : key}: ${hint}`).join('; ');
    case 'ok':
      return '';
    default:
      return loaded satisfies never;
  }
}

function readConfig(
  configPath: string,
  env: Readonly<Record<string, string>>,
): { readonly config: ReturnType<typeof readConfigFiles>['config']; readonly sources: readonly string[] } {
  try {
    const { config, sources } = readConfigFiles(configPath, env);
    const texts = sources.flatMap((source) =>
      source.kind === 'read' ? [source.bytes.toString('utf8')] : [],
    );
    return { config, sources: texts };
  } catch (error) {
    // Thousands of brackets within each other: nothing a gateway or we could read, and no reason to fail.
    if (!(error instanceof RangeError)) throw error;
    return {
      config: { kind: 'invalid', because: `${configPath} is nested too deeply` },
      sources: [readText(configPath) ?? ''],
    };
  }
}

type Surroundings = Pick<ReturnType<typeof readGatewayEnvironment>, 'env' | 'programArguments' | 'job'> & {
  readonly place: GatewayPlace;
  readonly uid: number;
};

/** Each file by itself: of two values of one variable the gateway uses one, and the other is a secret all the same. */
function learnEnvironment({ place, uid, env, programArguments, job }: Surroundings, learn: Learn): void {
  const files = gatewayFiles(place, { uid, tmpDir: null });
  const texts = [files.dotEnv, files.serviceEnv, envFileOf(programArguments)].map((path) =>
    path === null ? '' : (readText(path) ?? ''),
  );
  const sets = [
    env,
    job?.environmentVariables ?? {},
    ...texts.flatMap((text) => [parseDotEnv(text), parseServiceEnv(text)]),
  ];
  for (const set of sets) for (const [name, value] of Object.entries(set)) learnVariable(name, value, learn);
  const plist = place.plist === null || job !== null ? null : readText(place.plist);
  for (const [, text] of (plist ?? '').matchAll(/<string>([^<]*)<\/string>/g)) learn(null, text ?? '');
  for (const [at, word] of programArguments.entries()) {
    const [option = '', ...rest] = word.split('=');
    if (!option.startsWith('-') || !secretWord.test(option)) continue;
    learn(option, rest.length > 0 ? rest.join('=') : (programArguments[at + 1] ?? ''));
  }
}

function learnVariable(name: string, value: string, learn: Learn): void {
  // OpenClaw says with these what its service is called and where it lies.
  const isPlain = !isSecretVariable(name) || (/^OPENCLAW_/.test(name) && !secretWord.test(name));
  if (!isPlain) learn(name, value);
}

/** Every text and every long number of a config, with the key it stands at. */
function learnTexts(config: ConfigRecord, learn: Learn): void {
  const left: { readonly path: KeyPath; readonly value: unknown }[] = [{ path: [], value: config }];
  for (let next = left.pop(), n = 0; next !== undefined && n < maxTexts; next = left.pop(), n += 1) {
    const { path, value } = next;
    const name = path.filter((step) => typeof step === 'string').join('.');
    if (typeof value === 'string') {
      learn(name, value);
      learnNumbers(value, learn);
    } else if (typeof value === 'number') {
      if (Math.abs(value) > 999_999 || numberWord.test(String(path.at(-1)))) learn(name, String(value));
    } else if (typeof value === 'object' && value !== null) {
      for (const [step, child] of Object.entries(value)) {
        if (!Array.isArray(value)) learnKey(step, name, learn);
        left.push({ path: [...path, step], value: child });
      }
    }
  }
}

/** A few digits that are a secret all the same. */
const numberWord = /pass|\b(?:pin|otp)\b|code$/i;

/** Some configs have people, chats and passwords for keys. */
function learnKey(key: string, parent: string, learn: Learn): void {
  const isName = /^[\w$]+$/.test(key);
  if (!isName && (/\s/.test(key) || secretWord.test(parent))) learn(null, key);
  learnNumbers(key, learn);
}

/** Of "telegram:123456789" the number alone is somebody's account. */
function learnNumbers(text: string, learn: Learn): void {
  for (const [digits] of text.matchAll(/\d{7,20}/g)) learn(null, digits);
}

/** What stands in quotes in a text that may not parse, comments included. */
function learnQuoted(text: string, learn: Learn): void {
  const pairs = text.matchAll(
    /(?:["']?([\w$.-]{1,80})["']?\s{0,20}:\s{0,20})?("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')(?!\s*:)/g,
  );
  for (const [, name, quoted = ''] of pairs) {
    const inner = quoted.slice(1, -1);
    learn(name ?? null, inner);
    learn(name ?? null, unescaped(inner));
  }
  // A file that was cut off ends in the middle of one.
  const [, torn] = /["']([^"'\n]{4,})\n?$/.exec(text) ?? [];
  if (torn !== undefined && !/^\s*[,:\]}]/.test(torn)) learn(null, torn);
}

function unescaped(text: string): string {
  try {
    const value: unknown = JSON.parse(`"${text.replaceAll(/(?<!\\)"/g, '\\"')}"`);
    return typeof value === 'string' ? value : text;
  } catch {
    // An escape that only JSON5 knows: as it stands it was learned already.
    return text;
  }
}

/** Whether taking it out of everything is worth it: a port or "gateway" would only make the rest unreadable. */
function isSecret(name: string | null, text: string): boolean {
  if (text.length < 4 || shownValue(['shown'], text) !== '…') return false;
  if (name !== null && (secretWord.test(name) || /auth|cred|header|private|salt|sign|bot|key/i.test(name)))
    return true;
  return !ordinary.some((pattern) => pattern.test(text));
}

const ordinary: readonly RegExp[] = [
  // One short word, such as the name of an agent.
  /^[a-z][a-z-]{0,11}$/,
  /^\d{1,6}$/,
  /^v?\d{1,4}(?:\.\d{1,4}){1,3}$/,
  /^\d+(?:ms|s|m|h|d)$/,
  // A place; one that holds a long name made up by a machine is none.
  /^(?:~|\.{0,2})\/(?!.*[A-Za-z0-9]{24})[\w @.+/-]*$/,
  /^(?:localhost|127\.0\.0\.1|0\.0\.0\.0|::1)$/,
  // How a config names a variable or asks for a file.
  /^\$\{[A-Z_][A-Z0-9_]*\}$/,
];
