import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { readKubeconfig, tokenFile } from './kubeconfig.ts';
import type { KubeletOptions } from './kubelet.ts';
import { jsonEncoding } from './wire/encoding.ts';
import { protobufEncoding } from './wire/protobuf.ts';

export const HELP = `Plays a kubelet: a client that behaves at a Kubernetes API as a stock kubelet does. It runs no containers.
One line of JSON on standard output for each thing that happens. SIGTERM and SIGINT end it, and nothing is written then.

usage: node test/kubelet/main.ts --node NAME --kubeconfig FILE
       node test/kubelet/main.ts --node NAME --server URL --ca FILE --token-file FILE

  --node NAME           the node that it is
  --kubeconfig FILE     server, authority and token
  --server URL          https://127.0.0.1:6444
  --ca FILE             PEM of the server's authority
  --token-file FILE     the kubelet's token; read for each request
  --protobuf            asks and writes in Protocol Buffers, as a kubelet does that is not told otherwise
  --http1               HTTP/1.1 although the server speaks HTTP/2
  --root FOLDER         keeps what is mounted (FOLDER/pods/UID/VOLUME/PATH) and what runs; default in memory
  --boot ID             names one run of the machine: what ran in another has ended (default "first")
  --static-pods FOLDER  manifests of static pods
  --start-ms N          from volumes that are there to containers that run (default 0)
  --stop-ms N           from the order to end to the end (default 0)
  --sync-ms N           between looks at a pod for which nothing has happened (default 60000)
  --lease-ms N          between renewals of the lease (default 10000)
  --requests            a line for each request, too
  --help
`;

export type Command =
  | { readonly type: 'help' }
  | { readonly type: 'run'; readonly options: KubeletOptions; readonly showsRequests: boolean };

/** @throws TypeError with what is wrong in the command line; Error for files that cannot be read */
export function parseCommand(args: readonly string[]): Command {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ node: text, kubeconfig: text, server: text, ca: text, 'token-file': text, root: text, boot: text },
      ...{ 'static-pods': text, 'start-ms': text, 'stop-ms': text, 'sync-ms': text, 'lease-ms': text },
      ...{ protobuf: flag, http1: flag, requests: flag, help: flag },
    },
  });
  if (values.help === true) return { type: 'help' };
  const { node, root, boot, 'static-pods': staticPods } = values;
  if (node === undefined) throw new TypeError('--node is missing');
  const access =
    values.kubeconfig === undefined
      ? accessOf(values.server, values.ca, values['token-file'])
      : readKubeconfig(values.kubeconfig);
  const timings = Object.fromEntries(
    (['start', 'stop', 'sync', 'lease'] as const).flatMap((name) => {
      const given = values[`${name}-ms`];
      return given === undefined ? [] : [[`${name}Ms`, milliseconds(`--${name}-ms`, given)]];
    }),
  );
  const options: KubeletOptions = {
    ...{ node, ...access, timings, encoding: values.protobuf === true ? protobufEncoding : jsonEncoding },
    ...(values.http1 === true ? { versions: ['http/1.1'] } : {}),
    ...(root === undefined ? {} : { root }),
    ...(boot === undefined ? {} : { boot }),
    ...(staticPods === undefined ? {} : { staticPods }),
  };
  return { type: 'run', options, showsRequests: values.requests === true };
}

function accessOf(server: string | undefined, ca: string | undefined, token: string | undefined) {
  if (server === undefined || ca === undefined || token === undefined) {
    throw new TypeError('--kubeconfig is missing, or --server, --ca and --token-file');
  }
  return { server, ca: readFileSync(ca, 'utf8'), token: tokenFile(token) };
}

function milliseconds(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`${name} takes milliseconds, not ${text}`);
  return value;
}
