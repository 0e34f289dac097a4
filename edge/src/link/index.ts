export { type BackoffBounds, DEFAULT_BACKOFF, fullJitter } from './backoff.ts';
export { dialRelay, hostOf } from './dial.ts';
export {
  answerFailure,
  boundedRetryAfter,
  cutOff,
  dialFailure,
  failure,
  type LinkFailure,
  type LinkFailureKind,
} from './failure.ts';
export { createLink, type Link, type LinkOptions, type LinkStats } from './link.ts';
export { type PresentedRelay, presentedBy } from './presented.ts';
export { proxyFor } from './proxy.ts';
export type { LinkTimes } from './relay-time.ts';
export { LINK_PATH, type LinkSocket, type LinkTls, openSocket, type SocketEvents } from './socket.ts';
export type { LinkState } from './state.ts';
