/**
 * Defines the format of a policy file. scripts/policy-schema.mjs generates policy.schema.json from
 * it.
 */
import { z } from 'zod';
import { serviceNamePattern } from '../common/arguments.js';
import { QUOTA_MAX, upstreamQuota } from './quota.js';

const id = z.int().min(0).max(0xffff_ffff);

const subjectKinds = {
  uid: id.describe('User ID.').optional(),
  gid: id.describe("The process's own group ID.").optional(),
  pid: id.describe('Process ID.').optional(),
  uids: z.array(id).min(1).describe('Any of these user IDs.').optional(),
  uidRange: z
    .strictObject({ from: id, to: id })
    .refine(({ from, to }) => from <= to, { message: '"from" is larger than "to"' })
    .describe('Range of user IDs, both ends included.')
    .optional(),
  executable: z
    .string()
    .regex(/^\//, { message: 'must be an absolute path' })
    .describe(
      'Absolute path of the program, without symbolic links. Advisory: an interpreter runs any script.',
    )
    .optional(),
};

const kinds = Object.keys(subjectKinds);

function named(subject: object): boolean {
  return kinds.some((kind) => (subject as Record<string, unknown>)[kind] !== undefined);
}

const someone = { message: `matches no caller: give one of ${kinds.join(', ')}` };
/** The same condition as `named`, in JSON Schema. */
const anyKind = { anyOf: kinds.map((kind) => ({ required: [kind] })) };

const amount = z.number().positive().max(QUOTA_MAX);
const count = z.int().min(1).max(QUOTA_MAX);
const { callsPerSecond, burst } = upstreamQuota;

const quotaKinds = {
  callsPerSecond: amount
    .describe('Sustained requests per second, including one-way messages.')
    .optional(),
  burst: count
    .describe('Most requests at once after a pause. Default: 1.5 seconds of callsPerSecond.')
    .optional(),
  bytesPerSecond: amount.describe('Sustained bytes of messages per second.').optional(),
  burstBytes: count
    .describe('Most bytes at once after a pause. Default: 1.5 seconds of bytesPerSecond.')
    .optional(),
  inFlight: count.describe('Most calls that the service has received and not finished.').optional(),
};

const server = z.strictObject(subjectKinds).refine(named, someone).meta(anyKind);
const methods = z
  .array(z.string().min(1))
  .min(1)
  .describe('Only these methods of the service. Default: all.')
  .optional();
const caller = z
  .strictObject({ ...subjectKinds, methods })
  .refine(named, someone)
  .meta(anyKind);
const limited = z
  .strictObject({ ...subjectKinds, methods, ...quotaKinds })
  .refine(named, someone)
  .refine((entry) => entry.burst === undefined || entry.callsPerSecond !== undefined, {
    message: '"burst" needs "callsPerSecond"',
  })
  .refine((entry) => entry.burstBytes === undefined || entry.bytesPerSecond !== undefined, {
    message: '"burstBytes" needs "bytesPerSecond"',
  })
  .meta({
    ...anyKind,
    dependencies: { burst: ['callsPerSecond'], burstBytes: ['bytesPerSecond'] },
  });

function listsOf<Entry extends z.ZodType>(entry: Entry) {
  return {
    allow: z
      .array(entry)
      .min(1)
      .describe('Callers that are admitted. All other callers are refused.')
      .optional(),
    deny: z
      .array(entry)
      .min(1)
      .describe('Callers that are refused, even if another rule admits them.')
      .optional(),
  };
}

const callLists = z.strictObject({
  ...listsOf(caller),
  limit: z
    .array(limited)
    .min(1)
    .describe(
      'Quotas of admitted callers, counted for each user. If several fit a caller, all of them apply. ' +
        `Default: ${callsPerSecond} calls per second, ${burst} at once.`,
    )
    .optional(),
});

const serviceName = z.string().regex(serviceNamePattern, {
  message: 'is not a name of a service: 1 to 64 of [A-Za-z0-9._:/-]',
});

/** A whole policy file. */
export const policyFileSchema = z
  .strictObject({
    $schema: z.string().describe('Path or URL of this schema, for editors.').optional(),
    call: z
      .record(serviceName, callLists)
      .describe(
        'By service: the processes that may call it, or some of its methods, and their quotas.',
      )
      .optional(),
    serve: z
      .record(serviceName, z.strictObject(listsOf(server)))
      .describe("By service: the processes that may register the service's name.")
      .optional(),
  })
  .meta({
    title: 'LiteIPC policy',
    description:
      'Rules that decide which processes may call and serve which services in a LiteIPC domain.',
  });

/** Returns the JSON Schema (draft 7) of policy files. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policyFileSchema, { target: 'draft-7', io: 'input' });
}
