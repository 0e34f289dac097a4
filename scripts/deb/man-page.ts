export interface ManualFacts {
  readonly version: string;
  /** Of the release, or of what it is made from. */
  readonly date: Date;
  /** The help of the program itself. */
  readonly help: string;
  /** Each command, and its help as the command line prints it: `store rekey`. */
  readonly commands: readonly { readonly name: string; readonly help: string }[];
}

/** Files of the package that a person works with. */
const FILES: readonly (readonly [string, string])[] = [
  ['/etc/hawser/agent.yaml', 'Settings of the service, and of the commands where nothing else is said.'],
  [
    '/etc/hawser/tls/',
    'Made by who uses a certificate of their own in place of joining; the service starts when something is in there.',
  ],
  [
    '/var/lib/hawser/',
    'What the device is (identity/), its store, its keys and tokens. Mode 0700. Purging the package deletes it.',
  ],
  [
    '/var/cache/hawser-agent/, /var/cache/hawser/',
    'The native library of SQLite, unpacked by the service and by commands of root.',
  ],
  ['/lib/systemd/system/hawser-agent.service', 'The service. It is not started before the device has joined.'],
  [
    '/usr/share/doc/hawser-agent/examples/',
    'Units for a kubelet beside the agent, for an agent that runs it, and for joining in the first boot.',
  ],
];

/** hawser-agent(8): what the commands say of themselves, and what only the package knows (man(7), groff_man(7)). */
export function manPage({ version, date, help, commands }: ManualFacts): string {
  const description = /^\n?Usage:.*\n\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '';
  return `${[
    `.TH HAWSER\\-AGENT 8 ${date.toISOString().slice(0, 10)} "Hawser ${version}" "System administration"`,
    '.SH NAME',
    'hawser\\-agent \\- keeps, serves and reports on a device what its node is in a Kubernetes cluster',
    '.SH SYNOPSIS',
    '.B hawser\\-agent',
    '.I command',
    '[\\fIoptions\\fR]',
    '.SH DESCRIPTION',
    text(description),
    '.PP',
    'As a service it is run by systemd with the settings of /etc/hawser/agent.yaml. It tells systemd when its API on the device serves,',
    'how its link is, and that it lives; losing the link is no failure.',
    '.PP',
    'A device becomes a node by',
    '.BR "hawser\\-agent join" ,',
    'with the words that "hawser\\-relay token create" prints.',
    '.SH COMMANDS',
    ...commands.flatMap((command) => [`.SS ${roff(command.name)}`, '.nf', verbatim(command.help), '.fi']),
    '.SH FILES',
    ...FILES.flatMap(([path, what]) => ['.TP', `.I ${roff(path)}`, text(what)]),
    '.SH SEE ALSO',
    '.BR systemctl (1),',
    '.BR journalctl (1)',
  ].join('\n')}\n`;
}

/** Control characters of roff at the beginning of a line, backslashes, and what is a hyphen to it and a minus to a shell. */
function roff(line: string): string {
  return line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('…', '...')
    .replace(/^\./, '\\&.');
}

function text(paragraph: string): string {
  return paragraph.trim().split('\n').map(roff).join('\n');
}

function verbatim(help: string): string {
  return help.trim().split('\n').map(roff).join('\n');
}
