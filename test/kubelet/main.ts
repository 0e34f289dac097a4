import { startPlayedKubelet } from './kubelet.ts';
import { HELP, parseCommand } from './options.ts';

try {
  const command = parseCommand(process.argv.slice(2));
  if (command.type === 'help') process.stdout.write(HELP);
  else {
    const kubelet = startPlayedKubelet({
      ...command.options,
      onHappening(happening) {
        if (happening.event !== 'request' || command.showsRequests) process.stdout.write(`${JSON.stringify(happening)}\n`);
      },
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, kubelet.stop);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
