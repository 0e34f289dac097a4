import { type Finding, note, ok, problem } from '../types.ts';

export interface ProxyFacts {
  readonly relay: string;
  /** Names of the variables that are set, never their values: there may be a password in them. */
  readonly variables: readonly string[];
  /** `HOST:PORT` of the one that this relay is dialled through. */
  readonly proxy: string | undefined;
  /** What is wrong with the variable. */
  readonly wrong: string | undefined;
  /** What came of CONNECT; undefined without a proxy, and where it was let through. */
  readonly failure: string | undefined;
  /** Variables that the running agent has otherwise than this command; undefined where that is not known. */
  readonly otherwise: readonly string[] | undefined;
}

export function judgeProxy({ relay, variables, proxy, wrong, failure, otherwise }: ProxyFacts): readonly Finding[] {
  const findings = [judgeWay({ relay, variables, proxy, wrong, failure })];
  if (otherwise !== undefined && otherwise.length > 0) {
    findings.push(
      note(
        `the agent that runs has another ${otherwise.join(', ')} than this command`,
        'what is told here is about this command: set the variables as in the unit of the agent (Environment=), or the other way round',
        relay,
      ),
    );
  }
  return findings;
}

function judgeWay({ relay, variables, proxy, wrong, failure }: Omit<ProxyFacts, 'otherwise'>): Finding {
  if (wrong !== undefined) return problem(wrong, 'mend the variable, or take it out of the environment of the agent', relay);
  if (proxy !== undefined) {
    if (failure === undefined) return ok(`the proxy ${proxy} lets us through`, relay);
    const [text = failure, ...rest] = failure.split(/: (?=its operator|put |is |are )/);
    return problem(
      text,
      rest.join(': ') || 'mend or change the proxy that HTTPS_PROXY names; NO_PROXY dials this relay directly',
      relay,
    );
  }
  if (variables.length === 0) return ok('dialled directly: no proxy is set', relay);
  return ok(
    `dialled directly: ${variables.join(', ')} ${variables.length === 1 ? 'is' : 'are'} set, and not for this address`,
    relay,
  );
}
