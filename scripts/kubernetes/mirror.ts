/**
 * The mirror of Debian's packages that this system uses, among the lines `ORIGIN URI` that apt tells of its sources. Updates of security have an
 * archive of their own, which lacks most packages.
 * @throws Error where none is there
 */
export function firstMirror(targets: string): string {
  for (const line of targets.split('\n')) {
    const [, uri] = /^Debian (\S+)$/.exec(line.trim()) ?? [];
    if (uri !== undefined && !/security/.test(uri)) return uri;
  }
  throw new Error("apt knows no mirror of Debian: run apt-get update as root; another system's packages do not do");
}
