import type { StatusFacts } from './status-text.ts';

/** What shows that the agent does its work. The link is no part of it: losing it is what agents are for. */
export interface Vitals {
  /** Reads them, at least one from the store's file. @throws when it cannot be read */
  readonly facts: () => StatusFacts;
  /** Whether the local API takes connections. */
  readonly isApiListening: () => boolean;
}

export type Finding =
  | { readonly name: 'well'; readonly facts: StatusFacts }
  | { readonly name: 'ailing' /** For people. */; readonly why: string };

/** To be asked from a timer: an event loop that does not turn is not asked at all, and so says nothing. */
export function examine({ facts, isApiListening }: Vitals): Finding {
  if (!isApiListening()) return { name: 'ailing', why: 'the local API does not listen' };
  try {
    return { name: 'well', facts: facts() };
  } catch (error) {
    return { name: 'ailing', why: `the store cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}
