/** Where this relay may be dialled, when no setting says so: by its host's names, from itself, and as a pod by its address. */
export function defaultNames(machine: { readonly hostname: string; readonly podIp: string | undefined }): readonly string[] {
  const names = [machine.hostname, 'localhost', '127.0.0.1', '::1', machine.podIp ?? ''];
  return [...new Set(names.filter((name) => name !== ''))];
}
