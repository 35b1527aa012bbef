/** Evaluates constant expressions of C: integers, characters, strings and `sizeof`. */
import type { Abi } from './abi.js';
import type { Token } from './lexer.js';
import { Unevaluable } from './macros.js';

export interface IntegerValue {
  readonly value: bigint;
  readonly bits: 32 | 64;
  readonly isSigned: boolean;
}

export type ConstantValue = IntegerValue | string;

/** Names that an expression may refer to. Macros are expanded beforehand. */
export interface ExpressionScope {
  readonly abi: Abi;
  /**
   * Returns the value of an enumerator or another name. `undefined` makes the expression
   * unevaluable.
   */
  valueOf(name: string): bigint | undefined;
  /**
   * Returns the size of a type in bytes, written like `unsigned long` or `struct Name`, or
   * `undefined`.
   */
  sizeOf(type: string): number | undefined;
}

/** Nesting limit. It protects the stack from hostile input. */
const DEPTH_MAX = 100;

/** Binary operators, from the loosest to the tightest binding. */
const OPERATORS = ['||', '&&', '|', '^', '&', '== !=', '< > <= >=', '<< >>', '+ -', '* / %'];
const PRECEDENCE = new Map(
  OPERATORS.flatMap((level, index) => level.split(' ').map((operator) => [operator, index + 1])),
);

const ESCAPES: Readonly<Record<string, number>> = {
  n: 10,
  t: 9,
  r: 13,
  a: 7,
  b: 8,
  f: 12,
  v: 11,
  '0': 0,
};

function wrap(value: bigint, bits: 32 | 64, isSigned: boolean): IntegerValue {
  const bounded = isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);
  return { value: bounded, bits, isSigned };
}

const truth = (value: boolean): IntegerValue => wrap(value ? 1n : 0n, 32, true);

function parseNumber(text: string, abi: Abi): IntegerValue {
  const match =
    /^(0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*)([uU]?)([lL]{0,2})([uU]?)$/.exec(
      text.replaceAll("'", ''),
    );
  if (match === null) throw new Unevaluable(`${text} is no integer`);
  const [, digits = '0', before = '', longs = '', after = ''] = match;
  const isOctal = /^0[0-7]+$/.test(digits);
  const value = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  const hasUnsigned = before !== '' || after !== '';
  let bits: 32 | 64 =
    longs === 'LL' || longs === 'll' || (longs !== '' && abi.word === 8) ? 64 : 32;
  const isDecimal = /^[1-9]/.test(digits);
  const fits = (size: number, signed: boolean): boolean =>
    value < 1n << BigInt(signed ? size - 1 : size);
  let isSigned = !hasUnsigned;
  if (!fits(bits, isSigned)) {
    if (isSigned && !isDecimal && fits(bits, false)) isSigned = false;
    else bits = 64;
    if (isSigned && !fits(64, true)) isSigned = false;
  }
  return wrap(value, bits, isSigned);
}

function parseCharacter(text: string): IntegerValue {
  const body = text.slice(1, -1);
  if (body.length === 1) return wrap(BigInt(body.charCodeAt(0)), 32, true);
  const escaped = body.slice(1);
  if (body.startsWith('\\') && escaped.length === 1) {
    return wrap(BigInt(ESCAPES[escaped] ?? escaped.charCodeAt(0)), 32, true);
  }
  throw new Unevaluable(`${text} is no single character`);
}

