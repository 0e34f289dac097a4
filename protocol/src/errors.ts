/**
 * Why something failed, for code that decides on it; the message is for the person who reads it and says what to do.
 *
 * | code | meaning |
 * |---|---|
 * | bad_config | a setting, flag or file of the configuration is wrong; the message names its path |
 * | malformed_frame | bytes from the link that are no frame, or a frame with a field out of bounds |
 * | malformed_object | text that should be a Kubernetes object and is not, or lacks uid, name or resourceVersion |
 * | malformed_request | a request to the enrolment endpoint, or its answer, with a field that is wrong |
 * | protocol | a frame that may not come now: wrong direction, wrong order, unknown number |
 * | wrong_cluster | the other side speaks for another cluster than the store's |
 * | too_large | something is over its bound |
 * | store_damaged | a file that is no database, or does not pass its check |
 * | store_newer | a store made by a newer version of the agent |
 * | store_busy | another process has the store |
 * | native_library | a library that an executable carries cannot be written to the cache folder or loaded from there |
 * | address_in_use | the port to listen on is taken |
 * | unreachable | a connection could not be made or broke |
 * | unauthorized | the other side refused our identity |
 * | unsupported | asked for something that this version does not do |
 */
export type ErrorCode =
  | 'bad_config'
  | 'malformed_frame'
  | 'malformed_object'
  | 'malformed_request'
  | 'protocol'
  | 'wrong_cluster'
  | 'too_large'
  | 'store_damaged'
  | 'store_newer'
  | 'store_busy'
  | 'native_library'
  | 'address_in_use'
  | 'unreachable'
  | 'unauthorized'
  | 'unsupported';

/** The one error class of relay and agent. */
export class HawserError extends Error {
  override readonly name = 'HawserError';
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
