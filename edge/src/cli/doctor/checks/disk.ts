import { bytesInWords, LOW_DISK_BYTES, type Space } from '../../../ops/space.ts';
import { milliseconds } from '../in-words.ts';
import { type Finding, note, ok, problem, unseen } from '../types.ts';

export interface DiskFacts {
  readonly folder: string;
  readonly space: Space | undefined;
  /** Of some small files that were written and synced, in milliseconds each; empty where none was. */
  readonly syncMs: readonly number[];
  /** Code of what writing failed with: `EROFS`, `ENOSPC`, `EACCES`, … */
  readonly failure: string | undefined;
}

/** Files that are left for names, below which a store cannot make its log. */
const LOW_INODES = 64;
/** Each status of a pod waits for one: above this a busy device is felt to be slow. In milliseconds. */
const SLOW_SYNC_MS = 250;

export function judgeDisk(facts: DiskFacts): readonly Finding[] {
  const { folder, space } = facts;
  const findings = [judgeWriting(facts)];
  if (space === undefined) findings.push(unseen(`how much is free cannot be asked`, null, folder));
  else {
    const { freeBytes, totalBytes, freeInodes, totalInodes } = space;
    const text = `${bytesInWords(freeBytes)} free of ${bytesInWords(totalBytes)}`;
    if (freeBytes < LOW_DISK_BYTES)
      findings.push(
        problem(
          `only ${text}`,
          'make room: a store that cannot grow takes nothing from the cloud and answers writes with 507',
          folder,
        ),
      );
    else findings.push(ok(text, folder));
    if (totalInodes > 0 && freeInodes < LOW_INODES) {
      findings.push(
        problem(
          `only ${freeInodes} of ${totalInodes} inodes are free`,
          'remove files: there is room for bytes and none for names (df -i)',
          folder,
        ),
      );
    }
  }
  return findings;
}

function judgeWriting({ folder, syncMs, failure }: DiskFacts): Finding {
  switch (failure) {
    case undefined:
      break;
    case 'EROFS':
      return problem(
        'is read-only',
        'mount it writable: mount -o remount,rw; a disk that fails is made read-only by the kernel (dmesg)',
        folder,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return problem(`is full (${failure})`, 'make room on that disk', folder);
    case 'ENOENT':
      return unseen('is not there yet: the agent makes it', null, folder);
    case 'EACCES':
    case 'EPERM':
      return unseen(`this user may not write there (${failure})`, 'run it as the user of the agent, or as root', folder);
    default:
      return problem(`cannot be written (${failure})`, 'look at dmesg: the disk may fail', folder);
  }
  const sorted = syncMs.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) return unseen('was not written', null, folder);
  const text = `is written and synced in ${milliseconds(median)}`;
  if (median > SLOW_SYNC_MS)
    return note(text, 'the disk is slow, as worn flash is: each change that is kept waits so long', folder);
  return ok(text, folder);
}
