import { HawserError } from '@hawser/protocol';
import { addCompletion, addSettings, environmentName, printable } from '@hawser/settings';
import { Command, CommanderError, Option } from 'commander';
import { chooseCacheDir } from '../native/index.ts';
import { type Config, EXTERNAL_KUBELET, resolveConfig, SETTINGS } from '../ops/settings.ts';
import { COMPLETION } from './completion.ts';
import { CONFIG_PLACE } from './config-place.ts';
import { CommandFailure, EXIT } from './exit.ts';
import { get } from './get.ts';
import type { CliIo } from './io.ts';
import type { JoinFlags } from './join.ts';
import { type KubeconfigFlags, kubeconfig } from './kubeconfig.ts';
import type { KubeletOutput } from './kubelet.ts';
import { addKubeletFlag, sourcesWithKubelet } from './kubelet-flag.ts';
import { addLogLevelCommand } from './log-level.ts';
import { cacheDirOf, dataDirOf, LIBRARY, ownCertificateOf, READING, STORE, sealFor } from './needed-settings.ts';
import { outbox } from './outbox.ts';
import { type QueryRequest, query } from './query.ts';
import { startCommand } from './start-command.ts';
import { type StatusRequest, status } from './status/index.ts';
import { addStoreCommands } from './store.ts';
import { version } from './version.ts';

export interface CliOptions extends CliIo {
  readonly version: string;
  /** Runs the agent to its end. @throws HawserError */
  readonly run: (config: Config) => Promise<void>;
}

const HELP = `
Each command has its own help, with examples: "hawser-agent help doctor".

Examples:
  hawser-agent join wss://relay.example:8443 --token abcdef.0123456789abcdef --ca-hash sha256:4f0a…
  hawser-agent run --config /etc/hawser/agent.yaml
  hawser-agent status                     # how agent, link and store are
  hawser-agent doctor                     # what is wrong, and what to do
`;

const RUN_HELP = `
Every setting is a flag, a variable (${environmentName('api.port')}) or a line of the file ("api: {port: 6444}").
Flags are stronger than variables, variables than the file, the file than defaults. The file is the one of --config, of HAWSER_AGENT_CONFIG,
of HAWSER_CONFIG (which relays read too), or /etc/hawser/agent.yaml of the Debian package where no other data folder is given; "HAWSER_AGENT_CONFIG="
says that there is none.

A device that has joined ("hawser-agent join") needs no certificate and no relays here.

Examples:
  hawser-agent run
  hawser-agent run --config /etc/hawser/agent.yaml
  hawser-agent run --relay-urls wss://relay.example:8443 --tls-cert device.crt --tls-key device.key --tls-ca ca.crt
  HAWSER_LOG_LEVEL=debug hawser-agent run --config agent.yaml --data-dir ./data --api-port 0
  hawser-agent run --kubelet                          # starts the kubelet that it finds, and keeps it running
  hawser-agent run --kubelet /opt/bin/kubelet --kubelet-args=--v=2 --kubelet-config /etc/hawser/kubelet.yaml
  hawser-agent run --kubelet=external                 # a unit of systemd starts it: "hawser-agent kubelet config -o systemd"

Exit codes: 0 stopped by SIGTERM or SIGINT, 1 could not start or go on, 2 wrong command line or settings.
`;

const JOIN_HELP = `
"hawser-relay token create" prints the whole line. The relay is trusted by the hash of its authority's public key before anything is sent. The
key is made here and stays here (DATA_DIR/identity); the same command can be given again at any time, also after it was
interrupted. Relays are asked in turn, and are where the agent links. A command line can be seen by other users of the
device until it has started: --token-file keeps the token out of it.

Examples:
  hawser-agent join wss://relay.example:8443 --token abcdef.0123456789abcdef --ca-hash sha256:4f0a…
  hawser-agent join wss://a.example wss://b.example --token-file token --ca-hash sha256:4f0a… --node-name truck-1
  pass show truck-1 | hawser-agent join wss://relay.example --token-file - --ca-hash sha256:4f0a… --replace -o json

Exit codes: 0 joined, 1 the identity could not be written, 2 wrong command line or data folder, 5 no relay has answered so that it
could join (it may later), 7 refused, 8 joined as another node or by another authority already, 9 no relay that could be trusted, 130 interrupted.
`;

const GET_HELP = `
It reads the store, with or without a running agent and a link. Values of Secrets are shown only with --show-secrets.

Examples:
  hawser-agent get pods -A
  hawser-agent get configmaps settings -n shop -o yaml
  hawser-agent get secrets -n shop -o json --show-secrets

Exit codes: 0 shown, 1 not found or no store, 2 wrong command line.
`;

