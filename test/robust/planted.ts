/** Secrets of every shape that a config may hold, none of which is part of any other text. */
export function plant(count: number, generation: string): readonly string[] {
  return Array.from({ length: count }, (_, at) => {
    const n = `${generation}${at}`;
    const shape = shapes[at % shapes.length];
    return shape === undefined ? n : shape(n, scramble(n));
  });
}

const shapes: readonly ((n: string, odd: string) => string)[] = [
  (n, odd) => `sk-proj-${odd}${n}${odd}`,
  (n, odd) => `${n.length}7163${n.charCodeAt(0)}42:AA${odd}-${n}`,
  // Short ones: too short to be told from ordinary words wherever they stand.
  (n, odd) => `${odd.slice(0, 2)}#${n}`,
  (n, odd) => `pw${n}!${odd.slice(0, 3)}`,
  (n) => `correct horse ${n} staple`,
  (n, odd) => `https://ada:${odd}@hooks.example.com/${n}/${odd}`,
  (n, odd) => `-----BEGIN KEY-----\n${odd}${n}\n${odd}\n-----END KEY-----`,
  (n, odd) => `qu"o${n}\\te'${odd}`,
  (n, odd) => `Bearer ${odd}.${n}.${odd}`,
  (n, odd) => `gehe\u00efm-${n}-\u{1f511}${odd}`,
];

/** Letters and digits that look like nothing else in this repository. */
function scramble(n: string): string {
  let state = 7;
  for (const char of n) state = (state * 31 + char.charCodeAt(0)) % 2_147_483_647;
  let text = '';
  for (let at = 0; at < 12; at += 1) {
    state = (state * 48_271) % 2_147_483_647;
    text += 'XJQZKVWYxjqzkvwy79'.charAt(state % 18);
  }
  return text;
}

/** The ways in which a text may show up in another one. */
export const formsOf = (secret: string): readonly string[] => [
  ...new Set([
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    secret.replaceAll('\n', ' '),
  ]),
];
