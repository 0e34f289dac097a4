/** Downloads the versions of kubectl and Helm that tests use, and prints where each is. */
import { fetchTool, PROGRAMS, TOOL_PACKAGES } from './fetch.ts';

for (const wanted of TOOL_PACKAGES) {
  for (const name of PROGRAMS) process.stdout.write(`${name} ${wanted[name].version} ${await fetchTool(wanted, name)}\n`);
}
