import type { X509Certificate } from 'node:crypto';
import { milliseconds, problemOf } from '../in-words.ts';
import { type Finding, ok, problem, unseen } from '../types.ts';

export interface ApiFacts {
  readonly running: boolean;
  /** `https://127.0.0.1:6444`: where the agent listens, or would. */
  readonly server: string | undefined;
  /** Why certificate or token cannot be had. */
  readonly refused: string | undefined;
  readonly certificate: X509Certificate | undefined;
  /** What GET /readyz with the administrator's token was answered: status and text; or why not. */
  readonly answered:
    | { readonly status: number; readonly text: string; readonly tookMs: number }
    | { readonly failure: string }
    | undefined;
  /** Where no agent runs: whether its port is free. Undefined where it takes any. */
  readonly isPortFree: boolean | undefined;
  readonly now: Date;
}

export function judgeApi({ running, server, refused, certificate, answered, isPortFree, now }: ApiFacts): Finding {
  const subject = server ?? null;
  if (!running) {
    if (isPortFree === false)
      return problem('another program listens at that port', 'end it (ss -ltnp says which), or set api.port to another', subject);
    return unseen('no agent runs, so nobody serves it', null, subject);
  }
  if (refused !== undefined)
    return problemOf(refused, 'run it as the user of the agent, or as root: sudo hawser-agent doctor', subject);
  if (certificate !== undefined && certificate.validToDate < now) {
    return problem(
      'its certificate has ended',
      'remove api.crt and api.key from the data folder and restart the agent: it makes others',
      subject,
    );
  }
  if (answered === undefined) return unseen('was not asked', null, subject);
  if ('failure' in answered) return problem(answered.failure, 'look at the log of the agent, and restart it', subject);
  const { status, text, tookMs } = answered;
  if (status === 200) return ok(`answers in ${milliseconds(tookMs)}`, subject);
  if (status === 401)
    return problem(
      'does not know the token of the data folder',
      'another agent answers there, or the tokens were copied: restart the agent',
      subject,
    );
  return problem(
    `is not ready: ${text}`,
    'before the first sync pods are not told: get the device linked ("link" above)',
    subject,
  );
}