class ExpressionParser {
  #at = 0;
  #depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly scope: ExpressionScope,
  ) {}

  parse(): IntegerValue {
    const value = this.#conditional();
    const rest = this.tokens[this.#at];
    if (rest !== undefined) throw new Unevaluable(`"${rest.text}" is not expected here`);
    return value;
  }

  #peek(): string | undefined {
    return this.tokens[this.#at]?.text;
  }

  #take(text: string): void {
    if (this.#peek() !== text) {
      throw new Unevaluable(`"${text}" is expected instead of "${this.#peek() ?? 'the end'}"`);
    }
    this.#at += 1;
  }

  #nested<T>(parse: () => T): T {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new Unevaluable('it is nested too deeply');
    const value = parse();
    this.#depth -= 1;
    return value;
  }

  #conditional(): IntegerValue {
    return this.#nested(() => {
      const condition = this.#binary(1);
      if (this.#peek() !== '?') return condition;
      this.#take('?');
      const yes = this.#conditional();
      this.#take(':');
      const no = this.#conditional();
      return convert(condition.value !== 0n ? yes : no, yes, no);
    });
  }

  #binary(minimum: number): IntegerValue {
    let left = this.#unary();
    for (;;) {
      const operator = this.#peek() ?? '';
      const precedence = PRECEDENCE.get(operator);
      if (precedence === undefined || precedence < minimum) return left;
      this.#at += 1;
      const right = this.#nested(() => this.#binary(precedence + 1));
      left = applyBinary(operator, left, right);
    }
  }

  #unary(): IntegerValue {
    return this.#nested(() => {
      const token = this.tokens[this.#at];
      if (token === undefined) throw new Unevaluable('a value is missing');
      if (token.text === 'sizeof') return this.#sizeof();
      if (['-', '+', '~', '!'].includes(token.text)) {
        this.#at += 1;
        const operand = this.#unary();
        if (token.text === '!') return truth(operand.value === 0n);
        if (token.text === '+') return operand;
        const value = token.text === '-' ? -operand.value : ~operand.value;
        return wrap(value, operand.bits, operand.isSigned);
      }
      if (token.text === '(') return this.#parenthesis();
      this.#at += 1;
      if (token.kind === 'number') return parseNumber(token.text, this.scope.abi);
      if (token.kind === 'character') return parseCharacter(token.text);
      if (token.kind === 'identifier') {
        const value = this.scope.valueOf(token.text);
        if (value === undefined) throw new Unevaluable(`${token.text} is not defined in this text`);
        return wrap(value, 32, true);
      }
      throw new Unevaluable(`"${token.text}" is not expected here`);
    });
  }

  /** Parses a cast or an expression in parentheses. */
  #parenthesis(): IntegerValue {
    const start = this.#at;
    this.#take('(');
    const size = this.#typeName();
    if (size !== undefined && this.#peek() === ')') {
      this.#take(')');
      const operand = this.#unary();
      const bits = size.bytes > 4 ? 64 : 32;
      return wrap(
        BigInt[size.isSigned ? 'asIntN' : 'asUintN'](size.bytes * 8, operand.value),
        bits,
        size.isSigned,
      );
    }
    this.#at = start;
    this.#take('(');
    const value = this.#conditional();
    this.#take(')');
    return value;
  }

  #sizeof(): IntegerValue {
    this.#take('sizeof');
    this.#take('(');
    const type = this.#typeName();
    if (type === undefined) {
      throw new Unevaluable(`the size of "${this.#peek() ?? ''}" is not known`);
    }
    this.#take(')');
    return wrap(BigInt(type.bytes), this.scope.abi.word === 8 ? 64 : 32, false);
  }

  /** Reads the name of a type, or returns `undefined` if there is none. */
  #typeName(): { bytes: number; isSigned: boolean } | undefined {
    const start = this.#at;
    const words: string[] = [];
    while (this.tokens[this.#at]?.kind === 'identifier') {
      const word = this.#peek() ?? '';
      if (word !== 'const' && word !== 'volatile') words.push(word);
      this.#at += 1;
    }
    let isPointer = false;
    while (words.length > 0 && this.#peek() === '*') {
      isPointer = true;
      this.#at += 1;
    }
    const name = words.join(' ');
    const bytes = name === '' ? undefined : this.scope.sizeOf(name);
    if (isPointer && (bytes !== undefined || /^(?:void|VOID)$/.test(name))) {
      return { bytes: this.scope.abi.word, isSigned: false };
    }
    if (bytes === undefined || isPointer) {
      this.#at = start;
      return undefined;
    }
    return { bytes, isSigned: !/^u|^U|unsigned|size_t/.test(name) };
  }
}

/** Applies the usual arithmetic conversions of C to a value of a binary operation. */
function convert(value: IntegerValue, left: IntegerValue, right: IntegerValue): IntegerValue {
  const bits = left.bits === 64 || right.bits === 64 ? 64 : 32;
  const isUnsigned = [left, right].some((each) => !each.isSigned && each.bits === bits);
  return wrap(value.value, bits, !isUnsigned);
}

function applyBinary(operator: string, left: IntegerValue, right: IntegerValue): IntegerValue {
  const a = left.value;
  const b = right.value;
  if (operator === '&&') return truth(a !== 0n && b !== 0n);
  if (operator === '||') return truth(a !== 0n || b !== 0n);
  if (operator === '<<' || operator === '>>') {
    if (b < 0n || b >= BigInt(left.bits)) throw new Unevaluable(`a shift by ${b} bits`);
    return wrap(operator === '<<' ? a << b : a >> b, left.bits, left.isSigned);
  }
  const { value: x, bits, isSigned } = convert(left, left, right);
  const { value: y } = convert(right, left, right);
  if ((operator === '/' || operator === '%') && y === 0n) throw new Unevaluable('a division by 0');
  const results: Record<string, () => bigint | boolean> = {
    '==': () => x === y,
    '!=': () => x !== y,
    '<': () => x < y,
    '>': () => x > y,
    '<=': () => x <= y,
    '>=': () => x >= y,
    '|': () => x | y,
    '^': () => x ^ y,
    '&': () => x & y,
    '+': () => x + y,
    '-': () => x - y,
    '*': () => x * y,
    '/': () => x / y,
    '%': () => x % y,
  };
  const result = results[operator]?.();
  if (result === undefined) throw new Unevaluable(`the operator ${operator}`);
  return typeof result === 'boolean' ? truth(result) : wrap(result, bits, isSigned);
}

/**
 * Returns the value of an integer expression. Throws {@link Unevaluable} with the reason if it has
 * no value.
 */
export function evaluateInteger(tokens: readonly Token[], scope: ExpressionScope): IntegerValue {
  return new ExpressionParser(tokens, scope).parse();
}

/** Evaluates like {@link evaluateInteger}, but returns a string for string literals. */
export function evaluateConstant(tokens: readonly Token[], scope: ExpressionScope): ConstantValue {
  if (tokens.length > 0 && tokens.every(({ kind }) => kind === 'string')) {
    return tokens.map(({ text }) => text.slice(1, -1)).join('');
  }
  return evaluateInteger(tokens, scope);
}
