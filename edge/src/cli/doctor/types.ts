/**
 * | level | meaning |
 * |---|---|
 * | ok | looked at, and right |
 * | note | worth knowing; nothing is wrong because of it |
 * | problem | something is wrong, and the remedy says what to do |
 * | unseen | could not be looked at, and why |
 */
export type Level = 'ok' | 'note' | 'problem' | 'unseen';

/** What a check has found: one line, and what to do about it. */
export interface Finding {
  readonly level: Level;
  /** What it is about, where a check looks at several: an address of a relay, a file. */
  readonly subject: string | null;
  readonly text: string;
  /** Never null for a problem. */
  readonly remedy: string | null;
}

export const ok = (text: string, subject: string | null = null): Finding => ({ level: 'ok', subject, text, remedy: null });
export const note = (text: string, remedy: string | null = null, subject: string | null = null): Finding => ({
  ...{ level: 'note', subject, text, remedy },
});
export const problem = (text: string, remedy: string, subject: string | null = null): Finding => ({
  ...{ level: 'problem', subject, text, remedy },
});
export const unseen = (text: string, remedy: string | null = null, subject: string | null = null): Finding => ({
  ...{ level: 'unseen', subject, text, remedy },
});

/** One part of the doctor: a thin probe that gathers facts, and a pure judgement over them. */
export interface Check {
  readonly name: CheckName;
  /** Ends soon after the signal is aborted, and leaves nothing behind. @throws whatever it did not expect: it becomes `unseen` */
  look(signal: AbortSignal): Promise<readonly Finding[]>;
}

export type CheckName =
  | 'settings'
  | 'agent'
  | 'clock'
  | 'certificate'
  | 'dns'
  | 'proxy'
  | 'tcp'
  | 'tls'
  | 'link'
  | 'disk'
  | 'store'
  | 'api'
  | 'kubelet'
  | 'memory';

export interface NamedFinding extends Finding {
  readonly check: CheckName;
}
