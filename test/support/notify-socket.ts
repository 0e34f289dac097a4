import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** One message of sd_notify(3): its assignments, in the order of the message. */
export type Message = Readonly<Record<string, string>>;

export interface NotifySocket {
  /** For `NOTIFY_SOCKET`. */
  readonly path: string;
  readonly messages: readonly Message[];
  close(): Promise<void>;
}

/**
 * The other end of sd_notify, as systemd has it: a datagram socket of the Unix domain. Node has none, and Perl is part of every Debian. Each
 * message is printed as one line, in hexadecimal. A descriptor that comes along (BARRIER=1) is dropped by the kernel, which is its answer.
 */
const RECEIVER = `
use Socket;
$| = 1;
socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
bind($socket, pack_sockaddr_un($ARGV[0])) or die "bind: $!";
print "bound\\n";
while (defined(recv($socket, my $message, 65536, 0))) { print unpack("H*", $message), "\\n"; }
`;

export async function openNotifySocket(path: string): Promise<NotifySocket> {
  const receiver = spawn('perl', ['-e', RECEIVER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(receiver, 'exit');
  const messages: Message[] = [];
  const lines = createInterface({ input: receiver.stdout });
  await Promise.race([
    once(lines, 'line'),
    exited.then(() => {
      throw new Error('the receiver of notices has ended');
    }),
  ]);
  lines.on('line', (line) => {
    const message = parse(Buffer.from(line, 'hex').toString());
    if (!('BARRIER' in message)) messages.push(message);
  });
  return {
    path,
    messages,
    async close() {
      receiver.kill();
      await exited;
    },
  };
}

function parse(text: string): Message {
  const assignments = text.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    assignments.map((line) => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
