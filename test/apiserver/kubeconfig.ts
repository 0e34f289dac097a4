import { stringify } from 'yaml';

export interface KubeconfigUser {
  readonly token?: string;
  readonly certificate?: { readonly certificatePem: string; readonly keyPem: string };
}

/** A kubeconfig (YAML text) with one cluster and one user, everything in it and no paths. */
export function kubeconfigText(url: string, caPem: string, userName: string, user: KubeconfigUser): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'embedded', cluster: { server: url, 'certificate-authority-data': base64(caPem) } }],
    users: [
      {
        name: userName,
        user: {
          ...(user.token === undefined ? {} : { token: user.token }),
          ...(user.certificate === undefined
            ? {}
            : {
                'client-certificate-data': base64(user.certificate.certificatePem),
                'client-key-data': base64(user.certificate.keyPem),
              }),
        },
      },
    ],
    contexts: [{ name: 'embedded', context: { cluster: 'embedded', user: userName } }],
    'current-context': 'embedded',
  });
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
