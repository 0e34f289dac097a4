import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openapiPackages } from './openapi.ts';
import { BUILT, KUBERNETES_VERSION } from './programs.ts';
import { run } from './run.ts';

/** Without clients of cloud providers and of Docker: half the time, and nothing that is used here. */
const TAGS = 'providerless,dockerless';
/** Of the whole build, in milliseconds: two busy cores take half an hour. */
const TIMEOUT_MS = 3 * 3_600_000;
/** Packages between two lines of progress. */
const STEP = 200;

export interface BuildOptions {
  /** The unpacked source, which is `k8s.io/kubernetes` in the GOPATH. */
  readonly root: string;
  readonly gopath: string;
  readonly goroot: string;
  /** What is compiled is kept there, so that a build that was stopped goes on. */
  readonly cache: string;
  /** Programs go there. */
  readonly out: string;
  readonly progress: (text: string) => void;
}

/** Compiles the programs with what they are. @throws with the compiler's words */
export async function build({ root, gopath, goroot, cache, out, progress }: BuildOptions): Promise<void> {
  await mkdir(out, { recursive: true });
  const tools = join(gopath, 'bin');
  await mkdir(tools, { recursive: true });
  const path = `${join(goroot, 'bin')}:${process.env.PATH ?? ''}`;
  const env = { ...process.env, GOROOT: goroot, GOPATH: gopath, GO111MODULE: 'off', GOCACHE: cache, GOFLAGS: '', PATH: path };
  let compiled = 0;
  const go = (args: readonly string[]) => {
    const onLine = (line: string) => {
      if (!/^\S+\/\S+$/.test(line)) return;
      compiled++;
      if (compiled % STEP === 0) progress(`${compiled} packages compiled`);
    };
    return run(join(goroot, 'bin', 'go'), args, { cwd: root, env, timeoutMs: TIMEOUT_MS, onLine });
  };

  progress('OpenAPI definitions');
  await go(['build', '-o', tools, './vendor/k8s.io/kube-openapi/cmd/openapi-gen']);
  const generate = [
    ...['-i', (await openapiPackages(root)).join(',')],
    ...['-p', 'k8s.io/kubernetes/pkg/generated/openapi', '-O', 'zz_generated.openapi'],
    ...['-h', 'vendor/k8s.io/code-generator/hack/boilerplate.go.txt', '-r', join(gopath, 'openapi-report')],
  ];
  await run(join(tools, 'openapi-gen'), generate, { cwd: root, env, timeoutMs: TIMEOUT_MS });

  const [major, minor] = KUBERNETES_VERSION.split('.');
  const said = { gitVersion: `v${KUBERNETES_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'archive' };
  const variables = ['component-base/version', 'client-go/pkg/version'].flatMap((place) =>
    Object.entries(said).map(([name, value]) => `-X k8s.io/kubernetes/vendor/k8s.io/${place}.${name}=${value}`),
  );
  for (const name of BUILT) {
    progress(name);
    await go(['build', '-v', '-tags', TAGS, '-ldflags', ['-s', '-w', ...variables].join(' '), '-o', out, `./cmd/${name}`]);
  }
}
