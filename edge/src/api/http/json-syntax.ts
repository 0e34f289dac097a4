import { MAX_JSON_DEPTH } from '@hawser/protocol';

/**
 * What is wrong with a text that is no JSON, in the words of Go's encoding/json, which clients show to people; also for JSON
 * that is nested deeper than {@link MAX_JSON_DEPTH}. Undefined when nothing is.
 */
export function jsonProblem(text: string): string | undefined {
  return new Scanner(text).problem();
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  problem(): string | undefined {
    const open: ('object' | 'array')[] = [];
    let expects: 'value' | 'firstKey' | 'key' | 'firstItem' | 'afterValue' = 'value';
    for (;;) {
      this.#skipSpace();
      const character = this.#text[this.#at];
      const container = open.at(-1);
      if (expects === 'afterValue') {
        if (container === undefined) {
          return character === undefined ? undefined : this.#unexpected(character, 'after top-level value');
        }
        if (character === undefined) return END;
        const close = container === 'object' ? '}' : ']';
        if (character === ',') expects = container === 'object' ? 'key' : 'value';
        else if (character === close) open.pop();
        else return this.#unexpected(character, container === 'object' ? 'after object key:value pair' : 'after array element');
        this.#at++;
      } else if (expects === 'key' || expects === 'firstKey') {
        if (character === undefined) return END;
        if (character === '}' && expects === 'firstKey') {
          open.pop();
          this.#at++;
          expects = 'afterValue';
          continue;
        }
        if (character !== '"') return this.#unexpected(character, 'looking for beginning of object key string');
        const problem = this.#string() ?? this.#colon();
        if (problem !== undefined) return problem;
        expects = 'value';
      } else if (character === ']' && expects === 'firstItem') {
        open.pop();
        this.#at++;
        expects = 'afterValue';
      } else if (character === '{' || character === '[') {
        if (open.length >= MAX_JSON_DEPTH) return 'exceeded max depth';
        open.push(character === '{' ? 'object' : 'array');
        this.#at++;
        expects = character === '{' ? 'firstKey' : 'firstItem';
      } else {
        const problem = this.#scalar(character);
        if (problem !== undefined) return problem;
        expects = 'afterValue';
      }
    }
  }

  #scalar(character: string | undefined): string | undefined {
    switch (character) {
      case undefined:
        return END;
      case '"':
        return this.#string();
      case 't':
        return this.#literal('true');
      case 'f':
        return this.#literal('false');
      case 'n':
        return this.#literal('null');
      default:
        return /[-0-9]/.test(character) ? this.#number() : this.#unexpected(character, 'looking for beginning of value');
    }
  }

  #string(): string | undefined {
    for (this.#at++; ; this.#at++) {
      const character = this.#text[this.#at];
      if (character === undefined) return END;
      if (character === '"') {
        this.#at++;
        return undefined;
      }
      if (character < ' ') return this.#unexpected(character, 'in string literal');
      if (character === '\\') {
        this.#at++;
        const escaped = this.#text[this.#at];
        if (escaped === undefined) return END;
        if (escaped === 'u') {
          const problem = this.#hexadecimal();
          if (problem !== undefined) return problem;
        } else if (!'"\\/bfnrt'.includes(escaped)) return this.#unexpected(escaped, 'in string escape code');
      }
    }
  }

  #hexadecimal(): string | undefined {
    for (let digit = 0; digit < 4; digit++) {
      this.#at++;
      const character = this.#text[this.#at];
      if (character === undefined) return END;
      if (!/[0-9a-fA-F]/.test(character)) return this.#unexpected(character, 'in \\u hexadecimal character escape');
    }
    return undefined;
  }

  #colon(): string | undefined {
    this.#skipSpace();
    const character = this.#text[this.#at];
    if (character === undefined) return END;
    if (character !== ':') return this.#unexpected(character, 'after object key');
    this.#at++;
    return undefined;
  }

  #literal(word: string): string | undefined {
    for (const expected of word) {
      const character = this.#text[this.#at];
      if (character === undefined) return END;
      if (character !== expected) return this.#unexpected(character, `in literal ${word} (expecting '${expected}')`);
      this.#at++;
    }
    return undefined;
  }

  #number(): string | undefined {
    const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
    number.lastIndex = this.#at;
    const found = number.exec(this.#text)?.[0];
    if (found === undefined || /^[.eE]$/.test(this.#text[this.#at + found.length] ?? '')) {
      const at = this.#at + (found?.length ?? 0) + 1;
      const character = this.#text[at];
      return character === undefined ? END : this.#unexpected(character, 'in numeric literal');
    }
    this.#at += found.length;
    return undefined;
  }

  #skipSpace(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #unexpected(character: string, where: string): string {
    return `invalid character ${goRune(character)} ${where}`;
  }
}

const END = 'unexpected end of JSON input';

function goRune(character: string): string {
  if (character === "'") return `'\\''`;
  return character < ' ' ? `'\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}'` : `'${character}'`;
}
