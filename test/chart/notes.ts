import assert from 'node:assert/strict';
import { neverSay } from '../support/output-check.ts';
import { runCommand } from '../support/processes.ts';

/** Runs the command of the notes, as an administrator would. @returns the words of the line that it prints, after the program */
export async function joinLine(notes: string, node: string, program: string, kubeconfig: string): Promise<string[]> {
  const [, command = ''] = /^ +hawser-relay (token create .*)$/m.exec(notes) ?? [];
  assert.ok(command.includes('NAME'), notes);
  const { code, stdout, stderr } = await runCommand({
    name: 'hawser-relay token',
    args: [program, ...command.replace('NAME', node).split(' ')],
    env: { KUBECONFIG: kubeconfig },
    showsSecrets: true,
  });
  assert.equal(code, 0, stderr);
  const [, shape = ''] = /^ +(hawser-agent join .*)$/m.exec(notes) ?? [];
  const like = shape.replace('NAME', node).replace('ID.SECRET', '([a-z0-9]{6})\\.([a-z0-9]{16})').replace('HEX', '[0-9a-f]{64}');
  const [, , secret = ''] = new RegExp(`^${like}$`).exec(stdout.trim()) ?? [];
  assert.notEqual(secret, '', `the line is not as the notes say: ${shape}`);
  neverSay(secret);
  return stdout.trim().split(/ +/).slice(1);
}
