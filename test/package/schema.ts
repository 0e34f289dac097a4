import { Spec, Validation } from '@cyclonedx/cyclonedx-library';

const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);

/**
 * What the schema that CycloneDX publishes for 1.6 refuses in a bill of materials in JSON, by CycloneDX' own library, which brings the
 * schemas of that format, of SPDX' identifiers and of signatures. Fields that it does not know are refused too.
 * @returns empty for a good one
 */
export async function schemaFaultsOf(text: string): Promise<readonly string[]> {
  const found = (await validator.validate(text)) as readonly { instancePath: string; message?: string }[] | null;
  return (found ?? []).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`);
}
