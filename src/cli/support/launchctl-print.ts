import { isSecretVariable } from '../../gateway/config-values.ts';
import { mark } from './blot.ts';
import { secretWord } from './mask.ts';

/**
 * What launchd prints of a job that was loaded from a file nobody has any more: each value as a whole, for one may have
 * blanks and lines of its own in it.
 */
export function withoutJobSecrets(printed: string): string {
  let block: { readonly kind: 'environment' | 'arguments'; readonly end: string } | null = null;
  let isValue = false;
  return printed
    .split('\n')
    .map((line) => {
      const [, indent = '', kind] = /^(\s*)(?:\w+ )?(environment|arguments) = \{$/.exec(line) ?? [];
      if (block === null && (kind === 'environment' || kind === 'arguments')) {
        block = { kind, end: `${indent}}` };
        isValue = false;
        return line;
      }
      if (block === null || line === block.end) {
        block = null;
        return line;
      }
      if (block.kind === 'environment') return variable(line);
      const shown = isValue ? line.replace(/\S.*/, mark) : line;
      isValue = /^\s*--?[\w-]+$/.test(line) && (secretWord.test(line) || /key|auth/i.test(line));
      return shown;
    })
    .join('\n');
}

/** A line without a name is the rest of the value before it. */
function variable(line: string): string {
  const [, head, name = ''] = /^(\s*([\w.-]{1,80}) => )/.exec(line) ?? [];
  if (head === undefined) return mark;
  return isSecretVariable(name) ? `${head}${mark}` : line;
}
