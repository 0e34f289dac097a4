import { HawserError } from '@hawser/protocol';
import { ADMIN_AUDIENCE } from '../../admin/index.ts';
import { jsonObjectIn } from '../../json-object.ts';
import { type Administrator, refusedBy } from '../administrator.ts';

/** The least that Kubernetes gives, in seconds: a command is over within moments, and a watch that goes on asks for another at half of it. */
const TOKEN_SECONDS = 600;

/**
 * With which token replicas are asked: one that is made for a ServiceAccount and for this alone, or that of the kubeconfig or pod.
 * @throws HawserError `bad_config` where there is none, and what the API server says
 */
export async function bearerFor(
  administrator: Administrator,
  serviceAccount: string | undefined,
): Promise<() => Promise<string>> {
  if (serviceAccount === undefined) {
    await ownToken(administrator);
    return () => ownToken(administrator);
  }
  let made = await requestToken(administrator, serviceAccount);
  let madeMs = performance.now();
  return async () => {
    if (performance.now() - madeMs < (TOKEN_SECONDS / 2) * 1000) return made;
    made = await requestToken(administrator, serviceAccount);
    madeMs = performance.now();
    return made;
  };
}

/** Read anew each time: a plug-in or a file may have another by now. */
async function ownToken(administrator: Administrator): Promise<string> {
  const token = await administrator.bearer();
  if (token !== undefined) return token;
  const message =
    'the kubeconfig names no token, and a client certificate says nothing to a relay: name a ServiceAccount that may see the fleet with ' +
    `--as-service-account NAME, or put the token of "kubectl -n ${administrator.namespace} create token NAME" into a kubeconfig`;
  throw new HawserError('bad_config', message);
}

async function requestToken({ api, namespace }: Administrator, serviceAccount: string): Promise<string> {
  const [first = '', second] = serviceAccount.split('/', 2);
  const [of, name] = second === undefined ? [namespace, first] : [first, second];
  const path = `/api/v1/namespaces/${encodeURIComponent(of)}/serviceaccounts/${encodeURIComponent(name)}/token`;
  const spec = { audiences: [ADMIN_AUDIENCE], expirationSeconds: TOKEN_SECONDS };
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
  const answer = await api.request({ method: 'POST', path, body });
  if (answer.status !== 201) throw refusedBy(`no token of the ServiceAccount ${of}/${name} was made`, answer);
  const { status } = jsonObjectIn(answer.text);
  const token = typeof status === 'object' && status !== null && 'token' in status ? status.token : undefined;
  if (typeof token === 'string' && token !== '') return token;
  throw new HawserError('unreachable', `the API server has made no token of the ServiceAccount ${of}/${name}`);
}
