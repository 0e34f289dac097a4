import type { LinkState } from '../../link/index.ts';

/** What `systemctl status` shows about the agent. */
export interface StatusFacts {
  readonly link: LinkState;
  /** Objects of the cloud. */
  readonly objects: number;
  /** Reports that wait for the cloud. */
  readonly outbox: number;
}

/** In characters; addresses of relays may be long. */
const MAX_STATUS = 240;

/** One line. Losing the link is one of the things that it tells, and nothing else follows from it. */
export function statusText({ link, objects, outbox }: StatusFacts): string {
  return oneLine(`${linkText(link)}; ${objects} objects; ${outbox} reports wait`);
}

/** A line break would begin another assignment of the message. */
export function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, MAX_STATUS);
}

function linkText(link: LinkState): string {
  switch (link.name) {
    case 'open':
      return `link open to ${link.url}`;
    case 'waiting':
      return `no link (${link.reason.kind})`;
    case 'dialling':
    case 'greeting':
      return `dialling ${link.url}`;
    case 'idle':
    case 'closed':
      return 'no link';
  }
}
