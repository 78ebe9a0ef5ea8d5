/**
 * The only thing we throw on purpose: something the person in front of us can mend.
 * `message` says what happened and why, `hint` is the next command to type, `exitCode` one of the documented codes
 * (2 usage, 3 unhealthy or partly done, 4 refused, 5 busy).
 */
export class UserError extends Error {
  readonly code: string;
  readonly hint: string;
  readonly exitCode: number;

  constructor(code: string, message: string, rest: { readonly hint: string; readonly exitCode: number }) {
    super(message);
    this.name = 'UserError';
    this.code = code;
    this.hint = rest.hint;
    this.exitCode = rest.exitCode;
  }
}
