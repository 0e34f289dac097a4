import { HawserError } from '@hawser/protocol';
import type { KubeletPaths } from './paths.ts';

/** Flags that would undo what the agent's own flags or its part of the configuration say, by why they are refused. */
const KEPT: ReadonlyMap<string, string> = new Map([
  ...of('the agent gives it', 'config', 'kubeconfig', 'hostname-override'),
  ...of('its files would be stronger than the agent’s configuration; kubelet.config takes their place', 'config-dir'),
  ...of(
    'the kubelet shows the local API a token, and has no certificate to ask for',
    'bootstrap-kubeconfig',
    'rotate-certificates',
  ),
  ...of(
    'the kubelet’s server is for this device alone, and the local API says who may come to it',
    ...['address', 'read-only-port', 'anonymous-auth', 'authentication-token-webhook', 'authorization-mode', 'client-ca-file'],
    ...['tls-cert-file', 'tls-private-key-file', 'rotate-server-certificates'],
  ),
  ...of('the Node is registered by its kubelet', 'register-node'),
  ...of('the kubelet would end after its first look', 'runonce'),
]);

function of(why: string, ...flags: readonly string[]): [string, string][] {
  return flags.map((flag) => [flag, why]);
}

/** What neither a shell nor a unit of systemd reads in another way than it stands there. */
const PLAIN = /^[\w@%+=:,./<>[\]*~!^{}()|&;#?-]+$/;

/**
 * Checks flags that an operator adds: each `--flag=value` in one, with no character that a unit of systemd would take apart.
 * @throws HawserError `bad_config` with one line for each that is refused
 */
export function checkArguments(given: readonly string[]): readonly string[] {
  const lines = given.flatMap((argument) => {
    const why = refusal(argument);
    return why === undefined ? [] : [`kubelet.args: ${JSON.stringify(argument)}: ${why}`];
  });
  if (lines.length > 0) throw new HawserError('bad_config', lines.join('\n'));
  return given;
}

function refusal(argument: string): string | undefined {
  if (!/^--?[a-z]/i.test(argument)) return 'must be a flag with its value behind =, such as --v=2';
  if (!PLAIN.test(argument)) return 'spaces, quotes, $ and \\ are not taken here: kubelet.config can hold them';
  // As the kubelet reads them: an underscore is a hyphen.
  const name = argument.replace(/^--?/, '').replace(/=.*$/, '').replaceAll('_', '-');
  const why = KEPT.get(name);
  return why === undefined ? undefined : `cannot be given: ${why}`;
}

/** All that the kubelet is started with. */
export function kubeletArguments(paths: KubeletPaths, nodeName: string, more: readonly string[]): readonly string[] {
  return [`--config=${paths.config}`, `--kubeconfig=${paths.kubeconfig}`, `--hostname-override=${nodeName}`, ...more];
}

const VARIABLE = 'HAWSER_KUBELET_ARGS';

/** The file that a unit of systemd takes the flags from (systemd.exec, `EnvironmentFile=`); a shell reads it in the same way. */
export function environmentFile(args: readonly string[]): string {
  return `# Made by hawser-agent; changes are lost.\n${VARIABLE}="${args.join(' ')}"\n`;
}

/**
 * The two lines for a unit of systemd. The variable is not in braces, so that systemd makes one argument of each word.
 * @param program the kubelet's
 */
export function unitLines(paths: KubeletPaths, program: string): readonly [string, string] {
  return [`EnvironmentFile=${paths.environment}`, `ExecStart=${program} $${VARIABLE}`];
}

/** @throws HawserError `bad_config` for a folder that flags cannot name */
export function requirePlainPath(dataDir: string): void {
  if (PLAIN.test(dataDir)) return;
  throw new HawserError('bad_config', `dataDir: ${dataDir}: a kubelet's flags name files in it, and cannot with such characters`);
}
