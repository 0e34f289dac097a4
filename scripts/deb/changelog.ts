import { PACKAGE } from './control.ts';

/** Longest line, in characters, that readers of changelogs show whole. */
const WIDTH = 80;

export interface Release {
  readonly version: string;
  /** `2026-11-30`; undefined for one that is not out. */
  readonly date: string | undefined;
  readonly notes: readonly string[];
}

/** The releases of CHANGELOG.md, newest first. */
export function releasesIn(changelog: string): readonly Release[] {
  return changelog
    .split(/^## /m)
    .slice(1)
    .map((text) => {
      const [heading = '', ...lines] = text.split('\n');
      const [, version, date] = /^(\d\S*) \((?:(\d{4}-\d\d-\d\d)|unreleased)\)$/.exec(heading) ?? [];
      if (version === undefined) throw new Error(`CHANGELOG.md: "## ${heading}" is not "## VERSION (DATE)" or "(unreleased)"`);
      const notes = lines.join('\n').split(/^- /m).slice(1).map(plain);
      return { version, date, notes };
    });
}

/**
 * The changelog in Debian's form (Debian Policy §4.4).
 * @param unreleased of the release that is not out
 */
export function debianChangelog(releases: readonly Release[], maintainer: string, unreleased: Date): string {
  return releases
    .map(({ version, date, notes }) => {
      const time = date === undefined ? unreleased : new Date(`${date}T00:00:00Z`);
      const stamp = time.toUTCString().replace('GMT', '+0000');
      return `${PACKAGE} (${version}) unstable; urgency=medium\n\n${notes.map(item).join('\n')}\n\n -- ${maintainer}  ${stamp}\n`;
    })
    .join('\n');
}

/** Markdown's links and code as text. */
function plain(note: string): string {
  return note
    .replaceAll(/\[([^\]]+)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

function item(note: string): string {
  const lines = [''];
  for (const word of note.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line !== '' && `    ${line} ${word}`.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.map((line, index) => (index === 0 ? `  * ${line}` : `    ${line}`)).join('\n');
}
