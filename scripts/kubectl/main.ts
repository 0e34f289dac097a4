/** Downloads the versions of kubectl that tests use, and prints where each is. */
import { fetchKubectl, KUBECTL_VERSIONS } from './fetch.ts';

for (const wanted of KUBECTL_VERSIONS) process.stdout.write(`${wanted.version} ${await fetchKubectl(wanted)}\n`);
