/**
 * Decides whether a scenario depends on the sizes of one ABI. The recorded scenarios were made on
 * LP64. Most of them hold for ILP32 as well, since the engine lays out messages with the sizes of
 * its own ABI.
 *
 * Every message is laid out for both ABIs, and every check of a size is evaluated for both. If one
 * result differs, or if the file states a number that only LP64 can have, the scenario is for LP64
 * only. A dependency that this cannot detect, such as the number of messages that fit a pool, is
 * stated in the file with `"abi": "lp64"`.
 */
import type { OutMessage, Part, Scenario, Step, WantedPart } from './scenario.js';

interface Abi {
  /**
   * sizeof(SpecialObj), sizeof(IpcMsg) with LOSCFG_SECURITY_CAPABILITY and without it, in bytes.
   */
  readonly object: number;
  readonly messages: readonly number[];
  readonly pointer: number;
}

const lp64: Abi = { object: 24, messages: [80, 72], pointer: 8 };
const ilp32: Abi = { object: 16, messages: [64, 56], pointer: 4 };

const dataMax = ({ object, pointer }: Abi): number =>
  Math.floor((8192 * object) / (object + pointer));

const isObject = ({ kind }: Part | WantedPart): boolean =>
  kind === 'fd' || kind === 'ptr' || kind === 'svc' || kind === 'object';

function partSize(part: Part | WantedPart, abi: Abi): number {
  switch (part.kind) {
    case 'u32':
      return 4;
    case 'u64':
      return 8;
    case 'bytes':
      return part.bytes.length;
    case 'fill':
    case 'any':
      return part.size;
    default:
      return abi.object;
  }
}

/** Lays out parts. Each part begins at a multiple of 8 bytes. */
function layOut(
  parts: readonly (Part | WantedPart)[],
  abi: Abi,
): { size: number; offsets: number[] } {
  let size = 0;
  const offsets: number[] = [];
  for (const part of parts) {
    const begin = Math.ceil(size / 8) * 8;
    if (isObject(part)) offsets.push(begin);
    size = begin + partSize(part, abi);
  }
  return { size, offsets };
}

/** Returns the results of the size checks of a message. */
function checkMessage(out: OutMessage, abi: Abi, cmsLimits: readonly number[]): readonly boolean[] {
  const laid = layOut(out.data, abi);
  const size = out.dataSz ?? laid.size;
  const offsets = out.offsets ?? laid.offsets;
  const count = out.spObjNum ?? offsets.length;
  const max = dataMax(abi);
  const buffers = out.data.reduce(
    (sum, part) => sum + (part.kind === 'ptr' ? layOut(part.data, abi).size : 0),
    0,
  );
  const isSound = offsets.map(
    (offset, index) =>
      offset + abi.object <= size && offset >= (offsets[index - 1] ?? -abi.object) + abi.object,
  );
  const isRoomAtCms = cmsLimits.flatMap((limit) =>
    abi.messages.map((message) => message + size + count * 4 + buffers <= limit),
  );
  return [
    size <= max,
    count <= Math.floor(max / abi.object),
    size >= count * abi.object,
    ...isSound,
    ...isRoomAtCms,
  ];
}

const sizedCommand = 0x6904;

function findReason(
  { action, wantMessage }: Step,
  cmsLimits: readonly number[],
): string | undefined {
  if (wantMessage?.dataSz !== undefined) {
    const hasObjects = wantMessage.data?.some(isObject) ?? (wantMessage.spObjNum ?? 0) > 0;
    if (hasObjects) return 'dataSz of a message with objects';
  }
  switch (action.do) {
    case 'setCms': {
      const isEnough = (abi: Abi): string =>
        String(abi.messages.map((size) => action.maxMsgSize >= size));
      return isEnough(lp64) === isEnough(ilp32) ? undefined : 'the size of IpcMsg';
    }
    case 'ioctlRaw':
      return (action.cmd & 0xffff) === sizedCommand ? 'the size of IpcContent' : undefined;
    case 'pool':
      return action.wantUsed === 'empty' ? undefined : 'bytes in a pool';
    case 'msg': {
      const { out } = action;
      if (out === undefined) return undefined;
      const hasObjects = out.data.some(isObject);
      if (hasObjects && (out.dataSz !== undefined || out.offsets !== undefined)) {
        return 'dataSz or offsets of a message with objects';
      }
      const [one, other] = [lp64, ilp32].map((abi) => String(checkMessage(out, abi, cmsLimits)));
      return one === other ? undefined : 'the size of a message at a limit';
    }
    default:
      return undefined;
  }
}

/** Returns why the scenario is for LP64 only, or `undefined` if it is not. */
export function findLp64Reason({ abi, steps }: Scenario): string | undefined {
  const cmsLimits = steps.flatMap(({ action }) =>
    action.do === 'setCms' ? [action.maxMsgSize] : [],
  );
  for (const step of steps) {
    const reason = findReason(step, cmsLimits);
    if (reason !== undefined) return `sizes of the LP64 ABI: step ${step.number}, ${reason}`;
  }
  return abi === undefined ? undefined : 'sizes of the LP64 ABI';
}
