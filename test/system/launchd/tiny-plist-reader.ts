/** A second reader of XML property lists, strict and independent of the plist package: what we write must please it. */
export function readPlist(text: string): unknown {
  const tokens = text.match(/<[^>]+>|[^<]+/g) ?? [];
  const significant = tokens.filter((token) => token.trim() !== '' && !/^<[?!]/.test(token));
  // Text between <string> and </string> may be blank, so strings are read from the full list of tokens.
  const all = tokens.filter((token) => !/^<[?!]/.test(token));
  const cursor = { at: 0 };
  const skipBlank = () => {
    while (all[cursor.at]?.trim() === '') cursor.at += 1;
  };
  const next = (): string => {
    skipBlank();
    const token = all[cursor.at];
    if (token === undefined) throw new Error('the plist ends in the middle');
    cursor.at += 1;
    return token;
  };
  const expectToken = (wanted: string) => {
    const token = next();
    if (token !== wanted) throw new Error(`expected ${wanted}, found ${token}`);
  };
  const content = (name: string): string => {
    const token = all[cursor.at] ?? '';
    if (token.startsWith('<')) {
      expectToken(`</${name}>`);
      return '';
    }
    cursor.at += 1;
    expectToken(`</${name}>`);
    return unescapeText(token);
  };
  const peek = () => {
    skipBlank();
    return all[cursor.at];
  };
  const value = (): unknown => {
    const token = next();
    switch (token) {
      case '<true/>':
        return true;
      case '<false/>':
        return false;
      case '<string/>':
        return '';
      case '<string>':
        return content('string');
      case '<integer>': {
        const digits = content('integer');
        if (!/^-?\d+$/.test(digits)) throw new Error(`${digits} is not an integer`);
        return Number(digits);
      }
      case '<array>': {
        const entries: unknown[] = [];
        while (peek() !== '</array>') entries.push(value());
        expectToken('</array>');
        return entries;
      }
      case '<dict>': {
        const dict: Record<string, unknown> = {};
        while (peek() !== '</dict>') {
          expectToken('<key>');
          const key = content('key');
          if (key in dict) throw new Error(`the key ${key} is there twice`);
          dict[key] = value();
        }
        expectToken('</dict>');
        return dict;
      }
      default:
        throw new Error(`unexpected ${token}`);
    }
  };
  if (!/^<plist version="1.0">$/.test(significant[0] ?? '')) throw new Error('no plist element');
  next();
  const top = value();
  expectToken('</plist>');
  if (peek() !== undefined) throw new Error('something follows the plist');
  return top;
}

function unescapeText(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);|&/g, (_whole, name: string | undefined) => {
    const character = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[name ?? ''];
    if (character === undefined) throw new Error('a bare ampersand');
    return character;
  });
}
