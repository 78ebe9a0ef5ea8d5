import { isAbsolute } from 'node:path';
import * as z from 'zod/mini';
import { defaultPolicy, type Policy } from '../core/policy.ts';
import { type Millis, millis } from '../core/time.ts';
import { parseDuration } from './duration.ts';

// Compiled validators are quicker the thousandth time; a config is read a few times in months, and memory counts more.
z.config({ jitless: true });

/** A duration as the file may spell it: `"10s"` or a number of milliseconds. Null when it is neither. */
export function durationOf(value: unknown): Millis | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? millis(value) : null;
  return typeof value === 'string' ? parseDuration(value) : null;
}

const absolutePath = z
  .string()
  .check(z.refine((text) => isAbsolute(text), { error: 'must be an absolute path, beginning with /' }));
const absent = <T extends z.ZodMiniType>(schema: T) => z._default(z.nullable(schema), null);

const duration = z.custom<string | number>((value) => (durationOf(value) ?? 0) > 0, {
  error: 'must be a duration above zero such as "10s", "5m" or "1h", or a number of milliseconds',
});
const count = z.custom<number>((value) => Number.isSafeInteger(value) && Number(value) > 0, {
  error: 'must be a whole number above zero',
});
const window = z.strictObject({ limit: z.optional(count), windowMs: z.optional(duration) });

/** Five fields (or six with seconds) of cron; the scheduler itself judges the values when it takes them. */
const cron = z.string().check(
  z.refine((text) => /^(?:[\d*/,A-Za-z-]+\s+){4,5}[\d*/,A-Za-z#?-]+$/.test(text.trim()), {
    error: 'must be a cron line of five fields such as "*/3 * * * *"',
  }),
);

const environmentName = z
  .string()
  .check(z.regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, { error: 'must be the name of an environment variable' }));

/** One way to reach a person. What its url must hold differs by kind, and is told by the channel itself. */
const channel = z
  .strictObject({
    name: z.string().check(
      z.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, {
        error: 'must be a short name of letters, digits, - and _',
      }),
    ),
    kind: z.enum(['ntfy', 'telegram', 'discord', 'slack', 'webhook', 'email', 'healthchecks', 'uptime-kuma']),
    url: z.string().check(z.minLength(1), z.maxLength(2_048)),
    secretFile: absent(absolutePath),
    secretEnv: absent(environmentName),
    secretKeychain: absent(z.string().check(z.minLength(1), z.maxLength(128))),
    minSeverity: z._default(z.enum(['info', 'warning', 'critical']), 'info'),
  })
  .check(
    z.refine(
      ({ secretFile, secretEnv, secretKeychain }) =>
        [secretFile, secretEnv, secretKeychain].filter((each) => each !== null).length <= 1,
      { error: 'may name only one of secretFile, secretEnv and secretKeychain' },
    ),
  );

/** Twice what anybody needs; each alert is sent to every one of them. */
const maxChannels = 16;
/** The macOS notification goes by this name wherever channels are listed. */
const takenName = 'notification';

const alerts = z.strictObject({
  notification: z._default(z.boolean(), true),
  channels: z._default(
    z.array(channel).check(
      z.maxLength(maxChannels),
      z.refine((list) => new Set([takenName, ...list.map(({ name }) => name)]).size === list.length + 1, {
        error: `must have names that differ, also from "${takenName}"`,
      }),
    ),
    [],
  ),
});

/** Every key of the policy is a setting, by itself: a new key cannot be forgotten here. */
const policyShape = Object.fromEntries(
  Object.entries(defaultPolicy).map(([key, value]) => {
    if (typeof value === 'object') return [key, z.optional(window)];
    return [key, z.optional(key.endsWith('Ms') ? duration : count)];
  }),
) as Record<keyof Policy, z.ZodMiniOptional<typeof window | typeof duration | typeof count>>;

export const settingsSchema = z.strictObject({
  mode: z._default(z.enum(['act', 'observe']), 'act'),
  serviceManager: z._default(z.enum(['launchd', 'embedded']), 'launchd'),
  gateway: z.strictObject({
    label: z.string().check(z.minLength(1)),
    plist: absolutePath,
    stateDir: absolutePath,
    configPath: absolutePath,
    packageRoot: absent(absolutePath),
    nodePath: absent(absolutePath),
    profile: absent(z.string().check(z.minLength(1))),
    prefix: absent(absolutePath),
    version: absent(z.string().check(z.minLength(1))),
    host: absent(z.string().check(z.minLength(1))),
    port: absent(z.int().check(z.gte(1), z.lte(65_535))),
  }),
  tools: z.strictObject({
    launchctl: absent(absolutePath),
    ps: absolutePath,
    lsof: absent(absolutePath),
    netstat: absent(absolutePath),
    git: absent(absolutePath),
    tar: absent(absolutePath),
    tmutil: absent(absolutePath),
  }),
  policy: z._default(z.strictObject(policyShape), {}),
  archives: z._default(
    z.strictObject({ maxBytes: z._default(count, 2_147_483_648), keepVersions: z._default(count, 3) }),
    { maxBytes: 2_147_483_648, keepVersions: 3 },
  ),
  schedule: z._default(
    z.strictObject({
      deepProbe: z._default(cron, '*/3 * * * *'),
      snapshot: z._default(cron, '7 * * * *'),
      archive: z._default(cron, '30 4 * * 0'),
    }),
    { deepProbe: '*/3 * * * *', snapshot: '7 * * * *', archive: '30 4 * * 0' },
  ),
  alerts: z._default(alerts, { notification: true, channels: [] }),
});

export type SettingsFile = z.infer<typeof settingsSchema>;

/** The keys a place of the file may hold, for "did you mean"; empty where the schema has no fixed keys. */
export function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  let schema: unknown = settingsSchema;
  for (const key of path)
    schema = typeof key === 'number' ? elementOf(schema) : shapeOf(schema)?.[String(key)];
  return Object.keys(shapeOf(schema) ?? {});
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | null {
  const shape = definitionOf(schema)?.['shape'];
  return typeof shape === 'object' && shape !== null ? (shape as Readonly<Record<string, unknown>>) : null;
}

const elementOf = (schema: unknown): unknown => definitionOf(schema)?.['element'];

/** zod keeps what a schema is made of in its definition, under wrappers for "optional" and "default". */
function definitionOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  let inner = schema as { readonly def?: Readonly<Record<string, unknown>> } | undefined;
  while (inner?.def?.['innerType'] !== undefined) inner = inner.def['innerType'] as typeof inner;
  return inner?.def;
}
