import { bytesInWords } from '../../../ops/space.ts';
import { problemOf } from '../in-words.ts';
import { type Finding, note, ok, problem, unseen } from '../types.ts';

export interface StoreFacts {
  readonly path: string;
  /** Why it cannot be read, with its code; undefined where it can. */
  readonly refused: { readonly code: string; readonly message: string } | undefined;
  readonly seen:
    | {
        readonly schema: number;
        /** What SQLite's quick_check says: `ok`, or what is wrong. */
        readonly check: readonly string[];
        readonly bytes: number;
        readonly logBytes: number;
        readonly objects: number;
        /** Why the key of what is sealed there is not to be had. */
        readonly keyRefused: string | undefined;
        readonly isSealed: boolean;
      }
    | undefined;
  /** Files that were kept aside since they were damaged. */
  readonly aside: readonly string[];
}

/** The log is cut to 4 MiB when it is taken into the database; one that is far beyond is not taken. In bytes. */
const LARGE_LOG_BYTES = 64 * 1024 * 1024;

export function judgeStore({ path, refused, seen, aside }: StoreFacts): readonly Finding[] {
  const findings: Finding[] = [];
  if (refused !== undefined) findings.push(judgeRefused(path, refused));
  if (seen !== undefined) {
    const { schema, check, bytes, logBytes, objects, keyRefused, isSealed } = seen;
    if (check.length === 1 && check[0] === 'ok') {
      const sealed = isSealed ? ', sealed' : '';
      findings.push(
        ok(
          `whole: ${objects} objects, ${bytesInWords(bytes)} and a log of ${bytesInWords(logBytes)}, schema ${schema}${sealed}`,
          path,
        ),
      );
    } else {
      findings.push(problem(`is damaged: ${check.join('; ')}`, DAMAGED, path));
    }
    if (keyRefused !== undefined) findings.push(problemOf(keyRefused, 'without the key the agent does not start', path));
    if (logBytes > LARGE_LOG_BYTES) {
      findings.push(
        note(
          `its log has ${bytesInWords(logBytes)} and is not taken into the database`,
          'a program that reads the store for long holds it up: end it (fuser agent.db), or restart the agent',
          path,
        ),
      );
    }
  }
  if (aside.length > 0) {
    findings.push(
      note(
        `${aside.length} damaged stores were kept aside: ${aside.join(', ')}`,
        'what was lost has come again from the cloud; once nobody wants to look at them, remove them, and look whether the disk fails',
        path,
      ),
    );
  }
  return findings;
}

const DAMAGED =
  'restart the agent: it keeps the file aside and begins a new one, which the cloud fills again; what had not been reported is lost. Look whether the disk fails (dmesg, smartctl)';

function judgeRefused(path: string, { code, message }: NonNullable<StoreFacts['refused']>): Finding {
  switch (code) {
    case 'store_damaged':
      return problem(`is damaged: ${message}`, DAMAGED, path);
    case 'store_newer':
      return problem(message, 'install the version that has written it, or a newer one', path);
    case 'unsupported':
      return note(
        message,
        'this program is newer than the agent that has written it: the agent brings it up to date when it starts',
        path,
      );
    case 'notThere':
      return unseen('is not there yet: the agent makes it', null, path);
    default:
      return problemOf(message, 'the agent does not start before this is mended', path);
  }
}
