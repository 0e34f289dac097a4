/** Writes what is made from the chart and its values: deploy/manifests, the schema of the relay's settings, the table in the chart's README. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CHART, ROOT } from './chart/helm.ts';
import { plainManifests } from './chart/manifests.ts';
import { withSettings } from './chart/settings-schema.ts';
import { withTable } from './chart/values-table.ts';
import { fetchTool, TOOL_PACKAGES } from './kubectl/fetch.ts';

const rewrite = (file: string, change: (text: string) => string) => writeFileSync(file, change(readFileSync(file, 'utf8')));

const newest = TOOL_PACKAGES.at(-1);
if (newest === undefined) throw new Error('there is no package with Helm');
rewrite(join(CHART, 'values.schema.json'), withSettings);
// Helm reads no file outside of the chart.
copyFileSync(join(ROOT, 'deploy', 'monitoring', 'rules.yaml'), join(CHART, 'files', 'rules.yaml'));
rewrite(join(CHART, 'README.md'), (text) => withTable(text, readFileSync(join(CHART, 'values.yaml'), 'utf8')));
const folder = join(ROOT, 'deploy', 'manifests');
const manifests = await plainManifests(await fetchTool(newest, 'helm'));
rmSync(folder, { recursive: true, force: true });
for (const [file, text] of manifests) {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}
