/** What the process ends with; `immune --help` and docs/operations.md say the same. */
export const exitCodes = {
  ok: 0,
  bug: 1,
  usage: 2,
  unhealthy: 3,
  refused: 4,
  busy: 5,
  interrupted: 130,
} as const;

export const { interrupted } = exitCodes;
