/** How long a client may take, in milliseconds. */
export interface ApiTimes {
  /** From a connection to its TLS, from there to the headers of its first request. Over HTTP/1.1 headers of each further one as well. */
  readonly headersMs: number;
  /** From the headers of a request to the end of its body: 3 MiB at 50 KB/s. Watches are long answers, not long requests. */
  readonly requestMs: number;
  /**
   * From the headers of a request until the client has taken all of its answer, where that is no watch: the body, what the cloud has for a question,
   * and 30 s to take it.
   */
  readonly answerMs: number;
  /** How long a connection without a request stays open for the next one; clients reuse theirs for 90 s. */
  readonly idleMs: number;
  /** What clients have to take the end of a connection, or of their watches when the server closes; then they are cut off. */
  readonly graceMs: number;
  /** HTTP/1.1 connections are looked at so often; Node's own default is 30 s. */
  readonly lookEveryMs: number;
}

export const API_TIMES: ApiTimes = {
  headersMs: 10_000,
  requestMs: 60_000,
  answerMs: 120_000,
  idleMs: 95_000,
  graceMs: 1_000,
  lookEveryMs: 2_000,
};
