import {
  decodeJoinRequest,
  decodeLateRenewalRequest,
  encodeEnrolled,
  type NonceAnswer,
  type RefusalReason,
} from '@hawser/protocol';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Bound } from '../../ops/bounds.ts';
import { LogBudget } from '../../upstream/index.ts';
import type { Attempts } from './attempts.ts';
import type { Connection } from './connections.ts';
import { holdsNonce, NONCE_MS } from './conversation.ts';
import type { Answer, EnrolmentDesk } from './http.ts';
import { type JoinContext, join } from './join.ts';
import { type LateRenewalContext, renewLate } from './late-renewal.ts';
import { type Outcome, type RefusedOutcome, refused, refusedBy, tooMany } from './outcome.ts';

/** 256 bits, as the protocol has them. */
const NONCE_BYTES = 32;

export interface DeskOptions {
  readonly context: JoinContext & LateRenewalContext;
  /** All attempts, by address. One begins with its nonce. */
  readonly attempts: Attempts;
  /** Unpredictable bytes. */
  readonly randomBytes: (count: number) => Buffer;
  /** `joined`, `renewed`, or why it was refused. */
  readonly onOutcome: (outcome: 'joined' | 'renewed' | RefusalReason) => void;
  readonly onBound: (bound: Bound) => void;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Takes requests of the enrolment endpoint apart, has them decided, and tells log and metrics what came of it. */
export function createDesk(options: DeskOptions): EnrolmentDesk {
  const { context, attempts, randomBytes, onOutcome, onBound, clock, logger } = options;
  /** A few reasons: bounded. */
  const budgets = new Map<string, LogBudget>();

  function refuse({ remote }: Pick<Connection, 'remote'>, outcome: RefusedOutcome): Answer {
    const { refusal, status, retryAfter, bound, about } = outcome;
    onOutcome(refusal.reason);
    if (bound !== undefined) onBound(bound);
    const budget = budgets.get(refusal.reason) ?? new LogBudget(clock);
    budgets.set(refusal.reason, budget);
    const line = budget.take();
    if (line !== undefined) {
      const fields = { remote, reason: refusal.reason, message: refusal.message, ...about, ...line };
      if (about.err === undefined) logger.info(fields, 'enrolment refused');
      else logger.error(fields, 'enrolment failed');
    }
    return { status, body: JSON.stringify(refusal), retryAfter, isLast: true };
  }

  function decide(connection: Connection, of: 'join' | 'renew', body: string): Promise<Outcome> {
    const { conversation } = connection;
    // Whatever comes of it, the nonce is used up.
    connection.conversation = { type: 'over' };
    const isFresh = (nonce: string) => holdsNonce(conversation, nonce, clock.now().getTime());
    if (of === 'join') {
      const request = decodeJoinRequest(body);
      const about = { node: request.nodeName, tokenId: request.token.id };
      return isFresh(request.nonce) ? join(context, request, connection.remote) : Promise.resolve(staleNonce(about));
    }
    const request = decodeLateRenewalRequest(body);
    return isFresh(request.nonce) ? renewLate(context, request) : Promise.resolve(staleNonce({}));
  }

  return {
    begin(connection) {
      const waitMs = attempts.waitMs(connection.address);
      if (waitMs > 0)
        return refuse(connection, tooMany('limits.enrolAttempts', 'too many attempts came from this address', waitMs));
      attempts.add(connection.address);
      const nonce = randomBytes(NONCE_BYTES).toString('base64url');
      connection.conversation = { type: 'asked', nonce, expiresMs: clock.now().getTime() + NONCE_MS };
      const answer: NonceAnswer = { nonce };
      return { status: 200, body: JSON.stringify(answer), retryAfter: undefined, isLast: false };
    },
    async handle(connection, of, body) {
      const outcome = await Promise.resolve()
        .then(() => decide(connection, of, body))
        .catch((error: unknown) => refusedBy(error));
      if (outcome.type === 'refused') return refuse(connection, outcome);
      const { how, enrolled, about } = outcome;
      onOutcome(how);
      logger.info({ ...about, remote: connection.remote }, how === 'joined' ? 'device joined' : 'device renewed after its end');
      return { status: 200, body: encodeEnrolled(enrolled), retryAfter: undefined, isLast: true };
    },
    refuse,
  };
}

function staleNonce(about: Outcome['about']): RefusedOutcome {
  return refused('badProof', 'the nonce is not one of this connection, or too old', about);
}
