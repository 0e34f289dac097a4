import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { CHECKS } from './checks/index.ts';
import type { Access } from './http/client.ts';
import { readKubeconfig, readText } from './http/kubeconfig.ts';

/** What one run is asked to do. */
export interface Options {
  readonly access: Access;
  readonly namespace: string;
  /** 32 bits. */
  readonly seed: number;
  /** For the random writes. */
  readonly seconds: number;
  /** Names of checks, or their beginnings. Empty: all. */
  readonly only: readonly string[];
  readonly readOnly: boolean;
  readonly output: 'text' | 'json';
}

export const HELP = `Checks an API server against what Kubernetes says of its HTTP API: reads, lists in pages, watches, streams, selectors, patches,
preconditions, Tables; and an informer that has to hold, under random writes and cut connections, what the server lists.

usage: npm run conformance -- --server URL --token TOKEN [options]
       npm run conformance -- --kubeconfig FILE [options]

  --server URL        https://HOST:PORT
  --token TOKEN       a bearer token; --token-file FILE reads it from a file, where ps does not show it
  --ca FILE           PEM of the authority that has signed the server's certificate
  --cert FILE         a client certificate, with --key FILE
  --insecure          take any certificate of the server
  --kubeconfig FILE   server and credentials in place of those above; --context NAME for another than the current context
  --namespace NS      where it writes (default: default); it must exist
  --seconds N         how long random writes go on (default 20)
  --seed S            a whole number; printed, and the same seed makes the same writes (default: another each time)
  --only NAME         only checks whose names begin so: "watch", "patch.json"; may be given several times
  --read-only         write nothing; what needs writes is not applicable
  -o text|json        what is printed on stdout (default text); progress goes to stderr
  --list              print the checks and what each is about
  --help              this text

examples:
  npm run conformance -- --kubeconfig ~/.kube/config --namespace scratch
  (umask 077; hawser-agent kubeconfig --write > device.kubeconfig); npm run conformance -- --kubeconfig device.kubeconfig
  npm run conformance -- --server https://127.0.0.1:6443 --token-file token --ca ca.crt --only watch -o json

It finds out by asking what it may write: ConfigMaps and pods that no scheduler takes on a cluster, mirror pods on a device. Names begin
with hawser-conformance-; everything is removed in the end, on Ctrl-C too. Nobody else may write these: start a device's agent with
--workload none and without a link, or use --read-only.

Exit code 0 when nothing failed (what is not applicable says why), 1 when something did or could not be removed, 2 for wrong options,
3 when the server cannot be asked, 130 on Ctrl-C.
`;

/** A mistake in the command line, for a person. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @throws UsageError, KubeconfigError */
export function parseOptions(args: readonly string[]): Options | 'help' | 'list' {
  const values = parsed(args);
  if (values.help) return 'help';
  if (values.list) return 'list';
  const unknown = values.only.find((prefix) => CHECKS.every(({ name }) => !name.startsWith(prefix)));
  if (unknown !== undefined) throw new UsageError(`no check begins with ${unknown}: --list prints them`);
  if (values.output !== 'text' && values.output !== 'json') throw new UsageError(`-o is text or json, not ${values.output}`);
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(values.namespace))
    throw new UsageError(`--namespace ${values.namespace} is no name`);
  return {
    access: accessOf(values),
    namespace: values.namespace,
    seed: values.seed === undefined ? randomInt(0x1_0000_0000) : whole('seed', values.seed, 0, 0xffff_ffff),
    seconds: whole('seconds', values.seconds, 1, 86_400),
    only: values.only,
    readOnly: values['read-only'],
    output: values.output,
  };
}

type Values = ReturnType<typeof parsed>;

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        server: { type: 'string' },
        token: { type: 'string' },
        'token-file': { type: 'string' },
        ca: { type: 'string' },
        cert: { type: 'string' },
        key: { type: 'string' },
        insecure: { type: 'boolean', default: false },
        kubeconfig: { type: 'string' },
        context: { type: 'string' },
        namespace: { type: 'string', short: 'n', default: 'default' },
        seconds: { type: 'string', default: '20' },
        seed: { type: 'string' },
        only: { type: 'string', multiple: true, default: [] },
        'read-only': { type: 'boolean', default: false },
        output: { type: 'string', short: 'o', default: 'text' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function accessOf(values: Values): Access {
  const given = (['server', 'token', 'token-file', 'ca', 'cert', 'key'] as const).filter((name) => values[name] !== undefined);
  if (values.kubeconfig !== undefined) {
    const [first] = given;
    if (first !== undefined) throw new UsageError(`--kubeconfig and --${first} do not go together`);
    const access = readKubeconfig(values.kubeconfig, values.context);
    return values.insecure ? { ...access, insecure: true } : access;
  }
  if (values.server === undefined) throw new UsageError('--server or --kubeconfig says whom to ask');
  if (!URL.canParse(values.server) || new URL(values.server).protocol !== 'https:') {
    throw new UsageError(`--server ${values.server} is no https:// URL`);
  }
  if (values.token !== undefined && values['token-file'] !== undefined)
    throw new UsageError('--token and --token-file do not go together');
  if ((values.cert === undefined) !== (values.key === undefined)) throw new UsageError('--cert and --key go together');
  const token = values['token-file'] === undefined ? values.token : readText(values['token-file']).trim();
  if (token === undefined && values.cert === undefined)
    throw new UsageError('--token, --token-file or --cert says as whom to ask');
  const file = (path: string | undefined) => (path === undefined ? undefined : readText(path));
  return {
    server: values.server,
    token,
    cert: file(values.cert),
    key: file(values.key),
    ca: file(values.ca),
    insecure: values.insecure,
  };
}

function whole(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (!/^\d{1,10}$/.test(text) || number < least || number > most) {
    throw new UsageError(`--${name} is a whole number from ${least} to ${most}, not ${text}`);
  }
  return number;
}
