/**
 * Values that must be nowhere: tests put them into Secrets, tokens and keys, and look for them in files and in what processes say.
 * Each contains MARK, so that whoever looks needs no list; what a program makes itself (a key, a token) is looked for by its text.
 */
export const MARK = 'pl4nted-s3cret';

/** @param name tells it from others in a failure */
export function planted(name: string): string {
  return `${MARK}-${name}`;
}

/** What has been found, and where. */
export interface Leak {
  /** `base64`, `plain`. */
  readonly form: string;
  /** The text around it. */
  readonly around: string;
}

/** Characters on each side that are shown. */
const CONTEXT = 60;
/** Shorter ones would be found by accident. */
const MIN_LENGTH = 8;

/** How a value may stand in a text: as it is, in base64 at each of its three alignments, as hex, escaped for JSON or a URL. */
export function formsOf(value: string): ReadonlyMap<string, string> {
  const bytes = Buffer.from(value);
  const forms = new Map([
    ['plain', value],
    ['in JSON', JSON.stringify(value).slice(1, -1)],
    ['in a URL', encodeURIComponent(value)],
    ['hex', bytes.toString('hex')],
    ['HEX', bytes.toString('hex').toUpperCase()],
  ]);
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    // Characters that also depend on what stands before and behind are left out.
    const first = before === 0 ? 0 : before + 1;
    const last = Math.floor(((before + bytes.length) * 8) / 6);
    const own = text.slice(first, last);
    forms.set(`base64 at ${before}`, own);
    forms.set(`base64url at ${before}`, own.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return new Map([...forms].filter(([, form]) => form.length >= MIN_LENGTH));
}

const MARK_FORMS = [...formsOf(MARK)];

/**
 * Where the mark, or one of the values, stands in a text.
 * @param values what programs made themselves, each of at least 8 characters
 */
export function leaksIn(text: string | Buffer, values: readonly string[] = []): Leak[] {
  const content = Buffer.isBuffer(text) ? text : Buffer.from(text);
  const leaks: Leak[] = [];
  for (const [form, wanted] of [...MARK_FORMS, ...values.flatMap((value) => [...formsOf(value)])]) {
    const at = content.indexOf(wanted);
    if (at < 0) continue;
    const around = content.subarray(Math.max(0, at - CONTEXT), at + wanted.length + CONTEXT).toString('latin1');
    leaks.push({ form, around });
  }
  return leaks;
}
