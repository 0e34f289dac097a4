/** Options that all writes have. */
export interface WriteOptions {
  /** Go through everything but store nothing (`dryRun=All`). */
  readonly dryRun?: boolean | undefined;
}

/** What of `meta/v1.DeleteOptions` this API knows. */
export interface DeleteOptions extends WriteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined } | undefined;
  readonly propagationPolicy?: string | undefined;
}
