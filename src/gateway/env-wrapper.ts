/** The environment file among the arguments of OpenClaw's generated wrapper, with or without a shell before it. */
export function envFileOf(words: readonly string[]): string | null {
  const wrapper = words.slice(0, 2).findIndex((word) => word.endsWith('-env-wrapper.sh'));
  const file = wrapper < 0 ? undefined : words[wrapper + 1];
  return file === undefined || !file.endsWith('.env') ? null : file;
}

/** The job's command as OpenClaw wrote it: the arguments without the generated wrapper and its environment file. */
export function commandAfterEnv(words: readonly string[]): readonly string[] {
  const file = envFileOf(words);
  return file === null ? words : words.slice(words.indexOf(file) + 1);
}