const QUERY_HELP = `
What the cloud sends to this device by itself is answered from that; anything else, and with --live that too, is asked of the
cloud, with the rights of this node. Without a link the last answer serves, as far as it is kept and its time is not over. stdout has the object alone; where it
came from and how old it is goes to stderr, and with -o answer into the JSON. A running agent is asked; without one the store is
read. Values of Secrets are shown only with --show-secrets.

Examples:
  hawser-agent query configmap settings -n shop
  hawser-agent query pv/disk-7 --live
  hawser-agent query volumeattachments.storage.k8s.io csi-1234 --timeout 2s
  hawser-agent query secret tls -n shop -o json --show-secrets | jq -r '.data["tls.crt"]'
  hawser-agent query pvc data -n shop -o answer

Exit codes: 0 shown, 1 no store or no agent that answers, 2 wrong command line, 3 not found, 4 forbidden,
5 no answer now (the relay or the API server cannot, or the time is over), 6 not known without a link, 7 refused.
`;

const STATUS_HELP = `
A running agent is asked how it is now; the rest, and all of a stopped one, is read from its store. What wants somebody to do something
stands under Attention, and with --check in the exit code. "hawser-agent doctor" looks for the reason.

Examples:
  hawser-agent status
  hawser-agent status -w
  hawser-agent status --data-dir ./data -o json
  hawser-agent status -o json | jq -r '.link.state, .lastSyncAgeSeconds'
  hawser-agent status --check > /dev/null || echo "look at this device"

Exit codes: 0 shown, whether an agent runs or not; 1 no store, or with --check something wants an operator; 2 wrong command line.
`;

const DOCTOR_HELP = `
Looks at agent, certificate, names, proxy, connections, TLS, clock, link, disk, store, local API, kubelet and memory, and says "ok" or what
to do. Nothing is changed. It takes the settings of "run", from the same places; what it went by it says first. A running agent is asked
about its link; only where none runs a relay is dialled and greeted, and left again. What this user may not look at is "unseen": run it with sudo.

Examples:
  hawser-agent doctor
  sudo hawser-agent doctor                            # of the Debian package's agent, by /etc/hawser/agent.yaml
  hawser-agent doctor --config agent.yaml             # of one that was started with it
  hawser-agent doctor -o json | jq -r '.findings[] | select(.level == "problem") | .check'

Exit codes: 0 nothing is wrong, 1 something is, 2 wrong command line or settings, 130 interrupted.
`;

const VERSION_HELP = `
Examples:
  hawser-agent version
  hawser-agent version -o json          # for a report of a fault
`;

const OUTBOX_HELP = `
What the device has written and the cloud has not answered yet: statuses (changes of one object wait as one report), Events, removals,
registrations. Oldest first; Events go after all others. It reads the store, with or without a running agent and a link.

Examples:
  hawser-agent outbox
  hawser-agent outbox --refused
  hawser-agent outbox -o json | jq '.entries[] | select(.resource == "pods")'

Exit codes: 0 shown, whether something waits or not; 1 no store; 2 wrong command line.
`;

const KUBELET_HELP = `
Starts nothing and writes nothing: the agent writes these files when it starts. What is wrong in the settings is told as it would be then.

Examples:
  hawser-agent kubelet config
  hawser-agent kubelet config --kubelet /opt/bin/kubelet --kubelet-config kubelet.yaml -o yaml
  hawser-agent kubelet config -o systemd         # the two lines for a unit, beside "hawser-agent run --kubelet=external"

Exit codes: 0 shown, 2 wrong command line or settings, no kubelet, or one of a version that is not started.
`;

const KUBECONFIG_HELP = `
It holds a token: keep it private. Without --write it is one that reads everything but Secrets; with --write one that also reads Secrets
and writes what a kubelet may. The one for a kubelet names the file of its token. Only root and the user whose the data folder is get them.

Examples:
  hawser-agent kubeconfig --kubelet > kubelet.kubeconfig
  (umask 077; hawser-agent kubeconfig > device.kubeconfig)
  kubectl --kubeconfig device.kubeconfig get pods -A
  (umask 077; hawser-agent kubeconfig --write > admin.kubeconfig)
  (umask 077; hawser-agent kubeconfig --rotate > device.kubeconfig)   # all earlier ones end

Exit codes: 0 printed, 1 the agent has never run or this user may not, 2 wrong command line.
`;

interface GetFlags {
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly output: 'table' | 'wide' | 'json' | 'yaml';
  readonly showSecrets?: boolean;
}

interface QueryFlags extends Pick<QueryRequest, 'namespace' | 'output'> {
  readonly showSecrets?: boolean;
  readonly live?: boolean;
  readonly timeout?: string;
}

