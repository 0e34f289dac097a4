import { bytesInWords } from '../../../ops/space.ts';
import { type Finding, note, ok, unseen } from '../types.ts';

export interface MemoryFacts {
  /** MemAvailable of the system (proc(5)); undefined where it does not say. */
  readonly availableBytes: number | undefined;
  /** Of the agent; undefined where none runs or this user may not look. */
  readonly agent: { readonly residentBytes: number; readonly openFiles: number | undefined } | undefined;
  /** Of the group of processes that the agent runs in (cgroups v2), where it is bounded. */
  readonly group: { readonly limitBytes: number; readonly usedBytes: number } | undefined;
}

/** An agent with 20 pods takes some 80 MB; with less than that left the kernel soon ends processes. In bytes. */
const LOW_BYTES = 64 * 1024 * 1024;
/** Of what it is allowed. */
const NEARLY_ALL = 0.9;
/** The local API takes as many connections, and each is a file. */
const FEW_FILES = 4_096;

export function judgeMemory({ availableBytes, agent, group }: MemoryFacts): readonly Finding[] {
  if (availableBytes === undefined) return [unseen('the system does not say how much memory is left')];
  const own = agent === undefined ? '' : `, the agent has ${bytesInWords(agent.residentBytes)}`;
  const text = `${bytesInWords(availableBytes)} available${own}`;
  const findings: Finding[] = [
    availableBytes < LOW_BYTES
      ? note(`only ${text}`, 'the kernel may end the agent or its pods: fewer pods, or limits for them')
      : ok(text),
  ];
  if (group !== undefined && group.usedBytes > group.limitBytes * NEARLY_ALL) {
    findings.push(
      note(
        `${bytesInWords(group.usedBytes)} of the ${bytesInWords(group.limitBytes)} that its unit may have`,
        'raise MemoryMax= of the unit: at the limit the kernel ends the agent',
      ),
    );
  }
  if (agent?.openFiles !== undefined && agent.openFiles < FEW_FILES) {
    findings.push(
      note(
        `the agent may open ${agent.openFiles} files, and limits.apiConnections alone may take ${FEW_FILES}`,
        'set LimitNOFILE=16384 in its unit',
      ),
    );
  }
  return findings;
}
