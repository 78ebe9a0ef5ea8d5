/** One guard of the core, broken by hand: the simulator must notice. */
export interface Mutation {
  readonly name: string;
  readonly edits: readonly { readonly file: string; readonly find: string; readonly put: string }[];
}

const mutation = (name: string, file: string, find: string, put: string): Mutation => ({
  name,
  edits: [{ file, find, put }],
});

export const mutations: readonly Mutation[] = [
  mutation(
    'the short budget is ignored',
    'budget.ts',
    'if (burst !== null) return',
    'if (burst === -1) return',
  ),
  mutation(
    'the long budget is ignored',
    'budget.ts',
    'if (sustained !== null) return',
    'if (sustained === -1) return',
  ),
  mutation(
    'a refused action gives back two',
    'act.ts',
    'spent: state.spent.filter((entry) => entry.actionId !== actionId)',
    'spent: state.spent.slice(0, -2)',
  ),
  mutation(
    'a restart of ours forgets the budget',
    'restore-state.ts',
    '    ...written,\n',
    '    ...written,\n    spent: [],\n',
  ),
  mutation(
    'a pause is ignored',
    'respond.ts',
    'if (named.pause !== null) return',
    'if (named.pause === undefined) return',
  ),
  mutation(
    'doubt about ourselves is ignored',
    'respond.ts',
    'if (inDoubt(state)) return',
    'if (inDoubt(state) && now < 0) return',
  ),
  mutation(
    'an update is ignored',
    'diagnosis.ts',
    'if (marker === null) return null;',
    'if (marker !== undefined) return null;',
  ),
  mutation(
    'an update that may be running is ignored',
    'diagnosis.ts',
    "evidence.update.kind !== 'unknown'",
    "evidence.update.kind !== 'stale'",
  ),
  mutation('a boot has no grace', 'policy.ts', 'bootGraceMs: minutes(10)', 'bootGraceMs: minutes(0)'),
  mutation('sleep counts as booting', 'diagnosis-running.ts', ' - state.asleepMs', ''),
  mutation('a stall is acted on at once', 'policy.ts', 'hangActMs: seconds(20)', 'hangActMs: seconds(5)'),
  mutation(
    'a wake has no grace',
    'respond.ts',
    'graceUntil: plus(now, policy.wakeGraceMs)',
    'graceUntil: now',
  ),
  mutation(
    'a repair that does not help is never undone',
    'undo.ts',
    'if (standing === undefined) return null;',
    'if (standing !== null) return null;',
  ),
  mutation(
    'a repair is undone before it was tried',
    'undo.ts',
    'const failedStarts = 2;',
    'const failedStarts = -1;',
  ),
  mutation(
    'the limits of repairs are ignored',
    'ladder.ts',
    'if (freeing === undefined) return null;',
    'return null;',
  ),
  mutation('a remedy is tried again', 'ladder.ts', 'return same ?', 'return same && policy === null ?'),
  mutation(
    'the config is judged before the package',
    'blockers.ts',
    'packageBlocker(look), configBlocker(look)',
    'configBlocker(look), packageBlocker(look)',
  ),
  mutation(
    'an edit is not left to its editor',
    'blocker-config.ts',
    'settled: age >= rules.policy.editGraceMs',
    'settled: age >= 0',
  ),
  mutation(
    '"needs you" is said again and again',
    'incident.ts',
    'if (incident.exhaustedAt !== null) return',
    'if (incident.exhaustedAt === -1) return',
  ),
  mutation(
    '"resolved" is said over suppressed channels',
    'respond-ready.ts',
    'if (silenced !== undefined) return',
    'if (silenced === null) return',
  ),
  {
    name: 'what a repair has paid for never ends',
    edits: [
      {
        file: 'respond.ts',
        find: "round: lead.stance === 'ready' ? null : state.round,",
        put: 'round: state.round,',
      },
      {
        file: 'act.ts',
        find: "    case 'start':\n      return { ...paid, round: null };",
        put: "    case 'start':\n      return paid;",
      },
      {
        file: 'act.ts',
        find: 'return { ...paid, round: null, reloads',
        put: 'return { ...paid, reloads',
      },
      {
        file: 'act.ts',
        find: 'return { ...paid, round: null, unparks',
        put: 'return { ...paid, unparks',
      },
      { file: 'incident.ts', find: 'lastIncident: ended, round: null', put: 'lastIncident: ended' },
    ],
  },
  mutation(
    "an operator's stop is ignored",
    'diagnosis-absent.ts',
    "if (audit.kind === 'stop' &&",
    "if (audit.kind === 'none' &&",
  ),
  mutation(
    "an operator's disable is ignored",
    'diagnosis-absent.ts',
    "if (disabled === 'disabled')",
    "if (disabled === 'unread')",
  ),
  mutation(
    'a job unloaded again is loaded again',
    'diagnosis-absent.ts',
    'if (again || state.leftDown)',
    'if (again && !again)',
  ),
  mutation(
    'the cause of a park is not looked at',
    'diagnosis-absent.ts',
    "if (cause.kind === 'gone')",
    "if (cause.kind !== 'unread')",
  ),
  mutation(
    'a restart names another generation',
    'diagnosis-running.ts',
    'expected: { pid, startedAt }',
    'expected: { pid: pid - 1, startedAt }',
  ),
  mutation('observing acts', 'act.ts', "if (rules.mode === 'observe')", "if (rules.mode === 'never')"),
  mutation('an incident never closes', 'respond-ready.ts', 'if (steady < needed)', 'if (steady >= 0)'),
  mutation(
    'an interrupted action was never made',
    'decide.ts',
    "phase: { kind: 'starting' },\n    because: 'the watchdog died",
    "phase: { kind: 'starting' }, spent: [],\n    because: 'the watchdog died",
  ),
  mutation(
    'a package is mended beside a gateway that serves though something else is broken',
    'latent-mend.ts',
    'const [blocker] = blockers(look);',
    'const blocker = packageBlocker(look);',
  ),
  mutation(
    'a patched file is mended beside a gateway that serves',
    'latent-mend.ts',
    "if (dependencies.kind === 'corrupted') return dependencies.lost;",
    "if (dependencies.kind === 'corrupted') return true;",
  ),
  mutation(
    'an orphan that somebody started in a terminal is ended',
    'diagnosis-port.ts',
    'if (hasTerminal === true) return',
    'if (hasTerminal === true && pid < 0) return',
  ),
  mutation(
    'an orphan that nobody knows is ended',
    'diagnosis-port.ts',
    'if (hasTerminal === null) return',
    'if (hasTerminal === null && pid < 0) return',
  ),
  mutation(
    'an orphan that its lock does not prove is ended',
    'diagnosis-port.ts',
    "if (lock.kind !== 'held' || lock.pid !== pid) return",
    "if (lock.kind === 'ours') return",
  ),
  mutation(
    'an orphan that comes back is ended again and again',
    'diagnosis-port.ts',
    'if (ended !== null && !isSame)',
    'if (ended !== null && !isSame && pid < 0)',
  ),
  mutation(
    'an orphan may not let go of the port',
    'policy.ts',
    'portGraceMs: seconds(30)',
    'portGraceMs: seconds(2)',
  ),
  mutation(
    'an order goes beyond the budget by itself',
    'asked.ts',
    "if (room.kind === 'free') return",
    'if (room.kind !== null) return',
  ),
  mutation(
    'an order does not wait for the action in flight',
    'asked.ts',
    "if (phase.kind === 'repairing') {",
    "if (phase.kind === 'repairing' && state.incident === null) {",
  ),
  mutation(
    'an order starts into what no start survives',
    'asked.ts',
    'if (blocker !== undefined)',
    'if (blocker === null)',
  ),
  mutation(
    'an order to a gateway that serves is not charged',
    'budget.ts',
    "return cause !== 'serving' || (kind",
    "return cause !== 'serving' || (kind !== 'restart' && kind",
  ),
];
