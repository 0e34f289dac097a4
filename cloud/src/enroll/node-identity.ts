import { isNodeName } from '@hawser/protocol';

const NODE_USER_PREFIX = 'system:node:';
const NODES_GROUP = 'system:nodes';

export type Identity = { readonly type: 'node'; readonly name: string } | { readonly type: 'refused'; readonly why: string };

/** Attributes of a certificate's subject; one that stands there more than once is a list. */
export type Subject = Readonly<Partial<Record<string, string | readonly string[]>>>;

/**
 * Which node a client certificate speaks for: `CN=system:node:NAME` and `O=system:nodes` alone, as the signer
 * kubernetes.io/kube-apiserver-client-kubelet issues them. Certificates of other clients of the same authority name no node.
 */
export function nodeOf(subject: Subject): Identity {
  const { CN: commonName, O: organization } = subject;
  if (typeof commonName !== 'string' || !commonName.startsWith(NODE_USER_PREFIX)) {
    return refused(`its common name must be ${NODE_USER_PREFIX}NAME and is ${shown(commonName)}`);
  }
  if (organization !== NODES_GROUP) return refused(`its organization must be ${NODES_GROUP} alone and is ${shown(organization)}`);
  const name = commonName.slice(NODE_USER_PREFIX.length);
  if (!isNodeName(name)) return refused(`${shown(name)} cannot be the name of a Node`);
  return { type: 'node', name };
}

/**
 * The identity in a certificate that TLS has not seen. It is read from the text of the subject, one attribute a line: `toLegacyObject`
 * ends the process (Node 24) when the certificate's key is of a kind that OpenSSL cannot read, which a stranger may send.
 */
export function nodeIn({ subject }: { readonly subject: string | undefined }): Identity {
  const attributes = new Map<string, readonly string[]>();
  for (const line of (subject ?? '').split('\n')) {
    const at = line.indexOf('=');
    const name = line.slice(0, Math.max(at, 0));
    attributes.set(name, [...(attributes.get(name) ?? []), line.slice(at + 1)]);
  }
  const attribute = (name: string) => {
    const values = attributes.get(name);
    return values === undefined ? {} : { [name]: values.length === 1 ? values[0] : values };
  };
  return nodeOf({ ...attribute('CN'), ...attribute('O') });
}

function refused(why: string): Identity {
  return { type: 'refused', why };
}

function shown(value: unknown): string {
  return JSON.stringify(value ?? 'absent').slice(0, 300);
}
