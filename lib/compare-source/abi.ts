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

/** Integer types of C and of the kernel's base headers. A size of `word` is that of a pointer. */
const INTEGERS: readonly (readonly [size: number | 'word', isSigned: boolean, names: string])[] = [
  [1, true, 'char, signed char, int8_t, CHAR, INT8'],
  [1, false, 'unsigned char, _Bool, bool, uint8_t, UINT8'],
  [2, true, 'short, int16_t, INT16'],
  [2, false, 'unsigned short, uint16_t, UINT16'],
  [4, true, 'int, signed, int32_t, pid_t, INT32, STATUS_T'],
  [4, false, 'unsigned int, unsigned, uint32_t, uid_t, gid_t, mode_t, UINT32'],
  [8, true, 'long long, int64_t, INT64'],
  [8, false, 'unsigned long long, uint64_t, UINT64'],
  ['word', true, 'long, ssize_t, ptrdiff_t, intptr_t, INTPTR'],
  ['word', false, 'unsigned long, size_t, uintptr_t, UINTPTR, BOOL'],
  ['word', false, 'VADDR_T, PADDR_T, vaddr_t, paddr_t'],
];

const INTEGER_BY_NAME = new Map(
  INTEGERS.flatMap(([size, isSigned, names]) =>
    names.split(', ').map((name) => [name, { size, isSigned }]),
  ),
);

/** Returns an integer type that C or the kernel's base headers define, or `undefined`. */
export function integerType(name: string, abi: Abi): IntegerType | undefined {
  const type = INTEGER_BY_NAME.get(name);
  return type && { ...type, size: type.size === 'word' ? abi.word : type.size };
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
