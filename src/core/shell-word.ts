/** As a shell takes it for one word: for commands that a person is to type. We ourselves start nothing by a shell. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
