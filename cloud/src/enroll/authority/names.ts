/** The Secret with the authority and the ConfigMap with its public part, both in the namespace of the relays. */
export const AUTHORITY_NAME = 'hawser-ca';
/** Type of the Secret: whoever lists Secrets sees what it is. It cannot be changed. */
export const AUTHORITY_TYPE = 'hawser.dev/authority';
export const LABELS = { 'app.kubernetes.io/managed-by': 'hawser-relay' } as const;
