/** Describes the two ABIs that are compared, and what the kernel's base headers define for them. */

export interface Abi {
  readonly name: 'ILP32' | 'LP64';
  /** Size of a pointer, of `long` and of `size_t`, in bytes. */
  readonly word: 4 | 8;
}

/** 32-bit ARM (EABI), the reference ABI of the small system. It aligns `long long` to 8 bytes. */
export const ILP32: Abi = { name: 'ILP32', word: 4 };
/** 64-bit Linux: x86-64 and AArch64. */
export const LP64: Abi = { name: 'LP64', word: 8 };

export const ABIS: readonly Abi[] = [ILP32, LP64];

/** An integer type. Its alignment equals its size. */
export interface IntegerType {
  readonly size: number;
  readonly isSigned: boolean;
}

const FIXED: Readonly<Record<string, readonly [number, boolean]>> = {
  char: [1, true],
  'signed char': [1, true],
  'unsigned char': [1, false],
  short: [2, true],
  'unsigned short': [2, false],
  int: [4, true],
  signed: [4, true],
  'unsigned int': [4, false],
  unsigned: [4, false],
  'long long': [8, true],
  'unsigned long long': [8, false],
  _Bool: [1, false],
  bool: [1, false],
  int8_t: [1, true],
  int16_t: [2, true],
  int32_t: [4, true],
  int64_t: [8, true],
  uint8_t: [1, false],
  uint16_t: [2, false],
  uint32_t: [4, false],
  uint64_t: [8, false],
  pid_t: [4, true],
  uid_t: [4, false],
  gid_t: [4, false],
  mode_t: [4, false],
  CHAR: [1, true],
  INT8: [1, true],
  INT16: [2, true],
  INT32: [4, true],
  INT64: [8, true],
  UINT8: [1, false],
  UINT16: [2, false],
  UINT32: [4, false],
  UINT64: [8, false],
  STATUS_T: [4, true],
};

/** Types as wide as a pointer. The value states whether the type is signed. */
const WORDS: Readonly<Record<string, boolean>> = {
  long: true,
  'unsigned long': false,
  size_t: false,
  ssize_t: true,
  ptrdiff_t: true,
  intptr_t: true,
  uintptr_t: false,
  INTPTR: true,
  UINTPTR: false,
  VADDR_T: false,
  PADDR_T: false,
  vaddr_t: false,
  paddr_t: false,
  BOOL: false,
};

/** Returns an integer type that C or the kernel's base headers define, or `undefined`. */
export function integerType(name: string, abi: Abi): IntegerType | undefined {
  const fixed = Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
  if (fixed !== undefined) return { size: fixed[0], isSigned: fixed[1] };
  return Object.hasOwn(WORDS, name)
    ? { size: abi.word, isSigned: WORDS[name] === true }
    : undefined;
}

/** Structures of the kernel's base headers that LiteIPC uses and that consist of two pointers. */
export const BASE_POINTER_PAIRS: ReadonlySet<string> = new Set(['LOS_DL_LIST']);

/**
 * Returns the macros that the kernel's configuration and base headers define. Limits are the
 * defaults of LiteOS-A; the port's `liteos-a` profile has the same values.
 */
export function baseMacros(abi: Abi): Record<string, string> {
  return {
    YES: '1',
    NO: '0',
    TRUE: '1',
    FALSE: '0',
    LOS_OK: '0U',
    LOS_NOK: '1U',
    PAGE_SHIFT: '12U',
    PAGE_SIZE: '4096U',
    LOSCFG_BASE_CORE_TSK_LIMIT: '128',
    LOSCFG_BASE_CORE_PROCESS_LIMIT: '64',
    UINT32_MAX: '0xFFFFFFFFU',
    UINTPTR_MAX: abi.word === 4 ? '0xFFFFFFFFU' : '0xFFFFFFFFFFFFFFFFUL',
    __SIZEOF_POINTER__: String(abi.word),
    ...(abi.word === 8 ? { __LP64__: '1' } : { __arm__: '1' }),
  };
}
