/**
 * The program that `kubeletProgram` wraps: the played kubelet behind the command line of a stock one. It takes its files as a stock one
 * does, says lines of klog on stderr, and ends as its script says. What it does stands in a journal, a line of JSON for each.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { parse } from 'yaml';
import { readKubeconfig } from '../kubelet/kubeconfig.ts';
import { startPlayedKubelet } from '../kubelet/kubelet.ts';
import type { JournalEntry, PlayedScript } from './kubelet-program.ts';

/** More often than a stock one, for whom a test would wait. */
const LEASE_MS = 1_000;

const [scriptFile = '', ...args] = process.argv.slice(2);
const script: PlayedScript = JSON.parse(readFileSync(scriptFile, 'utf8'));

if (args.includes('--version')) {
  process.stdout.write(`Kubernetes ${script.version}\n`);
} else {
  // Go ends a program whose standard error is gone.
  process.stderr.on('error', () => process.exit(141));
  run();
}

function run(): void {
  tell({ event: 'started', pid: process.pid, args, variables: Object.keys(process.env).sort() });
  process.on('SIGTERM', () => {
    tell({ event: 'asked to end', pid: process.pid });
    if (script.ignoresTerm !== true) end(0);
  });
  process.on('SIGINT', () => {
    tell({ event: 'interrupted', pid: process.pid });
    end(130);
  });
  for (const line of script.says ?? []) process.stderr.write(`${line}\n`);
  if (script.endsWith === undefined) play();
  else end(script.endsWith);
}

function play(): void {
  const config = configuration();
  const kubelet = startPlayedKubelet({
    node: flag('hostname-override'),
    ...readKubeconfig(flag('kubeconfig')),
    staticPods: config.staticPodPath,
    timings: { leaseMs: LEASE_MS },
    onHappening({ event }) {
      if (event !== 'request') tell({ event: 'played', pid: process.pid, what: event });
    },
  });
  process.once('exit', kubelet.stop);
}

/** What a stock kubelet would not start with is refused. */
function configuration(): { readonly staticPodPath: string } {
  const file = flag('config');
  for (const path of [file, flag('kubeconfig')]) {
    if ((statSync(path).mode & 0o777) !== 0o600) fail(`${path} can be read by others`);
  }
  const { apiVersion, kind, tlsCertFile, tlsPrivateKeyFile, staticPodPath } = parse(readFileSync(file, 'utf8'));
  if (apiVersion !== 'kubelet.config.k8s.io/v1beta1' || kind !== 'KubeletConfiguration')
    fail(`${file} is no KubeletConfiguration`);
  const certificate = new X509Certificate(readFileSync(tlsCertFile));
  if (!certificate.checkPrivateKey(createPrivateKey(readFileSync(tlsPrivateKeyFile)))) fail('key and certificate do not fit');
  if (certificate.checkHost(flag('hostname-override')) === undefined) fail('the certificate is not for this node');
  if (!statSync(staticPodPath).isDirectory()) fail(`${staticPodPath} is no folder`);
  return { staticPodPath };
}

function flag(name: string): string {
  const found = args.find((arg) => arg.startsWith(`--${name}=`));
  return found === undefined ? fail(`--${name} is missing`) : found.slice(name.length + 3);
}

function fail(why: string): never {
  process.stderr.write(`Error: ${why}\n`);
  process.exit(1);
}

function tell(entry: JournalEntry): void {
  appendFileSync(script.journal, `${JSON.stringify(entry)}\n`);
}

function end(code: number): void {
  tell({ event: 'ended', pid: process.pid });
  process.exit(code);
}
