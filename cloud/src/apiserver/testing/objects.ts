/** A Secret as a list or a watch shows it. The uid defaults to one made from the name. */
export function secret(name: string, resourceVersion: number, uid = `uid-${name}`): object {
  return { metadata: { name, namespace: 'web', uid, resourceVersion: `${resourceVersion}` }, data: { at: `${resourceVersion}` } };
}

export function secretList(resourceVersion: number, items: readonly object[], continueToken?: string): object {
  const metadata = { resourceVersion: `${resourceVersion}`, ...(continueToken === undefined ? {} : { continue: continueToken }) };
  return { kind: 'SecretList', apiVersion: 'v1', metadata, items };
}

/** One line of a watch. */
export function event(type: string, object: object): string {
  return `${JSON.stringify({ type, object })}\n`;
}

export function bookmark(resourceVersion: number, endsInitialEvents = false): string {
  const annotations = endsInitialEvents ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return event('BOOKMARK', {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { resourceVersion: `${resourceVersion}`, ...annotations },
  });
}

export function status(code: number, reason: string, message = reason, more: object = {}): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code, ...more };
}