/** Runs one command line, without the first two words of argv. @returns the exit code */
export async function runCli(args: readonly string[], options: CliOptions): Promise<number> {
  const program = programOf(options);
  try {
    await program.parseAsync(args, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof CommandFailure || error instanceof HawserError)) throw error;
    const lines = error.message.split('\n').map((line) => `hawser-agent: ${printable(line)}\n`);
    options.writeError(lines.join(''));
    if (error instanceof CommandFailure) return error.exitCode;
    return error.code === 'bad_config' ? EXIT.usage : EXIT.failed;
  }
}

function programOf(options: CliOptions): Command {
  const { env } = options;
  const program = new Command('hawser-agent')
    .description('Keeps what its node needs from a Kubernetes cluster, serves it on the device, and reports back.')
    .version(options.version)
    .addHelpText('after', HELP)
    .configureOutput({ writeOut: options.write, writeErr: options.writeError })
    .exitOverride()
    .hook('preAction', (_, command) => chooseCacheDir(() => cacheDirOf(command, env)));

  const run = program.command('run').description('run the agent until SIGTERM or SIGINT');
  addKubeletFlag(addSettings(run, SETTINGS, CONFIG_PLACE)).action(() => options.run(resolveConfig(sourcesWithKubelet(run, env))));
  run.addHelpText('after', RUN_HELP);

  const joinCommand = program
    .command('join')
    .description('make this device a node of a cluster, by a token')
    .argument('<relay...>', 'wss://HOST:PORT, several are asked in turn')
    .option('--token <token>', 'bootstrap token, ID.SECRET')
    .option('--token-file <file>', 'file with the token; - reads standard input')
    .option(
      '--ca-hash <hash>',
      "sha256:HEX, hash of the public key of the relay's authority; may be given again for another",
      (hash: string, before: readonly string[] = []) => [...before, hash],
    )
    .option('--node-name <name>', 'name of the Node (default: the host name)')
    .option('--replace', 'take the name from the device that holds it; needs a token that was made for it')
    .option('--rejoin', 'give up what this device has joined as')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'json']).default('text'));
  addDataDir(joinCommand).action(async (relays: string[]) => {
    // Loaded here: no other command dials.
    const { joinDevice } = await import('./join.ts');
    const flags = joinCommand.opts<JoinFlags & { config?: string; dataDir?: string }>();
    const dataDir = dataDirOf(joinCommand, env);
    const ownCertificate = ownCertificateOf(joinCommand, env);
    return joinDevice({ ...flags, relays, dataDir, runCommand: startCommand(flags), ownCertificate }, options);
  });
  joinCommand.addHelpText('after', JOIN_HELP);

  const getCommand = program
    .command('get')
    .description("show objects of the device's store")
    .argument('<resource>', 'pods, configmaps, secrets, nodes, …')
    .argument('[name]', 'only this one')
    .option('-n, --namespace <namespace>', 'namespace', 'default')
    .option('-A, --all-namespaces', 'all namespaces')
    .addOption(new Option('-o, --output <format>', 'format').choices(['table', 'wide', 'json', 'yaml']).default('table'))
    .option('--show-secrets', 'show the values of Secrets');
  addSettings(getCommand, STORE, CONFIG_PLACE).action((resource: string, name: string | undefined) => {
    const { namespace, allNamespaces = false, output, showSecrets = false } = getCommand.opts<GetFlags>();
    const seal = sealFor(getCommand, env);
    get({ dataDir: dataDirOf(getCommand, env), seal, resource, name, namespace, allNamespaces, output, showSecrets }, options);
  });
  getCommand.addHelpText('after', GET_HELP);

  const queryCommand = program
    .command('query')
    .description('ask the cloud for one object, and say where the answer came from')
    .argument('<resource>', 'configmaps, secrets, pv, pvc, volumeattachments, …')
    .argument('[name]', 'its name; or RESOURCE/NAME in one')
    .option('-n, --namespace <namespace>', 'namespace', 'default')
    .addOption(new Option('-o, --output <format>', 'format').choices(['yaml', 'json', 'name', 'answer']).default('yaml'))
    .option('--show-secrets', 'show the values of Secrets')
    .option('--live', 'ask the cloud also about what it has sent here')
    .option('--timeout <time>', 'wait so long for an answer: 500ms, 10s, 2m (default 10s)');
  addSettings(queryCommand, STORE, CONFIG_PLACE).action((resource: string, name: string | undefined) => {
    const { namespace, output, showSecrets = false, live = false, timeout } = queryCommand.opts<QueryFlags>();
    return query(
      {
        dataDir: dataDirOf(queryCommand, env),
        seal: sealFor(queryCommand, env),
        resource,
        name,
        namespace,
        output,
        showSecrets,
        live,
        timeout,
      },
      options,
    );
  });
  queryCommand.addHelpText('after', QUERY_HELP);

  const statusCommand = program
    .command('status')
    .description('show how the agent, its link and its store are')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'json']).default('text'))
    .option('--check', 'end with 1 where something wants an operator')
    .addOption(new Option('-w, --watch', 'again every two seconds, until Ctrl-C').conflicts('check'));
  addDataDir(statusCommand).action(() => {
    const { output, check = false, watch = false } = statusCommand.opts<Partial<StatusRequest> & Pick<StatusRequest, 'output'>>();
    return status({ dataDir: dataDirOf(statusCommand, env), output, check, watch }, options);
  });
  statusCommand.addHelpText('after', STATUS_HELP);

  const doctorCommand = program
    .command('doctor')
    .description('look for what is wrong, and say what to do')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'json']).default('text'));
  addKubeletFlag(addSettings(doctorCommand, SETTINGS, CONFIG_PLACE)).action(async () => {
    const { output } = doctorCommand.opts<{ output: 'text' | 'json' }>();
    const sources = sourcesWithKubelet(doctorCommand, env);
    const { settings } = resolveConfig(sources);
    // Loaded here: no other command needs it.
    const { doctor } = await import('./doctor/index.ts');
    return doctor({ settings, config: sources.file?.path, output, version: options.version }, options);
  });
  doctorCommand.addHelpText('after', DOCTOR_HELP);

  const outboxCommand = program
    .command('outbox')
    .description('show what the device still has to tell the cloud')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'json']).default('text'))
    .option('--refused', 'show the last reports that the cloud has refused, with code, reason and message');
  addDataDir(outboxCommand).action(() => {
    const { output, refused = false } = outboxCommand.opts<{ output: 'text' | 'json'; refused?: boolean }>();
    outbox({ dataDir: dataDirOf(outboxCommand, env), output, refused }, options);
  });
  outboxCommand.addHelpText('after', OUTBOX_HELP);

  const kubeconfigCommand = program.command('kubeconfig').description('print a kubeconfig of the Kubernetes API on this device');
  kubeconfigCommand
    .addOption(new Option('--write', 'of the administrator, who also reads Secrets and writes').conflicts('kubelet'))
    .option('--kubelet', 'for the kubelet beside the agent')
    .option('--rotate', 'make new tokens first, for all three; a running agent takes them up');
  addDataDir(kubeconfigCommand).action(() =>
    kubeconfig(dataDirOf(kubeconfigCommand, env), kubeconfigCommand.opts<KubeconfigFlags>(), options),
  );
  kubeconfigCommand.addHelpText('after', KUBECONFIG_HELP);

  const kubeletCommand = program.command('kubelet').description('the kubelet beside the agent');
  const kubeletConfigCommand = kubeletCommand
    .command('config')
    .description('print its configuration and command line')
    .addOption(new Option('-o, --output <format>', 'format').choices(['text', 'yaml', 'command', 'systemd']).default('text'));
  addKubeletFlag(addSettings(kubeletConfigCommand, SETTINGS, CONFIG_PLACE)).action(async () => {
    const { output, kubelet } = kubeletConfigCommand.opts<{ output: KubeletOutput; kubelet?: string | true }>();
    // It is about nothing else, so nobody has to say it.
    if (kubelet === undefined) kubeletConfigCommand.setOptionValue('kubelet', output === 'systemd' ? EXTERNAL_KUBELET : true);
    const { settings } = resolveConfig(sourcesWithKubelet(kubeletConfigCommand, env));
    // Loaded here: no other command needs it.
    const { kubeletConfig } = await import('./kubelet.ts');
    return kubeletConfig(settings, output, options);
  });
  kubeletConfigCommand.addHelpText('after', KUBELET_HELP);

  addLogLevelCommand(program, options);
  addStoreCommands(program, options);

  const versionCommand = program
    .command('version')
    .description('print the version')
    .addOption(
      new Option('-o, --output <format>', 'format; json has those of Node, SQLite and the link too')
        .choices(['text', 'json'])
        .default('text'),
    );
  versionCommand.addHelpText('after', VERSION_HELP);
  addSettings(versionCommand, LIBRARY, CONFIG_PLACE).action(() =>
    version(options.version, versionCommand.opts<{ output: 'text' | 'json' }>().output, options),
  );

  addCompletion(program, COMPLETION, options.write);
  return program;
}

function addDataDir(command: Command): Command {
  return addSettings(command, READING, CONFIG_PLACE);
}
