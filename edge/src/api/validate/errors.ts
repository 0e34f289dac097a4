import { type FieldError, quote } from '../status.ts';

export function required(field: string, why = ''): FieldError {
  return { reason: 'FieldValueRequired', field, message: why === '' ? 'Required value' : `Required value: ${why}` };
}

export function invalidValue(field: string, value: string | number, why: string): FieldError {
  const shown = typeof value === 'number' ? String(value) : quote(value);
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${shown}: ${why}` };
}

export function forbiddenValue(field: string, why: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${why}` };
}

export function unsupportedValue(field: string, value: string, supported: readonly string[]): FieldError {
  const message = `Unsupported value: ${quote(value)}: supported values: ${supported.map(quote).join(', ')}`;
  return { reason: 'FieldValueNotSupported', field, message };
}

export function tooLong(field: string, maxBytes: number): FieldError {
  return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${maxBytes} bytes` };
}

export function duplicate(field: string, value: string): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${quote(value)}` };
}

export function missingReference(field: string, value: string): FieldError {
  return { reason: 'FieldValueNotFound', field, message: `Not found: ${quote(value)}` };
}
