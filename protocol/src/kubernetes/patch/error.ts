/**
 * - `BadPatch`: the patch is not of the right shape (HTTP 400).
 * - `Unprocessable`: a JSON patch whose path is missing or whose test failed (HTTP 422).
 * - `Contradiction`: a strategic merge patch that contradicts itself, such as by its `$setElementOrder` (HTTP 500 in Kubernetes).
 */
export type PatchErrorCode = 'BadPatch' | 'Unprocessable' | 'Contradiction';

/** A patch that cannot be applied. Nothing has been changed. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
  readonly code: PatchErrorCode;

  constructor(code: PatchErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
