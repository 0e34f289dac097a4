import type { LiveAgent } from '../../../ops/live-agent.ts';
import { type Finding, note, ok, problem } from '../types.ts';

/** What is known of the agent before anything else is looked at. */
export interface AgentFacts {
  readonly dataDir: string;
  /** Undefined: there is no store, so none has ever run here. */
  readonly running: boolean | undefined;
  /** Its own word; or why there is none. */
  readonly live: LiveAgent | { readonly silent: string } | undefined;
  /** Of this program. */
  readonly version: string;
  /** What stands in the way of looking, such as a folder of another user. */
  readonly hidden: string | undefined;
}

export function judgeAgent({ dataDir, running, live, version, hidden }: AgentFacts): readonly Finding[] {
  if (hidden !== undefined) return [problem(hidden, 'run it as the user of the agent or as root: sudo hawser-agent doctor')];
  if (running === undefined) {
    return [
      note(
        `no agent has run in ${dataDir} yet`,
        'start it, "hawser-agent run"; --data-dir or --config say where it keeps its files',
      ),
    ];
  }
  if (!running || live === undefined) return [note('no agent runs now', 'start it: "hawser-agent run", or its unit of systemd')];
  if ('silent' in live) {
    return [
      problem(`an agent runs and does not answer: ${live.silent}`, 'look at its log; where it says nothing either, restart it'),
    ];
  }
  const changed = live.logLevel.level === live.logLevel.configured ? '' : `, its log is at ${live.logLevel.level} by hand`;
  if (live.version !== version) {
    return [
      note(
        `the agent that runs is ${live.version}, and this program is ${version}${changed}`,
        'restart the agent, if it was upgraded',
      ),
    ];
  }
  return [ok(`${version} runs, pid ${live.pid}${changed}`)];
}
