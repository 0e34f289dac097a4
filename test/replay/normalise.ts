const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g;
const MICRO_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g;
const TOKEN_VOLUME = /kube-api-access-[a-z0-9]{5}/g;
/** Ages in the cells of tables. */
const AGE = /^(<invalid>|(\d+[dhms]){1,2})$/;

/**
 * A body with everything that differs from run to run replaced by a word for it, so that what is left can be compared as it is:
 * uids, times, revisions, tokens, generated names, ages. managedFields are left out because the embedded server writes
 * none, descriptions of columns because the recording has none.
 */
export function normalise(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => normalise(item, key));
  if (typeof value === 'object' && value !== null) {
    const generated = 'generateName' in value && typeof value.generateName === 'string' ? value.generateName : undefined;
    return Object.fromEntries(
      Object.entries(value)
        .filter(
          ([name, item]) =>
            name !== 'managedFields' && !(name === 'description' && key === 'columnDefinitions' && typeof item === 'string'),
        )
        .map(([name, item]) =>
          name === 'name' && generated !== undefined ? [name, `${generated}<suffix>`] : [name, normalise(item, name)],
        ),
    );
  }
  return typeof value === 'string' ? normaliseText(value, key) : value;
}

function normaliseText(text: string, key: string): string {
  switch (key) {
    case 'resourceVersion':
      return text === '' || text === '0' ? text : '<revision>';
    case 'continue':
      return '<continue>';
    case 'token':
      return text.length > 100 ? '<token>' : text;
    case 'ca.crt':
      return '<certificate>';
    case 'cells':
      return AGE.test(text) ? '<age>' : variableParts(text);
    case 'message':
      return (
        variableParts(text)
          .replace(/resource version: \d+ \(\d+\)/g, 'resource version: <revision> (<revision>)')
          .replace(/current: \d+/g, 'current: <revision>')
          .replace(/in record \(\d+\)/g, 'in record (<revision>)')
          // What Go prints of the difference of two structs.
          .replace(/\n@@[\s\S]*$/, '')
      );
    default:
      return variableParts(text);
  }
}

function variableParts(text: string): string {
  return text
    .replace(UUID, '<uid>')
    .replace(MICRO_TIME, '<micro time>')
    .replace(TIME, '<time>')
    .replace(TOKEN_VOLUME, 'kube-api-access-<suffix>');
}
