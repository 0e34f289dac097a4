/**
 * Sent as Retry-After where there is no link, in seconds. Clients of Kubernetes come again ten times by themselves before they tell
 * anybody: whoever types a command is to hear of it soon.
 */
export const OFFLINE_RETRY_SECONDS = 1;

/** Retry-After for so many milliseconds: whole seconds, at least one (RFC 9110, section 10.2.3). */
export function retrySeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1000));
}
