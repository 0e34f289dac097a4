import { leaksIn } from './planted.ts';

/**
 * What no process of ours may say, whatever happens to it: planted values, private keys, tokens. Every process that a test starts is
 * listened to (`processes.ts`), in the whole suite; what is found fails the test file at its end, since the process that said it may
 * outlive the test that planted it.
 */
export interface OutputCheck {
  /** A line of stdout or stderr. */
  line(text: string): void;
  /** There is no more. */
  end(): void;
}

/** What looks like a secret wherever it stands. */
const PATTERNS: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN [A-Z ]*PRIVATE KEY-----/],
  ['a token (JWT)', /eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/],
  ['a header with a token', /\b(?:Bearer|Basic) [\w+/.=-]{16,}/],
];

/** Characters that are kept before they are looked through: values become known while a process runs. */
const MAX_KEPT = 1024 * 1024;
/** Findings that are shown in full. */
const MAX_SHOWN = 10;

const forbidden = new Set<string>();
const findings: string[] = [];

/** From now on no process may say that, in whatever form; at least 16 characters. */
export function neverSay(...values: readonly string[]): void {
  for (const value of values) {
    if (value.length < 16) throw new Error('what must not be said is too short to be told from other words');
    forbidden.add(value);
  }
}

/** The lines of base64 in a PEM file that are long enough, for `neverSay`. */
export function linesOfPem(pem: string): string[] {
  return pem.split('\n').filter((line) => !line.startsWith('-----') && line.length >= 40);
}

/** @param name of the process, for the message */
export function checkOutput(name: string): OutputCheck {
  let kept = '';
  const look = () => {
    findings.push(...secretsIn(kept).map((finding) => `${name} has said ${finding}`));
    kept = '';
  };
  return {
    line(text) {
      kept += `${text}\n`;
      if (kept.length > MAX_KEPT) look();
    },
    end: look,
  };
}

/** What must not be said and stands in that text, in words. */
export function secretsIn(text: string): string[] {
  const values = leaksIn(text, [...forbidden]).map(({ form, around }) => `a planted value (${form}): ${around}`);
  const patterns = PATTERNS.flatMap(([what, pattern]) => {
    const found = pattern.exec(text);
    return found === null ? [] : [`${what}: ${text.slice(Math.max(0, found.index - 60), found.index + 60)}`];
  });
  return [...values, ...patterns];
}

/** What was found so far; the findings are taken, so that the test file does not fail for them. For the test of this file. */
export function takeFindings(): string[] {
  return findings.splice(0);
}

process.once('exit', () => {
  if (findings.length === 0) return;
  process.exitCode = 1;
  const shown = findings.slice(0, MAX_SHOWN).join('\n');
  process.stderr.write(`${findings.length} times a process has said what nobody may say:\n${shown}\n`);
});
